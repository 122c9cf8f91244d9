"""What a clinic may decide about messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from clinic_core.domain.messages import MessageKind, MessagePolicy
from clinic_core.domain.templates import ENGLISH, check_language
from clinic_core.errors import InvalidInput

DAY: Final = 1_440  # minutes
LONGEST_LEAD: Final = 60 * DAY
SHORTEST_LEAD: Final = 5
MOST_REMINDERS: Final = 5  # of one visit
FASTEST: Final = 100  # messages a second, of one number
LONGEST_BILL_DAYS: Final = 365
LONGEST_REVIEW_HOURS: Final = 30 * 24


def check_policy(policy: MessagePolicy) -> MessagePolicy:
    """The policy as it is stored; raises InvalidInput naming the field that cannot be."""
    leads = tuple(sorted(set(policy.reminder_minutes), reverse=True))
    if any(not SHORTEST_LEAD <= lead <= LONGEST_LEAD for lead in leads):
        raise InvalidInput("A reminder goes out 5 minutes to 60 days before the visit.", field="reminder_minutes")
    if len(leads) > MOST_REMINDERS:
        raise InvalidInput(f"At most {MOST_REMINDERS} reminders of one visit.", field="reminder_minutes")
    if MessageKind.REMINDER in policy.kinds and not leads:
        raise InvalidInput("Say how long before the visit to remind, or send no reminders.", field="reminder_minutes")
    _check_numbers(policy)
    return replace(
        policy,
        kinds=tuple(kind for kind in MessageKind if kind in policy.kinds),
        reminder_minutes=leads,
        review_url=_review_url(policy),
        default_language=check_language(policy.default_language) or ENGLISH,
    )


def lead_text(minutes: int) -> str:
    """How long before the visit, in the largest unit that fits: ``3 days``, ``24 hours``, ``90 minutes``."""
    for unit, size in (("day", DAY), ("hour", 60), ("minute", 1)):
        count, rest = divmod(minutes, size)
        if not rest and count:
            return f"{count} {unit}" + ("" if count == 1 else "s")
    return "0 minutes"


def _check_numbers(policy: MessagePolicy) -> None:
    amounts = {
        "monthly_budget_micros": policy.monthly_budget_micros,
        "sms_price_micros": policy.sms_price_micros,
        "whatsapp_price_micros": policy.whatsapp_price_micros,
    }
    for field, amount in amounts.items():
        if amount < 0:
            raise InvalidInput("A price or a budget cannot be negative; 0 means none.", field=field)
    if not 1 <= policy.messages_per_second <= FASTEST:
        raise InvalidInput(f"One number sends 1 to {FASTEST} messages a second.", field="messages_per_second")
    if not 1 <= policy.bill_due_days <= LONGEST_BILL_DAYS:
        raise InvalidInput(f"A bill is due 1 to {LONGEST_BILL_DAYS} days after it was issued.", field="bill_due_days")
    if not 1 <= policy.review_hours <= LONGEST_REVIEW_HOURS:
        raise InvalidInput(f"Ask 1 to {LONGEST_REVIEW_HOURS} hours after the visit.", field="review_hours")


def _review_url(policy: MessagePolicy) -> str:
    url = policy.review_url.strip()
    if not url and MessageKind.REVIEW not in policy.kinds:
        return ""
    if not url:
        raise InvalidInput("Enter the link where patients review, or send no requests for one.", field="review_url")
    if not (parts := urlsplit(url)).hostname or parts.scheme not in ("https", "http") or any(map(str.isspace, url)):
        raise InvalidInput("This is no web address; it looks like https://example.org/review.", field="review_url")
    return url
