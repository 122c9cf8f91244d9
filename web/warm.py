"""What the app's process does before its first visitor, and about its garbage."""

from __future__ import annotations

import gc
import importlib
import logging
import pkgutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from time import perf_counter
from typing import Any, Final

import clinic_core.services
import ui
from clinic_core import logs, process
from clinic_core.errors import Unavailable
from clinic_core.services import facts, passwords, watch

# What the first screen needs; without it the first visitor would wait for these imports.
_FIRST: Final = ("pandas", "pyarrow", "plotly.graph_objects", "plotly.io", "orjson", "phonenumbers", "babel.numbers")
# What is needed later and slow to import.
_LATER: Final = ("fpdf",)
# Every run waits while garbage is collected, for as long as there is garbage: little and often keeps that short.
_COLLECT_SECONDS: Final = 10.0
_WATCH_SECONDS: Final = 60.0
_FULL_EVERY: Final = 60  # times; between those only what is new is looked at
_OLDEST: Final = 2  # the generation of a full collection
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
    threading.Thread(target=watch_the_sidecar, args=(stop,), name="watch", daemon=True).start()
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
    for times in count(1):
        if stop.wait(_COLLECT_SECONDS):
            return
        _collect(_OLDEST if times % _FULL_EVERY == 0 else _OLDEST - 1)


def watch_the_sidecar(stop: threading.Event, seconds: float = _WATCH_SECONDS) -> None:
    """Look once a minute whether anything is done in the background, and tell people when nothing is."""
    silent = False
    while not stop.wait(seconds):
        try:
            silent = watch.look(process.clinic(), was_silent=silent)
        except Unavailable:  # the sidecar cannot be heard of then, and may be well
            silent = False
        except Exception as error:  # noqa: BLE001 - the next look may go well
            logs.report(error)


def _collect(generation: int) -> None:
    started = perf_counter()
    found = gc.collect(generation)
    took = round((perf_counter() - started) * 1000)
    fields = {"generation": generation, "objects": found, "milliseconds": took}
    _log.debug("garbage collected", extra={"fields": fields})


def _settle() -> None:
    """Freeze what is there for good; collect by count only rarely, because a full collection stops every run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)


def _reach_the_database() -> None:
    """Open the first connections and read the facts; where the database is not up yet, the first visitor does it."""
    try:
        process.clinic().directory()
        facts.prepare(process.clinic())
    except Unavailable:
        _log.warning("the database does not answer yet")
