"""The rate of a number and the month's money: what may go, counted once."""

from __future__ import annotations

from datetime import datetime, timedelta

from clinic_core.domain.allowance import REMEMBERED, Allowance, Want, give_back, is_nearly_spent, take
from clinic_core.domain.messages import MessagePolicy
from tests import make

NOW = make.NOW
MARCH, APRIL = "2026-03", "2026-04"


def wants(*ids: str, cost: int = 10, sender: str = "+1") -> list[Want]:
    """Messages of one number and price."""
    return [Want(id=one, sender=sender, cost_micros=cost) for one in ids]


def allowed(
    before: Allowance, asked: list[Want], *, now: datetime = NOW, month: str = MARCH, **rules: int
) -> tuple[Allowance, str]:
    """The allowance after asking, and the ids that may go."""
    granted = take(before, asked, MessagePolicy(**{"messages_per_second": 100, **rules}), now=now, month=month)  # type: ignore[arg-type]
    return granted.allowance, "".join(sorted(granted.ids))


def test_two_seconds_worth_may_go_at_once_and_then_so_many_a_second() -> None:
    """Two senders of one number share its bucket; another number has its own."""
    after, ids = allowed(Allowance(), wants(*"abcdefgh"), messages_per_second=3)
    assert ids == "abcdef"
    assert allowed(after, wants("g"), messages_per_second=3)[1] == ""
    assert allowed(after, wants("g", sender="+2"), messages_per_second=3)[1] == "g"
    assert allowed(after, wants("g", sender=""), messages_per_second=3)[1] == "g"
    assert allowed(after, wants(*"ghi"), now=NOW + timedelta(seconds=0.7), messages_per_second=3)[1] == "gh"


def test_the_budget_is_never_exceeded_and_cheaper_ones_still_go() -> None:
    """Counted after sending, the last batch would go over it."""
    after, ids = allowed(
        Allowance(), wants("a", cost=60) + wants("b", cost=60) + wants("c", cost=40), monthly_budget_micros=100
    )
    assert (ids, after.spent_micros) == ("ac", 100)
    assert is_nearly_spent(after, MessagePolicy(monthly_budget_micros=125))
    assert not is_nearly_spent(after, MessagePolicy(monthly_budget_micros=126))
    assert not is_nearly_spent(after, MessagePolicy())


def test_a_message_is_counted_once_and_what_is_refused_is_given_back() -> None:
    """A sender that died after counting, and the one who goes on with its messages."""
    after, _ = allowed(Allowance(), wants(*"ab"))
    again, ids = allowed(after, wants(*"abc"))
    assert (ids, again.spent_micros) == ("abc", 30)
    back = give_back(again, wants(*"bx"), MARCH)
    assert (back.spent_micros, back.counted) == (20, ("a", "c"))
    assert give_back(again, wants("b"), APRIL) == again


def test_a_new_month_begins_with_nothing_spent_and_the_same_rate() -> None:
    """A bucket that was emptied at midnight is not full a second later."""
    after, _ = allowed(Allowance(), wants(*"ab"), messages_per_second=1)
    april, ids = allowed(after, wants(*"cd"), month=APRIL, messages_per_second=1)
    assert (april.month, april.spent_micros, ids) == (APRIL, 0, "")


def test_only_the_last_ones_are_remembered() -> None:
    """All of a year's messages in one document would make every batch slow."""
    asked = wants(*map(str, range(REMEMBERED + 5)), sender="")
    assert len(allowed(Allowance(), asked)[0].counted) == REMEMBERED
