"""The app without its warm-up: ``python -m clinic_core.bench.cold run app.py …`` in place of ``python -m streamlit``.

The app reads the facts before its first visitor comes. To measure what it takes to read them, this one does not.
"""

from __future__ import annotations

import importlib
import runpy
from typing import Any

if __name__ == "__main__":
    warm: Any = importlib.import_module("web.warm")
    warm._reach_the_database = lambda: None
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
