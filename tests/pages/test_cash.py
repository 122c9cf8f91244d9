"""The Cash page: open a till, move cash, count it blind, close the day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.domain.access import Actor, Role
from clinic_core.domain.billing import Invoice, PaymentMethod
from clinic_core.domain.ids import new_id
from clinic_core.domain.journal import till_account
from clinic_core.domain.tills import Way
from clinic_core.errors import Forbidden
from clinic_core.services import billing, day_close, ledger, tills
from tests import make
from tests.conftest import World
from tests.pages import clicks, screen
from ui import cash_count, cash_parts


def show(world: World, actor: Actor, section: str = "", **state: Any) -> AppTest:
    """The page, at one of a manager's sections."""
    page = screen.open_page("cash", world.clinic, actor, **state)
    if section:
        screen.field(page, "segmented_control", "Section").set_value(section)
        screen.run(page)
    return page


def opened(world: World, actor: Actor, float_minor: int = 200_000) -> None:
    """A till with 2,000.00."""
    tills.open_till(world.clinic, actor, key=new_id(), float_minor=float_minor)


def paid(world: World, actor: Actor, amount_minor: int = 50_000) -> Invoice:
    """An invoice over 500.00, paid in cash."""
    clinic = world.clinic
    draft = billing.new_draft(clinic, actor, invoice_id=new_id(), patient_id=world.asha.id, practitioner_id=make.DR_A)
    invoice = billing.issue(clinic, actor, billing.set_lines(clinic, actor, draft, [make.line()]))
    return billing.take_payment(
        clinic, actor, invoice, key=new_id(), amount_minor=amount_minor, method=PaymentMethod.CASH
    )


def holds(world: World, username: str) -> tuple[int, bool]:
    """What the till should hold, and whether it is open."""
    balance = ledger.current(world.clinic, till_account(username))
    return balance.amount_minor, bool(balance.opened)


def count(page: AppTest, **pieces: int) -> AppTest:
    """Type pieces, e.g. ``_500=4`` for notes of 500."""
    for face, number in pieces.items():
        screen.field(page, "number_input", f"₹{face.strip('_')}").set_value(number)
    return screen.run(page)


def counting(world: World, actor: Actor) -> AppTest:
    """The page with the count begun."""
    return screen.click(show(world, actor), "Count and close")


def test_opening_is_the_one_next_step(world: World, reception: Actor) -> None:
    """A closed till, the float typed, a toast; next time the same float is filled in."""
    page = show(world, reception)
    assert screen.primary(page) == ["Open my till"]
    screen.field(page, "text_input", "Float from the safe in INR").set_value("1,500")
    screen.click(page, "Open my till")
    assert holds(world, "reception") == (150_000, True)
    assert "open" in page.toast[0].value
    assert screen.primary(page) == ["Count and close"]

    tills.close(world.clinic, reception, "reception", key="c", pieces={50_000: 3})
    page = show(world, reception)
    assert screen.field(page, "text_input", "Float from the safe in INR").value == "1500.00"


def test_a_float_that_is_no_amount_is_refused_and_kept(world: World, reception: Actor) -> None:
    """And no till is opened."""
    page = show(world, reception)
    screen.field(page, "text_input", "Float from the safe in INR").set_value("lots")
    screen.click(page, "Open my till")
    assert "amount" in screen.errors(page)[0]
    assert screen.field(page, "text_input", "Float from the safe in INR").value == "lots"
    assert holds(world, "reception") == (0, False)


def test_the_till_lists_its_cash_but_no_sum(world: World, reception: Actor) -> None:
    """What it should hold is nowhere on the page."""
    opened(world, reception)
    invoice = paid(world, reception, 12_300)
    page = show(world, reception)
    rows = screen.component(page, "cash.entries")["rows"]
    assert [row["cells"] for row in rows] == [["08:00", "Payment", invoice.label, "+₹123.00"]]
    assert "2,123" not in screen.said(page)


