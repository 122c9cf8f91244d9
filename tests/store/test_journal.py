"""The journal against a real server: places in a day and in an account that only one entry can take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from clinic_core.domain import journal
from clinic_core.domain.billing import PaymentMethod
from clinic_core.domain.journal import Book, Entry, Event, Posting
from clinic_core.errors import Conflict, IllegalTransition
from clinic_core.store.balances import Balances
from clinic_core.store.journal import Journal
from clinic_core.store.mongo import Document, connect, database_of
from tests import make


@pytest.fixture
def open_store(database_url: str) -> Iterator[Callable[[], Journal]]:
    """Opens the store as another process would: with a client and a memory of its own."""
    clients = []

    def opened() -> Journal:
        clients.append(connect(database_url))
        return Journal(database_of(clients[-1], urlsplit(database_url).path.strip("/")))

    yield opened
    for client in clients:
        client.close()


@pytest.fixture
def store(open_store: Callable[[], Journal]) -> Journal:
    """An empty store with its indexes."""
    made = open_store()
    made.create_indexes()
    return made


def entry(key: str, account: str = "credit:p", place: int = 1, **changes: Any) -> Entry:
    """A deposit of 1.00 that is the n-th event of an account."""
    given: dict[str, Any] = {
        "key": key,
        "event": Event.DEPOSIT,
        "day": make.MONDAY,
        "at": make.NOW,
        "by": "desk",
        "slots": (journal.key_slot(key), journal.slot(account, place)),
        "postings": (
            Posting(book=Book.MONEY, amount_minor=100, method=PaymentMethod.CASH),
            Posting(book=Book.CREDIT, amount_minor=-100),
        ),
    }
    return Entry(**{**given, **changes})


def test_an_entry_comes_back_as_it_was(store: Journal) -> None:
    """Every field survives the database, and it has the next number of its day."""
    for number in (1, 2):
        added = store.add(entry(f"k{number}", place=number, counted=((100, 3), (1, 7)), reason="why", reverses="x"))
        assert added is not None
        assert added.id == f"2026-03-02#{number:05d}"
        assert store.get(added.id) == store.by_key(f"k{number}") == added
    assert (store.next_number(make.MONDAY), store.next_number(make.TUESDAY)) == (3, 1)


@pytest.mark.parametrize("other", [entry("k", "credit:q"), entry("other"), entry("k")])
def test_a_place_is_taken_once(store: Journal, other: Entry) -> None:
    """The same key, the same place in an account, or both: there is one entry, and the day has no gap."""
    assert store.add(entry("k"))
    assert store.add(other) is None
    assert store.count() == 1
    assert store.next_number(make.MONDAY) == 2


def test_a_number_that_was_taken_meanwhile_is_refused(store: Journal) -> None:
    """Whoever read the number before another entry came has to look again, even if the two have nothing in common."""
    number = store.next_number(make.MONDAY)
    assert store.add(entry("a", "credit:a"))
    assert store.add(entry("b", "credit:b"), number) is None


def test_places_of_several_tills(store: Journal, open_store: Callable[[], Journal]) -> None:
    """Eight tills append to three accounts at once: the days and the accounts run 1, 2, 3 …"""
    tills = [open_store() for _ in range(8)]

    def append(turn: int) -> None:
        till, account = tills[turn % 8], f"credit:{turn % 3}"
        while till.add(entry(f"k{turn}", account, till.last_of(account) + 1)) is None:
            continue

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(48)))

    assert [journal.number_of(one.id) for one in store.of_day(make.MONDAY)] == list(range(1, 49))
    for account in ("credit:0", "credit:1", "credit:2"):
        assert store.last_of(account) == 16
        assert [one.sequence(account) for one in store.of_account(account, 1, 99)] == list(range(1, 17))


def test_what_holds_a_place(store: Journal) -> None:
    """By slot, only what was asked for."""
    one, two = store.add(entry("a")), store.add(entry("b", place=2))
    assert store.holding(["credit:p@1", "credit:p@2", "credit:p@3", "key:c"]) == {"credit:p@1": one, "credit:p@2": two}
    assert (store.after("credit:p", 1), store.after("credit:p", 2)) == (two, None)
    assert sorted(store.keys(["a", "b", "c"])) == ["a", "b"]


def test_history_follows_what_is_there(store: Journal) -> None:
    """Entries of the past get the numbers after the last ones of their days, once however often they are added."""
    assert store.add(entry("new", "credit:n"))
    old = [entry(f"old{n}", "credit:o", n, day=day) for n, day in ((1, make.MONDAY), (2, make.TUESDAY))]

    assert (store.add_history(old), store.add_history(old)) == (2, 0)
    assert [one.key for one in store.of_day(make.MONDAY)] == ["new", "old1"]
    assert [one.key for one in store.of_day(make.TUESDAY)] == ["old2"]


def test_no_history_on_a_closed_day(store: Journal) -> None:
    """What is closed stays as it is; and a place that is taken is said, not skipped."""
    closing = entry("close", slots=("key:close", journal.close_slot(make.MONDAY)), event=Event.DAY_CLOSE, postings=())
    assert store.add(closing)
    with pytest.raises(IllegalTransition, match="closed"):
        store.add_history([entry("old")])
    assert store.add(entry("a", day=make.TUESDAY))
    with pytest.raises(Conflict):
        store.add_history([entry("b", day=make.TUESDAY)])


def test_what_reporting_must_fold(store: Journal) -> None:
    """Every entry is marked by its own insert; only a bulk load that rebuilds all facts leaves the mark out."""
    one = store.add(entry("a"))
    store.add_many([entry("b", place=2, id="2026-03-02#00002")], folded=True)
    assert store.unfolded() == [one]
    assert [d["month"] for d in store._collection.find()] == ["2026-03", "2026-03"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"slots": "key:k1"},
        {"slots": {"$in": ["key:k1", "credit:p@2", "close:2026-03-02"]}},
        {"month": "2026-03"},
        {"unfolded": True},
    ],
    ids=",".join,
)
def test_interactive_queries_use_an_index(store: Journal, wanted: Document) -> None:
    """None of them reads the whole collection."""
    for number in (1, 2, 3):
        store.add(entry(f"k{number}", place=number))

    plan = store._collection.find(wanted).explain()

    assert "IXSCAN" in str(plan["queryPlanner"]["winningPlan"])


def test_balances_go_one_entry_at_a_time(store: Journal) -> None:
    """A copy is never ahead of the ledger, and who comes late with the same entry changes nothing."""
    balances, account = Balances(store._collection.database), "credit:p"
    none = balances.get(account)
    first = journal.balance_after(none, entry("a"))
    second = journal.balance_after(first, entry("b", place=2))
    for before, after in ((none, first), (none, first), (first, second), (first, second), (none, first)):
        balances.advance(before, after)

    assert balances.get(account) == second
    assert (second.seq, second.amount_minor) == (2, 200)
    assert balances.of_kind("credit") == [second]
    assert balances.of_kind("till") == []
    assert balances.many([account, "credit:q"]) == {account: second}
