"""Reports: pure functions from facts to figures, one file each. A file in this folder that has a TITLE is a report.

A report's file says

- ``TITLE``, and ``ORDER``, its place among the others;
- ``BASIS``, which day dates its figures, in words that a manager reads beside them;
- ``KEY``, the column that tells its rows apart ("" when it has one row), ``CHART``, how it is drawn;
- ``MEASURES``, its figures: each names the facts behind it, so that every figure can show its rows;
- ``FACTS``, the frames that ``build`` takes, in order, and ``build`` itself.
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
    ORDER: int
    BASIS: str
    KEY: str
    CHART: Chart
    MEASURES: tuple[Measure, ...]
    FACTS: tuple[str, ...]

    def build(self, *frames: pd.DataFrame) -> pd.DataFrame:
        """The figures: a row per value of KEY, a column per measure."""


@cache
def found() -> Mapping[str, Report]:
    """Every report by the name of its file, in order."""
    modules = {part.name: import_module(f"{__name__}.{part.name}") for part in pkgutil.iter_modules(__path__)}
    reports = {name: cast(Report, module) for name, module in modules.items() if hasattr(module, "TITLE")}
    return MappingProxyType(dict(sorted(reports.items(), key=lambda item: (item[1].ORDER, item[0]))))
