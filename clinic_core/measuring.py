"""``bench reports``: makes a clinic of many years, starts an app on it, and measures the Reports page."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

from clinic_core import progress
from clinic_core.bench import reports as driver
from clinic_core.bench.pages import cpu_seconds
from clinic_core.children import Child
from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.embedded import free_port, open_database
from clinic_core.errors import InvalidInput, Unavailable
from clinic_core.folder import DataFolder
from clinic_core.services import demo, facts
from clinic_core.services.fact_memory import SOURCES, block_id_of
from clinic_core.settings import Settings
from clinic_core.supervisor import Options, app_is_healthy, app_program, child_environment

_READY_SECONDS: Final = 90
_IDLE_SHARE: Final = 0.05  # of a core
_MONTHS: Final = 12
_FRESH: Final = 3  # cold processes that are measured
_COLD: Final = ("-m", "clinic_core.bench.cold")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure, on how much."""

    years: float
    practitioners: int = 12
    clicks: int = 300
    seed: int = 1


def run(settings: Settings, plan: Plan) -> dict[str, Any]:
    """Make the data when it is missing, measure, and give what is printed."""
    with _clinic(settings, bulk_load=True) as clinic:
        loaded_s = _load(clinic, plan)
    with _clinic(settings) as clinic:
        facts.fold(clinic)
        _require_years(clinic, plan.years)
        return {**_measured(clinic, plan), "load_s": loaded_s, "cores": os.cpu_count()}


@contextmanager
def _clinic(settings: Settings, *, bulk_load: bool = False) -> Iterator[Clinic]:
    with open_database(settings, bulk_load=bulk_load) as url:
        clinic = open_clinic(replace(settings, database_url=url))
        try:
            create_indexes(clinic)
            yield clinic
        finally:
            clinic.close()


def _load(clinic: Clinic, plan: Plan) -> float | None:
    """Make the demo clinic; None when it is there already."""
    if demo.is_loaded(clinic):
        return None
    began = time.perf_counter()
    with progress.bar("Loading the demo clinic", "days") as move:
        demo.load(clinic, years=plan.years, practitioners=plan.practitioners, progress=move)
    return round(time.perf_counter() - began, 1)


def _require_years(clinic: Clinic, years: float) -> None:
    """Refuse data of fewer years than are to be measured: what is there already is not made again."""
    found = _years(clinic)
    if found + 1 / _MONTHS < years:
        raise InvalidInput(
            f"This data folder holds {found} years, {years:g} are to be measured. Give an empty --data-dir, or --years "
            f"{found}."
        )


def _years(clinic: Clinic) -> float:
    """Years of money in the data, by the months that have some."""
    return round(len(_months(clinic)) / _MONTHS, 1)


def _measured(clinic: Clinic, plan: Plan) -> dict[str, Any]:
    cold = [_cold_opening(clinic) for _ in range(_FRESH)]
    with _app(clinic, ()) as (url, pid):
        _wait_until_idle(pid)
        loaded_mb = _memory_mb(pid, "VmRSS")
        ways = [driver.Plan(url=url, password=demo.PASSWORD, query=query) for query in driver.questions()]
        warm = [asyncio.run(driver.opening(way)).milliseconds for way in ways]
        drive = driver.Plan(url=url, password=demo.PASSWORD, clicks=plan.clicks, seed=plan.seed)
        worked_s = _cpu_seconds(pid)
        clicks = asyncio.run(driver.clicking(drive))
        worked_s = _cpu_seconds(pid) - worked_s
        for query in driver.heavy(clinic.today()):
            asyncio.run(driver.opening(replace(drive, query=query)))
        rss_mb, peak_mb = _memory_mb(pid, "VmRSS"), _memory_mb(pid, "VmHWM")
        month = _month_with_most(clinic)
        rebuilt_s = _seconds(lambda: _rebuild(clinic, month))
        changed_s = _seconds(lambda: _fold_one(clinic, month))
        after = asyncio.run(driver.opening(replace(drive, query=f"{driver.ALL}&report_steps=Month"))).milliseconds
    return {
        "years": _years(clinic),
        "open_cold_ms": round(median(cold), 1),
        "open_cold_all_ms": [round(each, 1) for each in cold],
        "open_warm_ms": round(median(warm), 1),
        "open_warm_all_ms": [round(each, 1) for each in warm],
        "click_p95_ms": clicks.milliseconds["p95"],
        "click_p95_by_board_ms": clicks.p95_by_board,
        "click_ms": clicks.milliseconds,
        "click_processor_ms": round(worked_s * 1000 / clicks.made, 1),
        "clicks_measured": clicks.measured,
        "clicks_made": clicks.made,
        "clicks_without_effect": clicks.without_effect,
        "rebuild_month_ms": round(rebuilt_s * 1000, 1),
        "fold_change_ms": round(changed_s * 1000, 1),
        "open_after_fold_ms": round(after, 1),
        "rss_mb": rss_mb,
        "rss_loaded_mb": loaded_mb,
        "rss_peak_mb": peak_mb,
        **_counts(clinic),
    }


