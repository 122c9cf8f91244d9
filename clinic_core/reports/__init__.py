"""Reports: pure functions from facts to figures, one file each. A file in this folder that has a TITLE is a report.

A report's file says

- ``TITLE``, ``BOARD``, with which others it is shown, and ``ORDER``, its place among them;
- ``BASIS``, which day dates its figures, in words that a manager reads beside them;
- ``KEY``, the column that tells its rows apart ("" when it has one row), ``CHART``, how it is drawn;
- ``MEASURES``, its figures: each names the facts behind it, so that every figure can show its rows;
- ``FACTS``, the frames that ``build`` takes, in order, and ``build`` itself.

The frames of charges, payments and visits are sums already: one row per value of the key and per event (of visits, per
status), with the facts' amounts added up and how many they are in ``count``. So ``build`` may only sum, and gives for
the rows themselves what it gives for their sums. A report that needs rows, such as one of quantiles, asks for
``visit_rows`` and so on, and names in ``COLUMNS`` what it takes of them; it costs ten times as much.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Protocol, cast

import pandas as pd

from clinic_core.reports.measures import Chart, Measure


class Report(Protocol):
    """What a report's file holds."""

    TITLE: str
    BOARD: str
    ORDER: int
    BASIS: str
    KEY: str
    CHART: Chart
    MEASURES: tuple[Measure, ...]
    FACTS: tuple[str, ...]
    COLUMNS: tuple[str, ...]  # of rows; only where FACTS has some

    def build(self, *frames: pd.DataFrame) -> pd.DataFrame:
        """The figures: a row per value of KEY, a column per measure."""


@cache
def found() -> Mapping[str, Report]:
    """Every report by the name of its file, in order."""
    modules = {part.name: import_module(f"{__name__}.{part.name}") for part in pkgutil.iter_modules(__path__)}
    reports = {name: cast(Report, module) for name, module in modules.items() if hasattr(module, "TITLE")}
    return MappingProxyType(dict(sorted(reports.items(), key=lambda item: (item[1].ORDER, item[0]))))


@cache
def boards() -> Mapping[str, tuple[str, ...]]:
    """The names of the reports that are shown together, by board, in order; the summary is on none."""
    made: dict[str, list[str]] = {}
    for name, report in found().items():
        if report.BOARD:
            made.setdefault(report.BOARD, []).append(name)
    return MappingProxyType({board: tuple(names) for board, names in made.items()})
