"""The words of messages: placeholders, languages, and what really goes out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from clinic_core.domain import money, templates
from clinic_core.domain.message_policy import check_policy, lead_text
from clinic_core.domain.message_words import ANSWERS, WORDS, Answer
from clinic_core.domain.messages import Channel, MessageKind, MessagePolicy, Template
from clinic_core.domain.templates import DEFAULTS, Matter, compose, render
from clinic_core.errors import InvalidInput
from tests import make

CLINIC = make.organization(phone="+918325550100", address="24 Rua de Ourém\nPanaji")
POLICY = MessagePolicy(review_url="https://example.org/review", sms_price_micros=230_000, whatsapp_price_micros=90_000)
MATTER = Matter(
    patient_name="Asha Rao",
    practitioner="Dr A",
    start=make.at("10:30"),
    old_start=make.at("09:15", make.SUNDAY),
    amount_minor=150_050,
    number="INV-2026-00042",
    answer=Answer.CONFIRMED,
    reference="K7P2QD",
)


def template(body: str, **changes: Any) -> Template:
    given = {"id": "x", "kind": MessageKind.REMINDER, "channel": Channel.SMS, "language": "en"}
    return Template(**{**given, "body": body, **changes})


def test_every_kind_has_words_that_can_be_sent_in_every_language() -> None:
    """A kind without words, or with a placeholder that nothing fills, would be a dead letter for each patient."""
    assert set(DEFAULTS) == {
        templates.template_id(kind, channel, language)
        for kind in MessageKind
        for channel in Channel
        for language in WORDS
    }
    for default in DEFAULTS.values():
        assert templates.check_template(default) == default
        assert "{" not in compose(default, MATTER, CLINIC, POLICY).text
    for language in ANSWERS:
        for answer in Answer:
            text = compose(
                DEFAULTS[f"reply:sms:{language}"],
                Matter(answer=answer, start=MATTER.start, choices=((MATTER.start, "C K7P2QD"),), reference="X"),
                CLINIC,
                POLICY,
            ).text
            assert "{" not in text


def test_messages_that_speak_of_no_visit_need_none() -> None:
    """An offer or a recall has no visit and so no practitioner: words that ask for one would never go out."""
    matter = Matter(patient_name="Asha Rao", start=MATTER.start, reference="K7P2QD")
    for default in DEFAULTS.values():
        if default.kind in (MessageKind.WAITLIST_OFFER, MessageKind.RECALL, MessageKind.REVIEW):
            assert compose(default, matter, CLINIC, POLICY).text


@pytest.mark.parametrize("default", [d for d in DEFAULTS.values() if d.channel is Channel.SMS], ids=lambda d: d.id)
def test_default_words_of_text_messages_are_short_and_say_little(default: Template) -> None:
    """A phone may be a family's: no name, practitioner or service; one sign outside GSM-7 doubles the price."""
    rendered = compose(default, MATTER, CLINIC, POLICY)

    assert not {"Asha", "Rao", "Dr A"} & {word for word in ("Asha", "Rao", "Dr A") if word in rendered.text}
    if default.language in {"en", "de"}:
        assert (rendered.segments, rendered.size.costly) == (1, ())
    assert rendered.segments <= 3


def test_a_text_message_as_it_goes_out() -> None:
    """The reference is added where the words leave it out, and the segments are those of the whole."""
    sent = compose(template("{clinic}: {day} at {time}"), MATTER, CLINIC, POLICY)

    assert sent.text == "Sunrise Clinic: Mon, 2 Mar at 10:30 am Ref K7P2QD"
    assert sent.size.left == 160 - len(sent.text)
    assert sent.variables == {"1": "Sunrise Clinic", "2": "Mon, 2 Mar", "3": "10:30 am", "4": "K7P2QD"}
    assert compose(template("{reference} {day} {time}"), MATTER, CLINIC, POLICY).text.count("K7P2QD") == 1


@pytest.mark.parametrize(
    ("language", "zone", "day", "time"),
    [
        ("en", "Asia/Kolkata", "Mon, 2 Mar", "10:30 am"),
        ("hi", "Asia/Kolkata", "सोम, 2 मार्च", "10:30 am"),
        ("de", "Europe/Berlin", "Mo., 2. März", "06:00"),
        ("en", "America/Los_Angeles", "Sun, 1 Mar", "9:00 pm"),
        ("xx", "Asia/Kolkata", "Mon, 2 Mar", "10:30 am"),
    ],
)
def test_days_and_times_are_the_clinics_in_the_patients_language(language: str, zone: str, day: str, time: str) -> None:
    """A reminder with the server's time sends people on the wrong day; a narrow space would make it UCS-2."""
    clinic = make.organization(time_zone=zone)

    assert templates.day_text(MATTER.start, language, Channel.SMS, clinic) == day
    assert templates.time_text(MATTER.start, language, clinic) == time


def test_a_value_with_braces_is_text() -> None:
    """A patient called {clinic} would otherwise read what is not theirs."""
    assert render(template("{patient_first_name}"), {"patient_first_name": "{clinic}", "reference": "R"}).text == (
        "{clinic} Ref R"
    )


