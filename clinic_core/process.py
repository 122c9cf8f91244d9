"""The settings and the clinic of this process: read and opened once, when first asked for.

Kept in this module and not in a Streamlit cache, because any browser may ask Streamlit to empty its caches.
"""

from __future__ import annotations

import threading

from clinic_core.clinic import Clinic, open_clinic
from clinic_core.settings import Settings

_lock = threading.Lock()
_settings: Settings | None = None
_clinic: Clinic | None = None


def settings() -> Settings:
    """What the environment says; raises SettingsError."""
    global _settings  # noqa: PLW0603 - one per process is the point
    with _lock:
        if _settings is None:
            _settings = Settings.from_env()
        return _settings


def clinic() -> Clinic:
    """The clinic that every session, route and thread of this process shares."""
    global _clinic  # noqa: PLW0603 - one per process is the point
    if _clinic is not None:
        return _clinic
    chosen = settings()
    with _lock:
        if _clinic is None:
            _clinic = open_clinic(chosen)
        return _clinic