def test_putting_in_and_taking_out(world: World, reception: Actor) -> None:
    """With a reason; what is refused stays in the form."""
    opened(world, reception)
    page = show(world, reception)
    screen.fill(page, **{"Amount in INR": "100"})
    screen.click(page, "Book it")
    assert "what it is for" in screen.errors(page)[0]
    assert screen.field(page, "text_input", "Amount in INR").value == "100"

    screen.fill(page, **{"Why?": "Small change"})
    screen.click(page, "Book it")
    assert holds(world, "reception") == (210_000, True)

    screen.field(page, "selectbox", "What").set_value(Way.EXPENSE)
    screen.run(page)
    screen.fill(page, **{"Amount in INR": "60", "Why?": "Stamps"})
    screen.click(page, "Book it")
    assert holds(world, "reception") == (204_000, True)
    shown = [row["cells"][1] for row in screen.component(page, "cash.entries")["rows"]]
    assert shown == ["Expense: Stamps", "From the safe: Small change"]


def test_a_hand_over_names_the_colleague(world: World, reception: Actor) -> None:
    """Only somebody whose till is open can be chosen."""
    ann = make.actor(Role.RECEPTIONIST, name="ann")
    opened(world, reception)
    options = screen.field(show(world, reception), "selectbox", "What").options
    assert "To a colleague's till" not in options

    opened(world, ann, 0)
    page = show(world, reception)
    screen.field(page, "selectbox", "What").set_value(Way.TO_TILL)
    screen.run(page)
    assert screen.field(page, "selectbox", "Colleague").options == ["Ann (ann)"]
    screen.fill(page, **{"Amount in INR": "500", "Why?": "Shift"})
    screen.click(page, "Book it")
    assert (holds(world, "reception"), holds(world, "ann")) == ((150_000, True), (50_000, True))
    for actor, said in ((reception, "To ann: Shift"), (ann, "From reception: Shift")):
        rows = screen.component(show(world, actor), "cash.entries")["rows"]
        assert [row["cells"][1] for row in rows] == [said]


def test_the_count_is_blind(world: World, reception: Actor) -> None:
    """Neither the float nor the entries nor a sum are there; a running total is."""
    opened(world, reception)
    paid(world, reception, 12_300)
    page = counting(world, reception)
    said = screen.said(page)
    assert "2,000" not in said
    assert "123.00" not in said
    labels = [field.label for field in page.number_input]
    assert labels == ["₹500", "₹200", "₹100", "₹50", "₹20", "₹10", "₹5", "₹2", "₹1"]
    count(page, _500=4, _20=1)
    assert "₹2,020.00 counted" in screen.said(page)
    assert screen.primary(page) == ["Send the count"]


def test_a_count_that_agrees_closes_the_till(world: World, reception: Actor) -> None:
    """No more questions; the slip is there."""
    opened(world, reception)
    page = count(counting(world, reception), _500=4)
    screen.click(page, "Send the count")
    assert holds(world, "reception") == (0, False)
    assert "₹2,000.00 to the safe" in screen.said(page)
    assert screen.primary(page) == ["Open my till"]
    assert [d.label for d in page.get("download_button")] == ["Till slip"]


def test_every_slip_can_be_reached(world: World, reception: Actor, clock: make.Clock) -> None:
    """Also the sixth from the end, and also while the till is open: a slip nobody can print is no record."""
    closed = []
    for day in range(7):
        clock.set("09:00", make.MONDAY + timedelta(days=day))
        opened(world, reception)
        done = tills.close(world.clinic, reception, "reception", key=f"c{day}", pieces={50_000: 4})
        assert done.entry is not None
        closed.append(done.entry.id)
    page = show(world, reception)
    assert len(page.get("download_button")) == 5
    screen.click(page, "Show more")
    assert len(page.get("download_button")) == 7
    assert "Show more" not in [button.label for button in page.button]

    opened(world, reception)
    page = show(world, reception)
    assert not page.get("download_button")
    screen.field(page, "toggle", "My closed tills").set_value(True)
    screen.run(page)
    assert len(page.get("download_button")) == 5


