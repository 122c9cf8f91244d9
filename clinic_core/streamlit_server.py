"""How the app's server is started: settings become Streamlit's options."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from clinic_core.settings import Settings

LOCAL_NAMES: Final = ("localhost", "127.0.0.1")


def program(settings: Settings, *, host: str, port: int) -> list[str]:
    """What follows ``python``: ``-m streamlit run app.py`` with the address and the host names it answers to."""
    options = ["--server.headless=true", f"--server.address={host}", f"--server.port={port}"]
    options += ["--browser.gatherUsageStats=false"]
    options += [f"--server.allowedHosts={name}" for name in host_names(settings)]
    return ["-m", "streamlit", "run", "app.py", *options]


def environment(settings: Settings) -> dict[str, str]:
    """The variables that go with `program`: the secret that signs cookies stays off the command line."""
    return {"STREAMLIT_SERVER_COOKIE_SECRET": settings.cookie_secret} if settings.cookie_secret else {}


def host_names(settings: Settings) -> tuple[str, ...]:
    """The host names under which the app may be opened; none means any (a DNS rebinding attack needs that)."""
    if settings.allowed_hosts or not settings.public_url:
        return settings.allowed_hosts
    return (urlsplit(settings.public_url).hostname or "", *LOCAL_NAMES)
