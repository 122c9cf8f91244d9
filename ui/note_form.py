"""The note being written. Each field is kept as soon as it is left; what cannot be saved stays on the screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import pricing
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.encounters import ChargeItem, Encounter
from clinic_core.errors import Conflict
from clinic_core.services import encounters
from clinic_core.services.encounters import Visit
from ui import errors, forms, notes, session, versioned, widgets

_TEXTS: Final = {
    "reason": ("Reason", "What the patient comes for"),
    "findings": ("Findings", "What you saw and measured"),
    "assessment": ("Assessment", "What you think it is"),
    "plan": ("Plan", "What is to be done"),
}
_LABELS: Final = {**{field: label.lower() for field, (label, _) in _TEXTS.items()}, "follow_up_on": "follow-up day"}
_FOLLOW_UPS: Final = {"1 week": 7, "2 weeks": 14, "4 weeks": 28, "3 months": 91}


def begin(visit: Visit) -> None:
    """Fill the fields from the saved note, unless something unsaved is in them. On every full run, before `show`."""
    note = visit.encounter
    base: Encounter | None = st.session_state.get(_key(note.id, "base"))
    if base is None or (base != note and _typed(base) == base):
        _fill(note)


@st.fragment
def show(visit: Visit) -> None:
    """The fields and what can be done with them.

    The texts need no database, so that nobody's typing is interrupted while it does not answer.
    """
    clinic, note_id = session.the_clinic(), visit.encounter.id
    with session.show_errors():
        session.require_actor(clinic)
    errors.show_kept(_key(note_id, "errors"))
    for field, (label, hint) in _TEXTS.items():
        _text(note_id, field, label, hint)
    with session.show_errors():
        _follow_up(clinic, visit)
        _delivered(clinic, visit.encounter)
        _finish(clinic, visit)


def show_unsaved(clinic: Clinic, note_id: str) -> None:
    """What was typed into a note that can no longer be written, so that it can be copied."""
    errors.show_kept(_key(note_id, "errors"))
    base: Encounter | None = st.session_state.get(_key(note_id, "base"))
    if base is not None and _typed(base) != base:
        st.warning("This was typed and could not be saved. Copy what you need.")
        notes.show_note(clinic, _typed(base))


def _key(note_id: str, part: str) -> str:
    return f"note.{note_id}.{part}"


def _fill(note: Encounter) -> None:
    state = st.session_state
    state[_key(note.id, "base")] = note
    for field in (*_TEXTS, "follow_up_on"):
        state[_key(note.id, field)] = getattr(note, field)
    state[_key(note.id, "services")] = [item.service_id for item in note.charges]
    for item in note.charges:
        state[_key(note.id, f"quantity.{item.service_id}")] = item.quantity


def _typed(base: Encounter) -> Encounter:
    """The note as the fields have it."""
    written: dict[str, Any] = {f: st.session_state.get(_key(base.id, f), getattr(base, f)).strip() for f in _TEXTS}
    follow_up = st.session_state.get(_key(base.id, "follow_up_on"), base.follow_up_on)
    return replace(base, **written, follow_up_on=follow_up, charges=tuple(_charges(base)))


def _charges(base: Encounter) -> Iterator[ChargeItem]:
    saved = {item.service_id: item.quantity for item in base.charges}
    for service_id in st.session_state.get(_key(base.id, "services"), list(saved)):
        quantity = st.session_state.get(_key(base.id, f"quantity.{service_id}"), saved.get(service_id, 1))
        yield ChargeItem(service_id=service_id, quantity=int(quantity or 1))


def _text(note_id: str, field: str, label: str, hint: str) -> None:
    draw = st.text_input if field == "reason" else st.text_area
    size: dict[str, Any] = {} if field == "reason" else {"height": "content"}
    draw(
        label,
        key=_key(note_id, field),
        placeholder=hint,
        on_change=_keep,
        args=(note_id,),
        persist_state="session",
        **size,
    )


def _follow_up(clinic: Clinic, visit: Visit) -> None:
    note_id, day = visit.encounter.id, visit.encounter.day
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.date_input(
            "Follow-up",
            value=None,
            key=_key(note_id, "follow_up_on"),
            min_value=day + timedelta(days=1),
            format=widgets.date_format(clinic.organization()),
            on_change=_keep,
            args=(note_id,),
            width=150,
            persist_state="session",
        )
        for label, days in _FOLLOW_UPS.items():
            then = day + timedelta(days=days)
            st.button(label, key=_key(note_id, label), on_click=_set_follow_up, args=(note_id, then))


def _set_follow_up(note_id: str, then: date) -> None:
    st.session_state[_key(note_id, "follow_up_on")] = then
    _keep(note_id)


def _delivered(clinic: Clinic, note: Encounter) -> None:
    """The services delivered, each once unless told otherwise."""
    services = pricing.catalogue_on(clinic.directory().services, note.day)
    booked = [item.service_id for item in note.charges if item.service_id in services]
    chosen = st.multiselect(
        "Services delivered",
        list(dict.fromkeys([*booked, *(s.id for s in clinic.directory().active_services)])),
        key=_key(note.id, "services"),
        format_func=lambda i: f"{services[i].name} · {clinic.money(services[i].price_minor)}" if i in services else "",
        on_change=_keep,
        args=(note.id,),
        persist_state="session",
        help="They become the draft of the bill.",
    )
    with st.container(horizontal=True):
        for service_id in chosen:
            st.session_state.setdefault(_key(note.id, f"quantity.{service_id}"), 1)
            st.number_input(
                f"{services[service_id].name}, times",
                min_value=1,
                max_value=99,
                step=1,
                key=_key(note.id, f"quantity.{service_id}"),
                on_change=_keep,
                args=(note.id,),
                width=180,
                persist_state="session",
            )


def _finish(clinic: Clinic, visit: Visit) -> None:
    note_id = visit.encounter.id
    here = visit.appointment.status is not AppointmentStatus.BOOKED
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Finish visit",
            key=_key(note_id, "finish"),
            type="primary",
            icon=":material/check:",
            shortcut="Ctrl+Enter",
            disabled=not here,
            on_click=_finished,
            args=(note_id,),
        )
        st.button("Save draft", key=_key(note_id, "save"), shortcut="Ctrl+S", on_click=_keep, args=(note_id,))
        saved: datetime | None = st.session_state.get(_key(note_id, "saved_at"))
        if saved:
            st.caption(f"Saved {widgets.time_text(clinic, saved)}", width="content")
    if not here:
        st.caption("The front desk has not marked the patient as arrived. You can write already, and finish then.")


def _keep(note_id: str) -> None:
    """Save what is in the fields, if anything is new. A callback."""
    clinic = session.the_clinic()
    with errors.keep_errors(_key(note_id, "errors")):
        _store(clinic, session.require_actor(clinic), note_id)
        st.session_state[_key(note_id, "saved_at")] = clinic.now()


def _store(clinic: Clinic, actor: Actor, note_id: str) -> Encounter:
    """The note with what is in the fields, as it is stored then."""
    base: Encounter = st.session_state[_key(note_id, "base")]
    mine = _typed(base)
    saved = base if mine == base and base.version else _saved(clinic, actor, base, mine)
    st.session_state[_key(note_id, "base")] = saved
    return saved


def _saved(clinic: Clinic, actor: Actor, base: Encounter, mine: Encounter) -> Encounter:
    """Save; what was written on another screen meanwhile is kept where it does not meet what was typed here."""
    try:
        return encounters.save_note(clinic, actor, mine)
    except Conflict:
        theirs = encounters.open_visit(clinic, actor, base.id).encounter
        if theirs.version == base.version:
            raise
        clash = versioned.merge(base, mine, theirs)
        if clash.both:
            st.session_state[_key(base.id, "base")] = theirs
            raise _clash(clash.both) from None
        saved = encounters.save_note(clinic, actor, clash.merged)
        _fill(saved)
        return saved


def _clash(both: Sequence[str]) -> Conflict:
    names = " and ".join(_LABELS.get(name, name) for name in both)
    return Conflict(
        f"The {names} of this note was also changed on another screen. What you typed is still here: "
        "press Save draft to put it in place of the other."
    )


def _finished(note_id: str) -> None:
    """Finish the visit and go on to the next patient. A callback."""
    clinic = session.the_clinic()
    with errors.keep_errors(_key(note_id, "errors")):
        actor = session.require_actor(clinic)
        invoice = encounters.finish(clinic, actor, _store(clinic, actor, note_id))
        _forget(note_id)
        st.query_params.pop(widgets.VISIT_PARAM, None)
        total = clinic.money(invoice.totals.total_minor)
        forms.done(f"The visit is finished. Its draft bill of {total} is with the front desk.")


def _forget(note_id: str) -> None:
    for key in [k for k in st.session_state if str(k).startswith(_key(note_id, ""))]:
        del st.session_state[key]