def test_an_amount_in_a_text_message_does_not_make_it_dearer() -> None:
    """The rupee sign alone would make every bill reminder two segments."""
    assert templates.amount_text(150_050, "en", Channel.SMS, CLINIC) == "INR 1,500.50"
    assert templates.amount_text(150_050, "en", Channel.EMAIL, CLINIC) == "₹1,500.50"
    assert templates.amount_text(150_050, "de", Channel.SMS, make.organization(currency="EUR")) == "1.500,50 €"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{day} {tiem}", "no {tiem} in this kind of message. Did you mean {time}? Known are: {patient_first_name}"),
        ("{day} {time} {amount}", "There is no {amount}"),
        ("{day} {time} {}", "There is no {}"),
        ("{day} {time", "There is a { without its pair"),
        ("{day} time}", "There is a } without its pair"),
        ("{day} {{time}}", "There is a { without its pair"),
        ("Come!", "Reminder: it must say {day} and {time}"),
        ("   ", "Give the message some words"),
        ("{day} {time} " + "a" * 640, "too long"),
    ],
)
def test_words_that_cannot_be_sent_are_refused(body: str, said: str) -> None:
    """Found at night, with a hundred patients waiting, it would be too late."""
    with pytest.raises(InvalidInput) as refused:
        templates.check_template(template(body))

    assert said in str(refused.value)
    assert refused.value.field == "body"


def test_only_an_email_has_a_subject() -> None:
    """An e-mail without one looks like junk; a text message has nowhere to show it."""
    with pytest.raises(InvalidInput, match="needs a subject"):
        templates.check_template(template("{day} {time}", channel=Channel.EMAIL))
    with pytest.raises(InvalidInput, match="no {dya}"):
        templates.check_template(template("{day} {time}", channel=Channel.EMAIL, subject="On {dya}"))
    assert templates.check_template(template("{day} {time}", subject="Hello")).subject == ""


def test_the_nearest_language_is_found() -> None:
    """A patient who reads Tamil, of which there are no words, still gets the clinic's language."""
    found = {
        wanted: templates.find(DEFAULTS, MessageKind.REMINDER, Channel.SMS, wanted, default="hi").language
        for wanted in ("de-AT", "ru", "ta", "")
    }

    assert found == {"de-AT": "de", "ru": "ru", "ta": "hi", "": "hi"}
    assert templates.find(DEFAULTS, MessageKind.REMINDER, Channel.SMS, "ta", default="pt").language == "en"


def test_what_a_message_costs() -> None:
    """Text messages by the segment, WhatsApp by the message; a budget is kept by these."""
    size = compose(template("न" * 80 + "{day}{time}"), MATTER, CLINIC, POLICY).size

    assert size.segments == 2
    assert [templates.price_micros(channel, size, POLICY) for channel in Channel] == [460_000, 90_000, 0]


def test_small_prices_keep_their_decimals() -> None:
    """A price of 0.0079 a segment in a form with two decimals would be a cent, or nothing."""
    assert money.parse_micros("0.0079", "USD") == 7_900
    assert money.parse_micros("0,0079", "EUR", "de_DE") == 7_900
    assert money.format_micros(7_900, "USD") == "$0.0079"
    assert money.format_micros(1_230_000, "USD") == "$1.23"
    assert money.format_micros(100_000, "INR", "en_IN") == "₹0.10"
    assert money.show_micros(7_900) == "0.0079"
    assert money.show_micros(100_000_000) == "100"
    assert money.to_micros(150, "USD") == 1_500_000
    assert [money.of_micros(m, "USD") for m in (5_000, 4_999, 1_234_567)] == [1, 0, 123]
    assert money.of_micros(1_500_000, "JPY") == 2
    for wrong in ("0.0000001", "NaN", "much"):
        with pytest.raises(InvalidInput):
            money.parse_micros(wrong, "USD")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reminder_minutes": ()}, "reminder_minutes"),
        ({"reminder_minutes": (4,)}, "reminder_minutes"),
        ({"reminder_minutes": (10, 20, 30, 40, 50, 60)}, "reminder_minutes"),
        ({"kinds": (MessageKind.REVIEW,), "review_url": ""}, "review_url"),
        ({"review_url": "javascript:alert(1)"}, "review_url"),
        ({"sms_price_micros": -1}, "sms_price_micros"),
        ({"messages_per_second": 0}, "messages_per_second"),
        ({"bill_due_days": 0}, "bill_due_days"),
        ({"review_hours": 0}, "review_hours"),
        ({"default_language": "klingon"}, "language"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(changes: dict[str, Any], field: str) -> None:
    """A reminder after the visit, a link that runs a script: saved once, sent to everybody."""
    with pytest.raises(InvalidInput) as refused:
        check_policy(MessagePolicy(**changes))

    assert refused.value.field == field


def test_a_policy_as_it_is_stored() -> None:
    """Lead times in an order that one can read, none of them twice: two would be two messages."""
    kept = check_policy(
        MessagePolicy(reminder_minutes=(120, 1_440, 120), kinds=(MessageKind.REPLY, MessageKind.REMINDER))
    )

    assert kept.reminder_minutes == (1_440, 120)
    assert kept.kinds == (MessageKind.REMINDER, MessageKind.REPLY)
    assert [lead_text(m) for m in (4_320, 1_440, 120, 90)] == ["3 days", "1 day", "2 hours", "90 minutes"]


def test_a_time_that_the_clocks_skip_is_still_a_time() -> None:
    """At the change to summer time a visit keeps the hour that the clinic's wall shows."""
    berlin = make.organization(time_zone="Europe/Berlin")

    assert templates.time_text(datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "de", berlin) == "03:00"
