"""Messages to patients: which are sent, when, what they may cost, and their words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import time
from typing import Any, Final, TypeAlias

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain import message_policy, money, templates
from clinic_core.domain.access import Actor
from clinic_core.domain.messages import MessageKind, MessagePolicy
from clinic_core.domain.organization import Organization
from clinic_core.services import directory
from ui import forms, messages_setup, session, settings_words, versioned
from ui.settings_fields import Fields

_NAME: Final = "settings.messages"
_PART: Final = f"{_NAME}.part"
_RULES, _WORDS = "What is sent", "Words"
_UNITS: Final = {"days": message_policy.DAY, "hours": 60, "minutes": 1}
_LABELS: Final = {
    "kinds": "Sent",
    "reminder_minutes": "Reminders before the visit",
    "quiet_from": "Quiet from",
    "quiet_until": "Quiet until",
    "monthly_budget_micros": "Budget for a month",
    "sms_price_micros": "SMS, per segment",
    "whatsapp_price_micros": "WhatsApp, per message",
    "messages_per_second": "Messages per second",
    "cancel_by_reply": "Patients may cancel by reply",
    "bill_due_days": "Bills: days after they were issued",
    "review_hours": "Reviews: hours after the visit",
    "review_url": "Link for reviews",
    "default_language": "Language",
}
_HINTS: Final = {
    MessageKind.CONFIRMATION: "As soon as a visit is booked.",
    MessageKind.REMINDER: "Before the visit, as often as it says on this page.",
    MessageKind.CHANGED: "As soon as a visit gets another time.",
    MessageKind.CANCELLED: "As soon as a visit is cancelled.",
    MessageKind.WAITLIST_OFFER: "When the front desk offers a time that became free.",
    MessageKind.RECALL: "When the front desk recalls a patient who agreed to it.",
    MessageKind.BILL_DUE: "Of bills that are not paid by then.",
    MessageKind.REVIEW: "Only to patients who agreed to it.",
    MessageKind.REPLY: "What a patient is told who replies.",
}
Changes: TypeAlias = Callable[[], dict[str, Any]]  # reads what was typed; may raise InvalidInput


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the rules or the words."""
    part = st.segmented_control(
        "Part", (_RULES, _WORDS), default=_RULES, required=True, key=_PART, label_visibility="collapsed"
    )
    if part == _WORDS:
        settings_words.show(clinic)
    else:
        messages_setup.show(clinic)
        _rules(clinic, actor)


def _rules(clinic: Clinic, actor: Actor) -> None:
    view = clinic.directory()
    base, profile = versioned.opened(_NAME, view.message_policy), view.organization
    fields = Fields(_NAME, base, _LABELS)
    with st.form(_NAME, border=False):
        left, right = st.columns(2, gap="large")
        with left:
            parts = [_kinds(fields), _after(fields)]
        with right:
            parts += [_reminders(fields), _when(fields, templates.languages(view.templates)), _costs(fields, profile)]
        saving = st.form_submit_button(
            "Save", type="secondary" if versioned.is_clashing(_NAME) else "primary", icon=":material/save:"
        )
    if saving:
        with session.show_errors():
            changes = {field: value for part in parts for field, value in part().items()}
            _save(clinic, actor, message_policy.check_policy(replace(base, **changes)))
    versioned.show_clash(
        _NAME,
        _LABELS,
        write=lambda record: directory.save_message_policy(clinic, actor, record),
        show=lambda field, value: _shown(field, value, profile),
    )


def _save(clinic: Clinic, actor: Actor, wanted: MessagePolicy) -> None:
    versioned.save(
        _NAME,
        wanted,
        write=lambda record: directory.save_message_policy(clinic, actor, record),
        latest=lambda: versioned.newest(clinic).message_policy,
    )
    forms.done("The rules about messages are saved.")


def _kinds(fields: Fields[MessagePolicy]) -> Changes:
    st.subheader("What is sent")
    sent = fields.base.kinds
    chosen = {
        kind: st.checkbox(kind.label, kind in sent, key=fields.key(kind, kind in sent), help=_HINTS.get(kind))
        for kind in MessageKind
    }
    by_reply = fields.base.cancel_by_reply
    cancel = st.checkbox(
        _LABELS["cancel_by_reply"],
        by_reply,
        key=fields.key("cancel_by_reply", by_reply),
        help="Until a late cancellation would begin; later, or without it, the front desk decides.",
    )
    return lambda: {"kinds": tuple(kind for kind, on in chosen.items() if on), "cancel_by_reply": bool(cancel)}


