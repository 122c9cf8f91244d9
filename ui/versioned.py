"""Forms over records that somebody else may be changing at the same time.

A form works on the record as it was when the form was first drawn. When the save meets a newer version, the changes
of both people are put together; only where both changed the same field the person is asked.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Generic, TypeVar

import streamlit as st

from clinic_core.clinic import Clinic, DirectoryView
from clinic_core.errors import Conflict
from ui import forms, session, text

R = TypeVar("R")
_BASE: Final = "versioned.base:"
_CLASH: Final = "versioned.clash:"
_DRAFTS: Final = "versioned.drafts:"


@dataclass(frozen=True, slots=True)
class Clash(Generic[R]):
    """What two people made of the same record: `merged` holds ours where both changed the fields `both`."""

    theirs: R
    merged: R
    both: tuple[str, ...]


def merge(base: R, mine: R, theirs: R) -> Clash[R]:
    """The newest record with what was changed here, and the fields that both changed to different values."""
    names = [field.name for field in fields(base) if field.name not in {"id", "version"}]  # type: ignore[arg-type]
    changed: dict[str, Any] = {n: getattr(mine, n) for n in names if getattr(mine, n) != getattr(base, n)}
    both = tuple(n for n in changed if getattr(theirs, n) not in (getattr(base, n), changed[n]))
    return Clash(theirs=theirs, merged=replace(theirs, **changed), both=both)  # type: ignore[type-var]


def enter(marker: str) -> None:
    """Forget what was open when the page is entered anew: when the widget with the key `marker` was not drawn last."""
    if marker not in st.session_state:
        for key in [k for k in st.session_state if str(k).startswith((_BASE, _CLASH, _DRAFTS))]:
            del st.session_state[key]


def opened(name: str, latest: R) -> R:
    """The record as it was when the form `name` was first drawn."""
    found: R = st.session_state.setdefault(_BASE + name, latest)
    return found


def drafts(name: str) -> dict[str, Any]:
    """What was typed and not saved, by record; for fields that Streamlit does not keep while another record is open."""
    found: dict[str, Any] = st.session_state.setdefault(_DRAFTS + name, {})
    return found


def key(name: str, field: str, value: object) -> str:
    """The key of a field: it keeps what was typed until the saved `value` is another one."""
    return f"{name}.{field}.{zlib.crc32(repr(value).encode()):08x}"


def newest(clinic: Clinic) -> DirectoryView:
    """The directory as the database has it now."""
    clinic.forget_directory()
    return clinic.directory()


def save(name: str, mine: R, *, write: Callable[[R], object], latest: Callable[[], R]) -> None:
    """Write `mine`. When the person has to choose first, the run begins anew and `show_clash` asks."""
    try:
        write(mine)
    except Conflict:
        clash = merge(st.session_state[_BASE + name], mine, latest())
        if clash.both:
            st.session_state[_CLASH + name] = clash
            st.rerun()
        write(clash.merged)
    _close(name)


def show_clash(
    name: str,
    labels: Mapping[str, str],
    *,
    write: Callable[[Any], object],
    show: Callable[[str, Any], str] = lambda _field, value: str(value),
) -> None:
    """Ask which of two values holds, if a save of the form `name` was stopped by such a choice.

    `show` writes the value of a field as the person knows it.
    """
    clash: Clash[Any] | None = st.session_state.get(_CLASH + name)
    if clash is None:
        return
    with st.container(border=True):
        st.warning("Somebody else changed the same thing while you were typing. Choose what holds.")
        st.markdown(_differences(clash, labels, show))
        with st.container(horizontal=True):
            keep = st.button("Keep what is saved", key=f"{name}.theirs")
            mine = st.button("Save what I typed", key=f"{name}.mine", type="primary")
    if keep or mine:
        theirs = {} if mine else {n: getattr(clash.theirs, n) for n in clash.both}
        with session.show_errors():
            write(replace(clash.merged, **theirs))
            _close(name)
            forms.done("Saved.")


def is_clashing(name: str) -> bool:
    """Whether a choice is open, so that the form's own button is not the next step."""
    return _CLASH + name in st.session_state


def _close(name: str) -> None:
    st.session_state.pop(_BASE + name, None)
    st.session_state.pop(_CLASH + name, None)


def _differences(clash: Clash[Any], labels: Mapping[str, str], show: Callable[[str, Any], str]) -> str:
    def shown(record: Any, field: str) -> str:
        value = getattr(record, field)
        return "–" if value in ("", (), None) else text.plain(show(field, value))

    rows = [(labels.get(n, n), shown(clash.theirs, n), shown(clash.merged, n)) for n in clash.both]
    return text.table(("", "Saved by somebody else", "What you typed"), rows)
