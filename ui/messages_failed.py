"""Failed: what did not go out, why, and what to do; and what waits for a person after a restore."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import message_help
from clinic_core.domain.access import Actor, allows
from clinic_core.services import message_desk
from clinic_core.services.message_desk import Line
from ui import errors, forms, messages_parts, session, widgets
from ui.rows import Mark, Row, Step, rows

_PLACE: Final = "messages.failed"
_AGAIN, _ASIDE, _RELEASE, _STOP = "again", "aside", "release", "stop"
_STEPS: Final[dict[str, Callable[[Clinic, Actor, str], object]]] = {
    _AGAIN: message_desk.send_again,
    _ASIDE: message_desk.put_aside,
    _RELEASE: message_desk.release,
    _STOP: message_desk.stop,
}
_LABELS: Final = {_AGAIN: "Send again", _ASIDE: "Done", _RELEASE: "Release", _STOP: "Stop"}
_DONE: Final = {_ASIDE: "put aside", _RELEASE: "let go out", _STOP: "stopped"}
_HEIGHT: Final = 480


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw what is on hold, and the dead letters."""
    errors.show_kept(_PLACE)
    found = message_desk.trouble(clinic, actor)
    if not found.failed and not found.on_hold:
        widgets.nothing_here("Nothing failed. What cannot be sent comes here with the reason.", "mark_email_read")
        return
    may = allows(actor, "message.send")
    _on_hold(clinic, actor, found.on_hold, may=may)
    _failed(clinic, actor, found.failed, may=may)
    messages_parts.show_opened()


def _on_hold(clinic: Clinic, actor: Actor, lines: tuple[Line, ...], *, may: bool) -> None:
    if not lines:
        return
    st.subheader("On hold", anchor=False)
    st.warning(
        f"{len(lines)} messages wait since the records were restored from a backup: some may have been sent before. "
        "Release those that patients need; stop the others.",
        icon=":material/front_hand:",
    )
    if may:
        with st.container(horizontal=True):
            _all(clinic, actor, lines, _RELEASE, f"Release all {len(lines)}")
            _all(clinic, actor, lines, _STOP, f"Stop all {len(lines)}")
    given = tuple(Step(step, _LABELS[step]) for step in (_RELEASE, _STOP)) if may else ()
    rows(
        "Messages on hold",
        ("Patient", "Due", "What", "Way", "Visit"),
        [_held(clinic, line, (*given, messages_parts.OPEN)) for line in lines],
        key="messages.held",
        on_step=_step,
        height=_HEIGHT,
    )


def _all(clinic: Clinic, actor: Actor, lines: Sequence[Line], step: str, label: str) -> None:
    """A step with many, asked for twice."""
    with st.popover(label, key=f"messages.{step}.area"):
        st.markdown(f"{label}?")
        if st.button("Yes", key=f"messages.{step}.all", type="primary"):
            with session.show_errors():
                count = message_desk.each(clinic, actor, [line.message.id for line in lines], _STEPS[step])
                forms.done(f"{count} messages are {_DONE[step]}.")


def _held(clinic: Clinic, line: Line, steps: tuple[Step, ...]) -> Row:
    message = line.message
    return Row(
        id=message.id,
        label=f"{line.patient.name}, {messages_parts.what(message)}",
        cells=(
            line.patient.name,
            widgets.moment(clinic, message.due_at),
            messages_parts.what(message),
            message.channel.label,
            messages_parts.about(clinic, message),
        ),
        steps=steps,
    )


def _failed(clinic: Clinic, actor: Actor, lines: tuple[Line, ...], *, may: bool) -> None:
    if not lines:
        return
    st.subheader("Failed", anchor=False)
    st.caption("The latest first. Once the cause is mended, send it again; or call, and it is done.")
    over = [line for line in lines if not _is_of_use(clinic, line)]
    if may and over:
        _all(clinic, actor, over, _ASIDE, f"Put aside {len(over)} whose visit has begun")
    rows(
        "Messages that failed",
        ("Patient", "Due", "What", "To", "Why", "What to do"),
        [_dead(clinic, line, may=may) for line in lines],
        key="messages.failed",
        on_step=_step,
        height=_HEIGHT,
    )


def _is_of_use(clinic: Clinic, line: Line) -> bool:
    start = line.message.about_start
    return start is None or start > clinic.now()


def _dead(clinic: Clinic, line: Line, *, may: bool) -> Row:
    message = line.message
    trouble = message_help.trouble(message) or message_help.Trouble("Not known")
    useful = _is_of_use(clinic, line)
    mine = ((_AGAIN,) if useful else ()) + (_ASIDE,) if may else ()
    return Row(
        id=message.id,
        label=f"{line.patient.name}, {messages_parts.what(message)}",
        cells=(
            line.patient.name,
            widgets.moment(clinic, message.due_at),
            messages_parts.what(message),
            message.recipient or message_help.recipient_of(line.patient),
            Mark(trouble.why, "red"),
            trouble.advice if useful else "The visit has begun.",
        ),
        steps=(*(Step(step, _LABELS[step]) for step in mine), messages_parts.OPEN),
    )


def _step(message_id: str, step: str) -> None:
    if step not in _STEPS:
        messages_parts.open_later(message_id, step)
        return
    clinic = session.the_clinic()
    with errors.keep_errors(_PLACE):
        _STEPS[step](clinic, session.require_actor(clinic), message_id)
