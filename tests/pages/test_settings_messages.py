"""Settings of messages: the rules, and the words with their preview."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.clinic import Clinic
from clinic_core.domain import templates
from clinic_core.domain.access import Actor
from clinic_core.domain.messages import MessageKind, MessagePolicy, Template
from clinic_core.services import directory
from tests.conftest import World
from tests.pages import clicks, screen

REMINDER = "settings.words.body.reminder:sms:en"


@pytest.fixture
def rules(world: World, manager: Actor) -> AppTest:
    page = screen.open_page("settings", world.clinic, manager)
    page.segmented_control(key="settings.section").set_value("Messages")
    return screen.run(page)


@pytest.fixture
def words(rules: AppTest) -> AppTest:
    rules.segmented_control(key="settings.messages.part").set_value("Words")
    return screen.run(rules)


def policy(clinic: Clinic) -> MessagePolicy:
    clinic.forget_directory()
    return clinic.directory().message_policy


def saved(clinic: Clinic) -> Template:
    clinic.forget_directory()
    return clinic.directory().templates["reminder:sms:en"]


def test_the_rules_are_saved(world: World, rules: AppTest) -> None:
    """Prices below the smallest coin, a lead time in minutes, a kind more and one reminder less."""
    screen.field(rules, "text_input", "SMS, per segment in INR").set_value("0.2315")
    screen.field(rules, "text_input", "Budget for a month in INR").set_value("1500")
    screen.field(rules, "checkbox", "Bill due").check()
    screen.field(rules, "number_input", "Reminder 1").set_value(0)
    screen.field(rules, "number_input", "Reminder 4").set_value(90)
    screen.field(rules, "segmented_control", "Unit of reminder 4").set_value("minutes")
    screen.click(rules, "Save")

    kept = policy(world.clinic)
    assert (kept.sms_price_micros, kept.monthly_budget_micros) == (231_500, 1_500_000_000)
    assert kept.reminder_minutes == (1_440, 120, 90)
    assert MessageKind.BILL_DUE in kept.kinds
    assert screen.field(rules, "text_input", "SMS, per segment in INR").value == "0.2315"


def test_a_rule_that_cannot_be_loses_nothing(world: World, rules: AppTest) -> None:
    """Requests for reviews without a link are refused; the price typed beside stays in its field."""
    screen.field(rules, "text_input", "SMS, per segment in INR").set_value("0.2315")
    screen.field(rules, "checkbox", "Request for a review").check()
    screen.click(rules, "Save")

    assert "link where patients review" in screen.errors(rules)[0]
    assert screen.field(rules, "text_input", "SMS, per segment in INR").value == "0.2315"
    assert policy(world.clinic).version == 0


def test_two_who_change_the_same_rule_are_asked(world: World, manager: Actor, rules: AppTest) -> None:
    """The second one reads both values as people write them, and chooses."""
    directory.save_message_policy(world.clinic, manager, MessagePolicy(sms_price_micros=500_000, bill_due_days=30))
    screen.field(rules, "text_input", "SMS, per segment in INR").set_value("0.25")
    screen.click(rules, "Save")

    assert "₹0.50" in screen.said(rules) and "₹0.25" in screen.said(rules)
    screen.click(rules, "Save what I typed")
    kept = policy(world.clinic)
    assert (kept.sms_price_micros, kept.bill_due_days) == (250_000, 30)


def test_the_preview_follows_the_typing(world: World, manager: Actor, words: AppTest) -> None:
    """Text, segments and price are of what is typed, before anything is saved."""
    assert "Sunrise Clinic: your visit is on Tue, 3 Mar at 10:30 am" in screen.said(words)
    directory.save_message_policy(world.clinic, manager, MessagePolicy(sms_price_micros=231_500))
    clicks.type_live(words, REMINDER, "Come on {day} at {time} 😀")

    said = screen.said(words)
    assert "Come on Tue, 3 Mar at 10:30 am 😀 Ref K7P2QD" in said
    assert "1 segment" in said and "UCS-2" in said and "`😀`" in said and "₹0.2315" in said
    assert saved(world.clinic).version == 0

    screen.click(words, "Save")
    assert saved(world.clinic).body == "Come on {day} at {time} 😀"


def test_what_no_message_can_say_is_refused_while_it_is_typed(world: World, words: AppTest) -> None:
    """With what is known, and what was probably meant; saving it anyway is refused, too, and keeps the words."""
    clicks.type_live(words, REMINDER, "Come on {day} at {tiem}")
    assert "Did you mean {time}?" in screen.said(words)

    screen.click(words, "Save")
    assert "no {tiem}" in screen.errors(words)[0]
    assert saved(world.clinic).version == 0
    assert screen.component(words, REMINDER)["value"] == "Come on {day} at {tiem}"


def test_words_typed_for_one_message_wait_while_another_is_looked_at(words: AppTest) -> None:
    """They are named as not saved, and are there when one comes back."""
    clicks.type_live(words, REMINDER, "{clinic} {day} {time}")
    screen.field(words, "selectbox", "Message").set_value(MessageKind.REVIEW)
    screen.run(words)
    assert "Not saved yet: Reminder (SMS, English)" in screen.said(words)

    screen.field(words, "selectbox", "Message").set_value(MessageKind.REMINDER)
    screen.run(words)
    assert screen.component(words, REMINDER)["value"] == "{clinic} {day} {time}"


def test_back_to_the_default_words(world: World, words: AppTest) -> None:
    """One click fills them in; they hold once they are saved."""
    default = templates.DEFAULTS["reminder:sms:en"]
    clicks.type_live(words, REMINDER, "{day} {time} own")
    screen.click(words, "Save")
    own = saved(world.clinic)
    before = screen.component(words, REMINDER)["revision"]
    screen.click(words, "Default words")

    shown = screen.component(words, REMINDER)
    assert (shown["value"], shown["revision"]) == (default.body, before + 1)
    assert saved(world.clinic) == own
    screen.click(words, "Save")
    assert saved(world.clinic).body == default.body


def test_two_who_write_the_same_words_are_asked(world: World, manager: Actor, words: AppTest) -> None:
    """The second one reads both texts and chooses; nothing that was typed is lost."""
    clicks.type_live(words, REMINDER, "{day} {time} mine")
    theirs = replace(templates.DEFAULTS["reminder:sms:en"], body="{day} {time} theirs")
    directory.save_template(world.clinic, manager, theirs)
    screen.click(words, "Save")

    assert "{day} {time} theirs" in screen.said(words) and "{day} {time} mine" in screen.said(words)
    screen.click(words, "Save what I typed")
    assert saved(world.clinic).body == "{day} {time} mine"


def test_a_language_of_the_clinics_own(world: World, words: AppTest) -> None:
    """Marathi has no words yet: it begins with the English ones, and patients can have it once they are saved."""
    screen.field(words, "selectbox", "Language").set_value("mr")
    screen.run(words)
    clicks.type_live(words, "settings.words.body.reminder:sms:mr", "{day} {time} नमस्कार")
    screen.click(words, "Save")

    world.clinic.forget_directory()
    assert "mr" in templates.languages(world.clinic.directory().templates)
