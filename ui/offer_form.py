"""Offering the time of a cancelled visit to somebody else by message, in the drawer of that visit."""

from __future__ import annotations

from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor, allows
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.messages import MessageKind
from clinic_core.domain.people import Patient
from clinic_core.services import message_desk
from ui import errors, patient_picker, session, widgets
from ui.text import plain

_PLACE: Final = "offer"
_TOLD: Final = "offer.told"


def can_offer(clinic: Clinic, freed: Appointment) -> bool:
    """Whether the visit's time became free, is to come, and such messages are sent at all."""
    sent = MessageKind.WAITLIST_OFFER in clinic.directory().message_policy.kinds
    return sent and freed.status is AppointmentStatus.CANCELLED and not freed.untimed and freed.start > clinic.now()


def show(clinic: Clinic, actor: Actor, freed: Appointment) -> None:
    """Draw the search for a patient and the offer; nothing where a time cannot be offered."""
    if not can_offer(clinic, freed) or not allows(actor, "message.send"):
        return
    key = f"offer.{freed.id}"
    with st.expander("Offer this time to somebody", icon=":material/sms:"):
        st.caption("By message. Whoever wants it answers, which comes to Replies; then book it. The time stays free.")
        patient = patient_picker.patient_picker(clinic, actor, key)
        errors.show_kept(_PLACE)
        if told := st.session_state.pop(_TOLD, ""):
            st.success(plain(told), icon=":material/check:")
        if patient is not None:
            st.button(
                "Offer it", key=f"{key}.send", icon=":material/send:", on_click=_offer, args=(freed, patient, key)
            )


def _offer(freed: Appointment, patient: Patient, key: str) -> None:
    clinic = session.the_clinic()
    with errors.keep_errors(_PLACE):
        made = message_desk.offer_time(clinic, session.require_actor(clinic), freed, patient)
        patient_picker.forget(key)
        when = widgets.moment(clinic, made.due_at)
        st.session_state[_TOLD] = f"{patient.name} is offered the time by {made.channel.label}, {when}."