def test_a_difference_asks_why(world: World, reception: Actor) -> None:
    """Expected and counted are shown after it was sent; without a reason nothing is closed."""
    opened(world, reception)
    page = count(counting(world, reception), _500=3, _200=2)
    screen.field(page, "text_input", "Anything else, as an amount in INR").set_value("0.50")
    screen.run(page)
    screen.click(page, "Send the count")
    shown = screen.said(page).split()
    assert [shown[shown.index(name) + 1] for name in ("Expected", "Counted", "Difference")] == [
        "₹2,000.00",
        "₹1,900.50",
        "-₹99.50",
    ]
    assert holds(world, "reception") == (200_000, True)
    screen.click(page, "Close the till")
    assert "difference" in screen.errors(page)[0]

    screen.fill(page, **{"How did it come about?": "Too much change"})
    screen.click(page, "Close the till")
    assert holds(world, "reception") == (0, False)
    (close,) = tills.past(world.clinic, reception)
    assert (close.reason, close.counted) == ("Too much change", ((50_000, 3), (20_000, 2), (50, 1)))
    assert "₹99.50 missing" in screen.said(page)


def test_counting_again_keeps_what_was_typed(world: World, reception: Actor) -> None:
    """A slip in one field is put right in one field."""
    opened(world, reception)
    page = count(counting(world, reception), _500=3)
    screen.click(page, "Send the count")
    screen.click(page, "Count again")
    assert screen.field(page, "number_input", "₹500").value == 3
    count(page, _500=4)
    screen.click(page, "Send the count")
    assert holds(world, "reception") == (0, False)


def test_a_count_sent_twice_closes_once(world: World, reception: Actor) -> None:
    """The first click was cut off after its write: the same form goes in again."""
    opened(world, reception)
    page = count(counting(world, reception), _500=4)
    key = page.session_state["form:cash.count.reception"]
    tills.close(world.clinic, reception, "reception", key=key, pieces={50_000: 4})
    screen.click(page, "Send the count")
    assert not page.error
    assert len(tills.past(world.clinic, reception)) == 1


def test_what_is_no_amount_cannot_be_sent(world: World, reception: Actor) -> None:
    """The pieces stay."""
    opened(world, reception)
    page = count(counting(world, reception), _500=4)
    screen.field(page, "text_input", "Anything else, as an amount in INR").set_value("some")
    screen.run(page)
    assert screen.errors(page)
    assert next(b for b in page.button if b.label == "Send the count").disabled
    assert screen.field(page, "number_input", "₹500").value == 4


def test_not_yet_goes_back(world: World, reception: Actor) -> None:
    """The till stays open."""
    opened(world, reception)
    page = screen.click(counting(world, reception), "Not yet")
    assert cash_count.COUNTING not in page.session_state
    assert screen.primary(page) == ["Count and close"]


def test_reception_sees_only_her_own_till(world: World, reception: Actor) -> None:
    """No sections at all."""
    assert not show(world, reception).segmented_control


def test_the_page_is_not_for_doctors(world: World, doctor: Actor) -> None:
    """It says so and draws nothing."""
    page = screen.open_page("cash", world.clinic, doctor)
    assert "may not open this page" in screen.errors(page)[0]
    assert not page.button


def test_a_forgotten_till_is_counted_by_the_manager(world: World, reception: Actor, manager: Actor) -> None:
    """From the list of all tills."""
    opened(world, reception)
    page = show(world, manager, "All tills")
    assert [row["id"] for row in screen.component(page, "cash.tills")["rows"]] == ["reception"]
    clicks.step(page, "cash.tills", "reception", "count")
    assert "the till of reception" in "".join(s.value for s in page.subheader)
    screen.click(count(page, _500=4), "Send the count")
    assert holds(world, "reception") == (0, False)


