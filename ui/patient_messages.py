"""A patient's messages: how they are reached, what they were written and how it went, and what they wrote."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import message_help, people, templates
from clinic_core.domain.access import Actor, allows
from clinic_core.domain.messages import Communication, InboundMessage
from clinic_core.domain.people import ContactBy, Patient
from clinic_core.services import inbox, message_desk, messages
from clinic_core.services.message_desk import Letters
from clinic_core.services.patients import PatientRecord
from ui import errors, messages_parts, session, widgets
from ui.rows import Mark, Row, rows
from ui.text import plain

_PLACE: Final = "patient_messages"
_HEIGHT: Final = 480
_WROTE: Final = Mark("Wrote", "violet")


def show(clinic: Clinic, actor: Actor, record: PatientRecord) -> None:
    """Draw how the patient is reached, and the messages both ways, latest first."""
    found = message_desk.of_patient(clinic, actor, record.patient)
    errors.show_kept(_PLACE)
    _reached(clinic, actor, record.patient, found)
    _offer_recall(clinic, actor, record, found)
    if not found.sent and not found.received:
        widgets.nothing_here("No messages yet. Each booking adds its own.", "sms")
        return
    lines = [_sent(clinic, one) for one in found.sent]
    lines += [_received(clinic, one) for one in found.received]
    lines.sort(key=lambda pair: pair[0], reverse=True)
    rows(
        "Messages",
        ("When", "What", "Way", "Visit", "State", "Note"),
        [row for _, row in lines],
        key="patient_messages.rows",
        on_step=messages_parts.open_later,
        height=_HEIGHT,
    )
    messages_parts.show_opened()


def _reached(clinic: Clinic, actor: Actor, patient: Patient, found: Letters) -> None:
    """By which way and in which language; and loudly where nothing reaches the patient."""
    policy = clinic.directory().message_policy
    language = templates.language_name(patient.language or policy.default_language)
    agrees = "agrees" if patient.outreach_consent else "did not agree"
    if patient.contact_by is ContactBy.NONE:
        st.info("Does not want messages. The record says so under *Remind by*.", icon=":material/notifications_off:")
        return
    way = {"sms": "SMS", "whatsapp": "WhatsApp", "email": "e-mail"}[patient.contact_by.value]
    recipient = message_help.recipient_of(patient)
    shown = people.show_phone(recipient) if recipient.startswith("+") else recipient
    if not recipient:
        st.warning(f"Wants {way}, but there is nothing to send it to. Enter it in the record.", icon=":material/edit:")
    else:
        st.caption(plain(f"By {way} to {shown}, in {language}; {agrees} to recalls and requests for reviews."))
    if found.opt_outs:
        last = found.opt_outs[-1]
        when = widgets.short_day(clinic.local(last.at).date())
        if last.stopped:
            how = "Wrote STOP" if last.source == "reply" else "Asked for no messages"
            st.warning(
                f"{how} on {when}: this phone gets no SMS and WhatsApp. START from it brings them back.",
                icon=":material/notifications_off:",
            )
        else:
            st.caption(f"Stopped messages once; has them again since {when}.")
    if patient.phone and allows(actor, "message.answer"):
        _switch(patient.phone, stopped=found.opted_out)


def _offer_recall(clinic: Clinic, actor: Actor, record: PatientRecord, found: Letters) -> None:
    """A way to ask a patient to come again who agreed to it and has nothing booked."""
    policy = clinic.directory().message_policy
    last = message_help.to_recall(record.patient, record.appointments, found.sent, policy, clinic.now())
    if last is None or found.opted_out or not allows(actor, "message.send"):
        return
    st.button(
        "Ask to come again",
        key="patient_messages.recall",
        icon=":material/event_repeat:",
        on_click=_recall,
        args=(record.patient, last.id),
        help=f"Sends the follow-up recall. The last visit was on {widgets.short_day(last.day)}; nothing is booked.",
    )


def _recall(patient: Patient, last_visit_id: str) -> None:
    clinic = session.the_clinic()
    with errors.keep_errors(_PLACE):
        messages.recall(clinic, session.require_actor(clinic), patient, last_visit_id=last_visit_id)


def _switch(phone: str, *, stopped: bool) -> None:
    """What the patient told the desk: no more messages, or messages again."""
    label, icon = ("Allow messages", "notifications") if stopped else ("Stop messages", "notifications_off")
    key = "patient_messages.switch"
    st.button(label, key=key, icon=f":material/{icon}:", on_click=_switched, args=(phone, not stopped))


def _switched(phone: str, stop: bool) -> None:
    clinic = session.the_clinic()
    with errors.keep_errors(_PLACE):
        actor = session.require_actor(clinic)
        (inbox.stop if stop else inbox.allow)(clinic, actor, phone)


def _sent(clinic: Clinic, one: Communication) -> tuple[datetime, Row]:
    at = one.sent_at or one.due_at
    row = Row(
        id=one.id,
        label=f"{messages_parts.what(one)} {widgets.moment(clinic, at)}",
        cells=(
            widgets.moment(clinic, at),
            messages_parts.what(one),
            one.channel.label,
            messages_parts.about(clinic, one),
            messages_parts.mark(one),
            messages_parts.why(one),
        ),
        steps=(messages_parts.OPEN,),
    )
    return at, row


def _received(clinic: Clinic, one: InboundMessage) -> tuple[datetime, Row]:
    row = Row(
        id=one.id,
        label=f"Wrote {widgets.moment(clinic, one.received_at)}",
        cells=(widgets.moment(clinic, one.received_at), "Reply", one.channel.label, "", _WROTE, one.text),
    )
    return one.received_at, row