def _reminders(fields: Fields[MessagePolicy]) -> Changes:
    st.subheader("Reminders")
    st.caption("So long before the visit. Empty a line to drop it.")
    leads = fields.base.reminder_minutes
    rows = [*leads, *[None] * (message_policy.MOST_REMINDERS - len(leads))]
    read = [_lead(fields, place, lead) for place, lead in enumerate(rows)]
    return lambda: {"reminder_minutes": tuple(minutes for row in read if (minutes := row()))}


def _lead(fields: Fields[MessagePolicy], place: int, lead: int | None) -> Callable[[], int]:
    count, unit = _in_units(lead)
    units = tuple(_UNITS)
    with st.container(horizontal=True, gap="small"):
        number = st.number_input(
            f"Reminder {place + 1}",
            0,
            10_000,
            count,
            1,
            key=fields.key(f"lead.{place}", lead),
            placeholder="none",
            label_visibility="collapsed",
            width=130,
        )
        chosen = st.segmented_control(
            f"Unit of reminder {place + 1}",
            units,
            default=unit,
            required=True,
            key=fields.key(f"unit.{place}", lead),
            label_visibility="collapsed",
        )
    return lambda: int(number or 0) * _UNITS[chosen or unit]


def _in_units(lead: int | None) -> tuple[int | None, str]:
    """The lead time in hours up to two days, so that "24 hours" stays what it says, and else in the largest unit."""
    if lead is None:
        return None, "hours"
    fits = [(name, size) for name, size in _UNITS.items() if lead % size == 0]
    name, size = next(((n, s) for n, s in fits if n != "days" or lead >= 2 * message_policy.DAY), fits[-1])
    return lead // size, name


def _when(fields: Fields[MessagePolicy], codes: Sequence[str]) -> Changes:
    st.subheader("Quiet hours and language")
    left, right = st.columns(2)
    start = _clock(left, fields, "quiet_from", "In the patient's own time zone. Answers still go out.")
    end = _clock(right, fields, "quiet_until", "The same as the beginning: there are no quiet hours.")
    language = fields.choice(
        "default_language",
        codes,
        names={code: templates.language_name(code) for code in codes},
        help="Of patients for whom no other is chosen.",
    )
    return lambda: {"quiet_from": start or time(), "quiet_until": end or time(), "default_language": language}


def _clock(place: Any, fields: Fields[MessagePolicy], field: str, hint: str) -> time | None:
    value = getattr(fields.base, field)
    chosen: time | None = place.time_input(_LABELS[field], value, key=fields.key(field, value), step=900, help=hint)
    return chosen


def _after(fields: Fields[MessagePolicy]) -> Changes:
    st.subheader("After the visit")
    left, right = st.columns(2)
    with left:
        days = fields.whole("bill_due_days", message_policy.LONGEST_BILL_DAYS, help="Only of what is not paid by then.")
    with right:
        hours = fields.whole("review_hours", message_policy.LONGEST_REVIEW_HOURS)
    url = fields.text("review_url", max_chars=300, placeholder="https://example.org/review")
    return lambda: {"bill_due_days": days, "review_hours": hours, "review_url": url}


def _costs(fields: Fields[MessagePolicy], profile: Organization) -> Changes:
    st.subheader("Costs")
    left, right = st.columns(2)
    with left:
        sms = _price(fields, "sms_price_micros", profile, "What your carrier charges; up to six decimals.")
        budget = _price(
            fields, "monthly_budget_micros", profile, "Sending stops before it is exceeded. Empty: no limit."
        )
    with right:
        whatsapp = _price(fields, "whatsapp_price_micros", profile, "What your carrier charges; up to six decimals.")
        value = fields.base.messages_per_second
        rate = st.number_input(
            _LABELS["messages_per_second"],
            1,
            message_policy.FASTEST,
            value,
            1,
            key=fields.key("messages_per_second", value),
            help="That one sending number may send; carriers allow 1 to an ordinary number.",
        )
    return lambda: {
        "sms_price_micros": sms(),
        "monthly_budget_micros": budget(),
        "whatsapp_price_micros": whatsapp(),
        "messages_per_second": int(rate),
    }


def _price(fields: Fields[MessagePolicy], field: str, profile: Organization, hint: str) -> Callable[[], int]:
    value = getattr(fields.base, field)
    typed = st.text_input(
        f"{_LABELS[field]} in {profile.currency}",
        money.show_micros(value) if value else "",
        key=fields.key(field, value),
        placeholder="none",
        help=hint,
    )
    return lambda: money.parse_micros(typed or "0", profile.currency, profile.locale)


def _shown(field: str, value: Any, profile: Organization) -> str:
    """A value as the person knows it."""
    if field == "kinds":
        return ", ".join(kind.label for kind in value)
    if field == "reminder_minutes":
        return ", ".join(map(message_policy.lead_text, value))
    if field.endswith("_micros"):
        return profile.money_micros(int(value))
    return f"{value:%H:%M}" if isinstance(value, time) else str(value)