def test_a_count_of_another_till_is_asked_again(world: World, reception: Actor) -> None:
    """What a receptionist's browser could put there does not make her a manager."""
    ann = make.actor(Role.RECEPTIONIST, name="ann")
    opened(world, ann)
    page = show(world, reception, cash__counting="ann")
    screen.click(page, "Send the count")
    assert "may not do this" in screen.errors(page)[0]
    assert holds(world, "ann") == (200_000, True)


def test_closing_the_day(world: World, reception: Actor, manager: Actor) -> None:
    """Open tills first, then sure, then the paper; the page says on which day money is booked."""
    opened(world, reception)
    paid(world, reception)
    paid(world, manager)
    page = show(world, manager, "Close the day")
    assert "have to be counted" in screen.said(page)
    assert "Close the day" not in [b.label for b in page.button]
    assert "₹500" not in screen.said(page)

    tills.close(world.clinic, reception, "reception", key="c", pieces={})
    tills.close(world.clinic, reception, "reception", key="c", pieces={50_000: 5})
    screen.run(page)
    assert "Counted 2 times; first difference -₹2,500.00" in screen.said(page)
    assert [row["cells"][1] for row in screen.component(page, "cash.outside")["rows"]] == ["manager"]
    assert screen.primary(page) == ["Close the day"]
    screen.click(page, "Close the day")
    assert "nothing can be booked on this day" in screen.said(page)
    screen.click(page, "Yes, close Monday 2 March 2026")
    assert ledger.open_day(world.clinic) == make.TUESDAY
    assert "Tuesday 3 March 2026" in screen.said(page)
    assert [(d.label, d.proto.type) for d in page.get("download_button")] == [("Day close PDF", "primary")]

    screen.field(page, "segmented_control", "Section").set_value("Closed days")
    screen.run(page)
    assert "Monday 2 March 2026" in screen.said(page)


def test_not_yet_closes_nothing(world: World, reception: Actor, manager: Actor) -> None:
    """The question goes away."""
    paid(world, reception)
    page = screen.click(show(world, manager, "Close the day"), "Close the day")
    screen.click(page, "Not yet")
    assert screen.primary(page) == ["Close the day"]
    assert ledger.open_day(world.clinic) == make.MONDAY


def test_a_day_that_was_forgotten_is_offered_first(
    world: World, reception: Actor, manager: Actor, clock: make.Clock
) -> None:
    """Yesterday, while today can be chosen."""
    paid(world, reception)
    clock.set("09:00", make.TUESDAY)
    page = show(world, manager, "Close the day")
    assert "Monday 2 March 2026 is not closed yet" in screen.said(page)
    assert screen.field(page, "selectbox", "Day").value == make.MONDAY


def test_a_day_without_money(world: World, manager: Actor) -> None:
    """There is nothing to close."""
    assert "nothing to close" in screen.said(show(world, manager, "Close the day"))
    assert "No till is open" in screen.said(show(world, manager, "All tills"))
    assert "No day of March 2026" in screen.said(show(world, manager, "Closed days"))


def test_the_papers(world: World, reception: Actor, manager: Actor, doctor: Actor) -> None:
    """Made when the button is pressed, by whoever may."""
    opened(world, reception)
    done = tills.close(world.clinic, reception, "reception", key="c", pieces={50_000: 4}).entry
    assert done is not None
    day_close.close(world.clinic, manager, make.MONDAY)
    assert cash_parts.till_pdf(world.clinic, reception, entry_id=done.id).startswith(b"%PDF")
    first = cash_parts.day_pdf(world.clinic, manager, day=make.MONDAY)
    assert first.startswith(b"%PDF")
    assert cash_parts.day_pdf(world.clinic, manager, day=make.MONDAY) == first
    with pytest.raises(Forbidden):
        cash_parts.day_pdf(world.clinic, reception, day=make.MONDAY)
    with pytest.raises(Forbidden):
        cash_parts.till_pdf(world.clinic, doctor, entry_id=done.id)