def _cold_opening(clinic: Clinic) -> float:
    """The first page of a process that has read no fact yet; its imports are done, as they are before any visitor."""
    with _app(clinic, _COLD) as (url, pid):
        _wait_until_idle(pid)
        return asyncio.run(driver.opening(driver.Plan(url=url, password=demo.PASSWORD))).milliseconds


@contextmanager
def _app(clinic: Clinic, instead: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """An app process on this database: its address and its id."""
    folder = DataFolder(clinic.settings.data_dir)
    options = Options(port=free_port(), demo=False, browser=False)
    program = app_program(clinic.settings, options)
    environment = child_environment(clinic.settings, folder, options.port)
    child = Child("bench-app", [*(instead or program[:2]), *program[2:]], folder, environment)
    child.start()
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while not app_is_healthy(options):
            if time.monotonic() > deadline or not child.runs:
                raise Unavailable(f"The app did not start. Its log: {child.log}")
            time.sleep(0.2)
        yield f"http://localhost:{options.port}", child.pid or 0
    finally:
        child.stop()


def _wait_until_idle(pid: int) -> None:
    """Wait until the warm-up is over: two seconds with next to no processor time."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        before = _cpu_seconds(pid)
        time.sleep(2)
        if _cpu_seconds(pid) - before < 2 * _IDLE_SHARE:
            return


def _rebuild(clinic: Clinic, month: str) -> None:
    for name in SOURCES:
        facts.rebuild_month(clinic, block_id_of(name, month))
    clinic.facts.publish()


def _fold_one(clinic: Clinic, month: str) -> None:
    """What the sidecar does after one entry more in a month."""
    clinic.database["journal"].update_one({"month": month}, {"$set": {"unfolded": True}})
    facts.fold(clinic)


def _month_with_most(clinic: Clinic) -> str:
    """The month in which most was paid."""
    parts = facts.snapshot(clinic).payments.parts
    return _text(max(parts, key=len).month)


def _counts(clinic: Clinic) -> dict[str, int]:
    found = facts.snapshot(clinic)
    return {
        "rows": sum(_postings(clinic, _text(month)) for month in _months(clinic)),
        "entries": clinic.journal.count(),
        "visits": len(found.visits),
        "invoices": clinic.database["invoices"].estimated_document_count(),
        "charges": len(found.charges),
        "payments": len(found.payments),
    }


def _months(clinic: Clinic) -> list[int]:
    """Months since January 1970 in which money moved."""
    found = facts.snapshot(clinic)
    return sorted({part.month for fact in (found.charges, found.payments) for part in fact.parts})


def _postings(clinic: Clinic, month: str) -> int:
    found = clinic.database["journal"].find({"month": month}, {"postings.amount_minor": 1})
    return sum(len(document.get("postings", ())) for document in found)


def _text(month: int) -> str:
    """``"2026-03"`` of months since January 1970."""
    return f"{1970 + month // 12}-{month % 12 + 1:02d}"


def _memory_mb(pid: int, what: str) -> float:
    """A figure of /proc/<pid>/status in MB (Linux); 0 where that cannot be read."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((round(int(line.split()[1]) / 1024, 1) for line in lines if line.startswith(f"{what}:")), 0.0)


def _cpu_seconds(pid: int) -> float:
    return cpu_seconds({"app": pid}).get("app", 0.0)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
