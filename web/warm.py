"""What the app's process does before its first visitor, and about its garbage."""

from __future__ import annotations

import gc
import importlib
import logging
import pkgutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, Final

import clinic_core.services
import ui
from clinic_core import process
from clinic_core.errors import Unavailable
from clinic_core.services import passwords

# What the first screen needs; without it the first visitor would wait for these imports.
_FIRST: Final = ("pandas", "pyarrow", "plotly.graph_objects", "plotly.io", "orjson", "phonenumbers", "babel.numbers")
# What is needed later and slow to import.
_LATER: Final = ("fpdf",)
_COLLECT_SECONDS: Final = 60.0
_YOUNG, _MIDDLE, _OLD = 50_000, 20, 1_000

_log = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Import ahead, leave what is imported out of every later garbage collection, collect apart from the runs."""
    for name in (*_FIRST, *_of_ours()):
        importlib.import_module(name)
    _settle()
    stop = threading.Event()
    threading.Thread(target=_look_after, args=(stop,), name="garbage", daemon=True).start()
    try:
        yield
    finally:
        stop.set()


def _of_ours() -> list[str]:
    """What the pages import; the router is no module but Streamlit's script."""
    packages = {"ui": ui.__path__, "clinic_core.services": clinic_core.services.__path__}
    names = [f"{name}.{module.name}" for name, path in packages.items() for module in pkgutil.iter_modules(path)]
    return [name for name in names if name != "ui.main"]


def _look_after(stop: threading.Event) -> None:
    """Finish the slow imports, then collect about once a minute until told to stop."""
    for name in _LATER:
        importlib.import_module(name)
    passwords.warm_up()
    _reach_the_database()
    _settle()
    while not stop.wait(_COLLECT_SECONDS):
        started = perf_counter()
        found = gc.collect()
        took = round((perf_counter() - started) * 1000)
        _log.debug("garbage collected", extra={"fields": {"objects": found, "milliseconds": took}})


def _settle() -> None:
    """Freeze what is there for good; collect by count only rarely, because a full collection stops every run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)


def _reach_the_database() -> None:
    """Open the first connections; where the database is not up yet, the first visitor does it."""
    try:
        process.clinic().directory()
    except Unavailable:
        _log.warning("the database does not answer yet")
