"""Periods of time: which days a report is about, and in which steps it shows them."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pandas as pd

PERIOD: Final = "period"  # the column of a period's first day
_DAYS_IN_WEEK: Final = 7
_EPOCH_TO_MONDAY: Final = 3  # 1970-01-01 was a Thursday
_MOST_DAYS: Final = 62  # shown day by day, unless somebody asks for it
_MOST_WEEKS_DAYS: Final = 200


class Span(StrEnum):
    """Which days, as a manager says it."""

    THIS_MONTH = "This month"
    LAST_MONTH = "Last month"
    LAST_30_DAYS = "Last 30 days"
    LAST_90_DAYS = "Last 90 days"
    THIS_YEAR = "This year"
    LAST_YEAR = "Last year"
    ALL = "All"
    CUSTOM = "Custom"


class Grain(StrEnum):
    """How long a period is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_MONTHS: Final = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}  # since 1970, which begins a year


def days_of(span: Span, today: date) -> tuple[date | None, date | None]:
    """First and last day of a span, both included; None is an open end.

    The last 30 days end today. This month and this year include the days to come, which hold visits already.
    """
    month, day = today.replace(day=1), timedelta(days=1)
    year = month.replace(month=1)
    spans = {
        Span.THIS_MONTH: (month, _next_month(month) - day),
        Span.LAST_MONTH: ((month - day).replace(day=1), month - day),
        Span.LAST_30_DAYS: (today - 29 * day, today),
        Span.LAST_90_DAYS: (today - 89 * day, today),
        Span.THIS_YEAR: (year, year.replace(month=12, day=31)),
        Span.LAST_YEAR: (year.replace(year=year.year - 1), year - day),
    }
    return spans.get(span, (None, None))


def grain_for(start_on: date | None, end_on: date | None) -> Grain:
    """The steps that make a readable chart of these days."""
    if start_on is None or end_on is None:
        return Grain.MONTH
    days = (end_on - start_on).days + 1
    if days <= _MOST_DAYS:
        return Grain.DAY
    return Grain.WEEK if days <= _MOST_WEEKS_DAYS else Grain.MONTH


def period_of(days: pd.Series, grain: Grain) -> pd.Series:
    """The first day of each day's period, ``datetime64[s]``; a week begins on Monday."""
    return pd.Series(start_of(number_of(days.to_numpy(), grain), grain), index=days.index, name=PERIOD)


def number_of(days: np.ndarray[Any, Any], grain: Grain) -> np.ndarray[Any, Any]:
    """The how-manieth period since 1970 each day lies in: the next period has the next number."""
    whole = days.astype("datetime64[D]")
    if grain in _MONTHS:
        return whole.astype("datetime64[M]").astype(np.int64) // _MONTHS[grain]
    since = whole.astype(np.int64)
    return (since + _EPOCH_TO_MONDAY) // _DAYS_IN_WEEK if grain is Grain.WEEK else since


def start_of(numbers: np.ndarray[Any, Any], grain: Grain) -> np.ndarray[Any, Any]:
    """The first day of periods by their numbers, ``datetime64[s]``."""
    if grain in _MONTHS:
        return (numbers * _MONTHS[grain]).astype("datetime64[M]").astype("datetime64[s]")
    days = numbers * _DAYS_IN_WEEK - _EPOCH_TO_MONDAY if grain is Grain.WEEK else numbers
    return days.astype("datetime64[D]").astype("datetime64[s]")


def weekday_of(days: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """0 for Monday to 6 for Sunday, of days since 1970."""
    return (days + _EPOCH_TO_MONDAY) % _DAYS_IN_WEEK


def every_period(first: pd.Timestamp, last: pd.Timestamp, grain: Grain) -> pd.DatetimeIndex:
    """All periods from the first to the last, both of them beginnings of periods."""
    step = {Grain.DAY: "D", Grain.WEEK: "7D", Grain.MONTH: "MS", Grain.QUARTER: "QS", Grain.YEAR: "YS"}[grain]
    return pd.date_range(first, last, freq=step, unit="s", name=PERIOD)


def last_day(first: pd.Timestamp, grain: Grain) -> date:
    """The last day of the period that begins on `first`."""
    months = _MONTHS.get(grain, 0)
    begin = pd.Timestamp(first)
    end = begin + (pd.DateOffset(months=months) if months else pd.Timedelta(days=7 if grain is Grain.WEEK else 1))
    return (end - pd.Timedelta(days=1)).date()


def _next_month(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)
