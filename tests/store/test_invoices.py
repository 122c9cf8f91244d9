"""The invoice store against a real server: numbers without gaps, guarded sums, repeated and lost writes."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo.errors import AutoReconnect

from clinic_core.domain.billing import Invoice, InvoiceStatus
from clinic_core.errors import AlreadyExists, Conflict, NotFound, Unavailable
from clinic_core.store.invoices import Invoices
from clinic_core.store.mongo import Document, connect, database_of
from tests import make
from tests.store.till import SERIES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def open_store(database_url: str) -> Iterator[Callable[[], Invoices]]:
    """Opens the store as another process would: with a client and a memory of its own."""
    clients = []

    def opened() -> Invoices:
        clients.append(connect(database_url))
        return Invoices(database_of(clients[-1], urlsplit(database_url).path.strip("/")))

    yield opened
    for client in clients:
        client.close()


@pytest.fixture
def store(open_store: Callable[[], Invoices]) -> Invoices:
    """An empty store with its indexes."""
    made = open_store()
    made.create_indexes()
    return made


def issued(draft: Invoice) -> Invoice:
    """The draft with what issuing sets, but no number."""
    return replace(draft, status=InvoiceStatus.ISSUED, issued_at=make.NOW, issued_on=make.MONDAY, issued_by="till")


def issue(store: Invoices, **changes: Any) -> Invoice:
    """A fresh invoice, issued."""
    draft = store.add(make.invoice(**changes))
    return store.issue(draft, issued(draft), SERIES)


def pay_in_full(store: Invoices, invoice: Invoice) -> None:
    """Let it hold an entry that pays all of it."""
    paid = replace(invoice, posted=1, paid_minor=invoice.total_minor, status=InvoiceStatus.BALANCED)
    assert store.advance(invoice, paid) is not None


# -- drafts --------------------------------------------------------------------------------------------------------


def test_a_draft_comes_back_as_it_was(store: Invoices) -> None:
    """Every field survives the database."""
    draft = make.invoice(appointment_id="visit", visited_on=make.MONDAY, practitioner_name="Dr A")

    store.add(draft)

    assert store.get(draft.id) == draft
    assert store.of_appointment("visit") == draft


def test_the_same_draft_twice_is_one(store: Invoices) -> None:
    """The second write returns what the first made."""
    draft = make.invoice()

    store.add(draft)
    again = store.add(replace(draft, drafted_at=make.at("09:00")))

    assert again == draft
    assert store.drafts() == [draft]


def test_an_id_belongs_to_one_patient(store: Invoices) -> None:
    """A reused id does not hand out somebody else's invoice."""
    draft = store.add(make.invoice())

    with pytest.raises(AlreadyExists, match="another patient"):
        store.add(replace(draft, patient_id="patient-2"))


def test_a_visit_has_one_invoice_that_is_not_cancelled(store: Invoices) -> None:
    """A second one is refused until the first is cancelled."""
    first = store.add(make.invoice(appointment_id="visit"))
    second = make.invoice(appointment_id="visit", drafted_at=make.at("09:00"))

    with pytest.raises(AlreadyExists, match="has an invoice"):
        store.add(second)
    gone = store.change(first, replace(first, status=InvoiceStatus.CANCELLED, cancel_reason="slip"))

    assert store.of_appointments(["visit", "other"]) == {"visit": gone}
    store.add(second)
    assert store.of_appointments(["visit"]) == {"visit": second}
    assert store.of_appointment("visit") == second


def test_what_is_not_there(store: Invoices) -> None:
    """`get` raises, `find` and `by_number` answer None."""
    assert store.find("nothing") is None
    assert store.by_number(SERIES, 1) is None
    with pytest.raises(NotFound):
        store.get("nothing")


# -- changes -------------------------------------------------------------------------------------------------------


def test_a_change_of_an_old_version_is_refused(store: Invoices) -> None:
    """What somebody else saved meanwhile is not overwritten."""
    draft = store.add(make.invoice())
    store.change(draft, replace(draft, total_minor=1))

    with pytest.raises(Conflict):
        store.change(draft, replace(draft, total_minor=2))
    assert store.get(draft.id).total_minor == 1


def test_the_same_change_twice_is_harmless(store: Invoices) -> None:
    """Changing lines, issuing and cancelling can be repeated with the arguments of the first time."""
    draft = store.add(make.invoice())
    edited = [store.change(draft, replace(draft, lines=(make.line(quantity=2),), total_minor=1)) for _ in "ab"]
    numbered = [store.issue(edited[0], issued(edited[0]), SERIES) for _ in "ab"]
    void = replace(numbered[0], status=InvoiceStatus.CANCELLED, cancel_reason="slip")
    cancelled = [store.change(numbered[0], void) for _ in "ab"]

    assert edited[0] == edited[1]
    assert numbered[0] == numbered[1]
    assert cancelled[0] == cancelled[1]
    assert store.last_number(SERIES) == 1


# -- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [0, 1, 2, 3, 4, 7, 8, 9, 100])
def test_the_last_number(store: Invoices, open_store: Callable[[], Invoices], there: int) -> None:
    """It is found from any starting point, and each series has its own."""
    store.add_many(_numbered(range(1, there + 1)))

    assert store.last_number(SERIES) == there
    assert open_store().last_number(SERIES) == there
    assert store.last_number("INV-2027") == 0
    store.add_many(_numbered(range(there + 1, there + 6)))
    assert store.last_number(SERIES) == there + 5


def test_the_last_number_after_a_restore(store: Invoices) -> None:
    """A process that remembers more numbers than the database has now does not leave a gap."""
    store.add_many(_numbered(range(1, 4)))
    store._numbers.seen(SERIES, 50)

    assert store.last_number(SERIES) == 3
    assert issue(store).number == 4


def test_numbers_of_several_tills(store: Invoices, open_store: Callable[[], Invoices]) -> None:
    """Eight tills at once: 1 to 64, each once."""
    tills = [open_store() for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda turn: issue(tills[turn % 8]).number, range(64)))

    assert sorted(n for n in found if n) == list(range(1, 65))
    assert store.last_number(SERIES) == 64


def test_one_draft_issued_by_several(store: Invoices, open_store: Callable[[], Invoices]) -> None:
    """Eight clicks on one draft give one number."""
    draft = store.add(make.invoice())
    tills = [open_store() for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda till: till.issue(draft, issued(draft), SERIES), tills))

    assert {invoice.number for invoice in found} == {1}
    assert store.last_number(SERIES) == 1


def test_no_gap_when_tills_are_killed(store: Invoices, database_url: str) -> None:
    """Twice three tills issue side by side and die in the middle of it: no number is lost or given twice."""
    luck = random.Random(7)
    for wave in range(2):
        tills = [_till(database_url, f"{wave}-{number}") for number in range(3)]
        answered = [_read_numbers(till, 5) for till in tills]
        time.sleep(luck.uniform(0, 0.02))
        for till in tills:
            _end(till)
            time.sleep(luck.uniform(0, 0.02))
        assert all(store.by_number(SERIES, number) for number in itertools.chain(*answered))

    found = sorted(_all_numbers(store))
    assert found == list(range(1, len(found) + 1))
    assert len(found) >= 30


# -- what the ledger says ------------------------------------------------------------------------------------------


def test_the_sums_follow_the_ledger(store: Invoices) -> None:
    """An invoice takes one entry after the other; with nothing due it is owed no more."""
    invoice = issue(store)

    partly = store.advance(invoice, replace(invoice, posted=2, paid_minor=20_000))
    assert partly is not None
    paid = store.advance(partly, replace(partly, posted=3, paid_minor=50_000, status=InvoiceStatus.BALANCED))

    assert paid == store.get(invoice.id)
    assert paid is not None
    assert (paid.version, paid.posted, paid.due_minor) == (invoice.version + 2, 3, 0)
    assert store.owing(today=make.MONDAY, most=9) == []


def test_a_stale_view_adds_nothing(store: Invoices) -> None:
    """Two that carry the same entry over: the second one is told, and the sum holds it once."""
    invoice = issue(store)
    carried = replace(invoice, posted=1, paid_minor=20_000)

    assert store.advance(invoice, carried) is not None
    assert store.advance(invoice, carried) is None
    assert store.get(invoice.id).paid_minor == 20_000


def test_a_race_to_carry_an_entry_over(store: Invoices, open_store: Callable[[], Invoices]) -> None:
    """Eight processes catch an invoice up at once: one of them does it."""
    invoice = issue(store)
    carried = replace(invoice, posted=1, paid_minor=20_000)
    tills = [open_store() for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda till: till.advance(invoice, carried), tills))

    assert len([after for after in found if after is not None]) == 1
    assert store.get(invoice.id).version == invoice.version + 1


def test_what_waits_for_the_ledger(store: Invoices) -> None:
    """Issued ones whose charges are not posted: neither drafts, nor cancelled ones, nor those that are."""
    store.add(make.invoice())
    waiting, posted, void = issue(store), issue(store), issue(store)
    store.advance(posted, replace(posted, posted=1))
    store.change(void, replace(void, status=InvoiceStatus.CANCELLED, cancel_reason="slip"))

    assert store.unposted() == [waiting]
    assert store.posted([waiting.id, posted.id, "nothing"]) == {waiting.id: 0, posted.id: 1}


def test_what_a_payer_owes(store: Invoices) -> None:
    """Found by the payer while there is something due from it, oldest first."""
    later = issue(store, payer_id="payer-1", payer_due_minor=10_000)
    paid = issue(store, payer_id="payer-1", payer_due_minor=10_000)
    early = make.invoice(payer_id="payer-1", payer_due_minor=1, series="INV-OLD", number=1)
    early = replace(issued(early), issued_on=make.MONDAY - timedelta(days=1))
    store.add_many([early])
    issue(store, payer_id="payer-2", payer_due_minor=10_000)
    store.advance(paid, replace(paid, posted=1, payer_due_minor=0))

    assert store.of_payer("payer-1") == [early, later]


# -- lost answers --------------------------------------------------------------------------------------------------


class Losing:
    """The collection behind a line that breaks when the answer comes back, or (`before`) on the way there."""

    def __init__(self, collection: Any, *, before: bool) -> None:
        self._collection, self._before, self._broken = collection, before, False

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._collection, name)
        return self._breaking(real) if name in _WRITES and not self._broken else real

    def _breaking(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            self._broken = True
            if not self._before:
                real(*args, **named)
            raise AutoReconnect("connection closed")

        return call


_WRITES = frozenset({"insert_one", "replace_one", "find_one_and_update"})


def _broken(store: Invoices, *, before: bool) -> Invoices:
    store._collection = Losing(store._collection, before=before)  # type: ignore[assignment]
    return store


def test_a_lost_answer_is_settled_by_reading(store: Invoices, open_store: Callable[[], Invoices]) -> None:
    """The write arrived: the caller sees it succeed, with the number that is in the database."""
    draft = _broken(open_store(), before=False).add(make.invoice())
    numbered = _broken(open_store(), before=False).issue(draft, issued(draft), SERIES)

    assert numbered.number == 1
    assert store.get(draft.id) == numbered


def test_a_lost_request_is_said(store: Invoices, open_store: Callable[[], Invoices]) -> None:
    """The write did not arrive: the caller is told, nothing is changed, and trying again works."""
    draft = make.invoice()
    with pytest.raises(Unavailable):
        _broken(open_store(), before=True).add(draft)
    store.add(draft)
    with pytest.raises(Unavailable):
        _broken(open_store(), before=True).issue(draft, issued(draft), SERIES)
    numbered = store.issue(draft, issued(draft), SERIES)

    assert store.get(draft.id) == numbered
    assert numbered.number == 1


# -- lists ---------------------------------------------------------------------------------------------------------


def test_worklists(store: Invoices) -> None:
    """Drafts and owing ones, latest first; so many owing ones as are asked for; paid and cancelled ones in neither."""
    draft = store.add(make.invoice())
    early = issue(store)
    february = make.MONDAY.replace(month=2)
    old = make.invoice(
        status=InvoiceStatus.ISSUED,
        series="INV-OLD",
        number=1,
        issued_at=make.NOW - timedelta(days=28),
        issued_on=february,
    )
    store.add_many([old])
    paid = issue(store)
    pay_in_full(store, paid)
    void = issue(store)
    store.change(void, replace(void, status=InvoiceStatus.CANCELLED, cancel_reason="slip"))

    assert store.drafts() == [draft]
    assert store.owing(today=make.MONDAY, most=9) == [early, old]
    assert store.owing(today=make.MONDAY, most=1) == [early]
    assert store.count_owing() == 2


@pytest.mark.parametrize("most", [1, 2, 3, 4, 9])
def test_the_owing_ones_are_the_latest_however_old(store: Invoices, most: int) -> None:
    """Found step by step backwards, none twice and none left out between two steps."""
    days = (0, 7, 8, 31, 92, 93, 2000)
    many = [
        make.invoice(
            status=InvoiceStatus.ISSUED,
            series=SERIES,
            number=number,
            issued_at=make.NOW - timedelta(days=ago),
            issued_on=make.MONDAY - timedelta(days=ago),
        )
        for number, ago in enumerate(days, 1)
    ]
    store.add_many(many)
    assert store.owing(today=make.MONDAY, most=most) == many[:most]


def test_the_count_follows_own_writes(store: Invoices) -> None:
    """It is remembered for some seconds, but not past a write of this process."""
    assert store.count_owing() == 0
    invoice = issue(store)
    assert store.count_owing() == 1
    pay_in_full(store, invoice)
    assert store.count_owing() == 0


def test_a_patients_invoices(store: Invoices) -> None:
    """Latest first, and nobody else's."""
    first = store.add(make.invoice(drafted_at=make.at("09:00")))
    second = store.add(make.invoice(drafted_at=make.at("10:00")))
    store.add(make.invoice(patient_id="patient-2"))

    assert store.of_patient("patient-1") == [second, first]


def test_import_ids(store: Invoices) -> None:
    """They are unique, and asked for many at once."""
    made = store.add(make.invoice(source_id="old-1"))

    assert store.by_source_ids(["old-1", "old-2"]) == {"old-1": made.id}


@pytest.mark.parametrize(
    "wanted",
    [
        {"series": SERIES, "number": {"$in": [1, 2, 4]}},
        {"live_appointment_id": "visit"},
        {"appointment_id": {"$in": ["visit", "other"]}},
        {"source_id": {"$in": ["old-1"]}},
        {"patient_id": "patient-1"},
        {"open": "draft"},
        {"open": {"$gte": "owing:2026-01-01", "$lt": "owing;"}},
        {"payer_open": "payer-1"},
        {"payer_id": "payer-1"},
        {"unposted": True},
    ],
    ids=",".join,
)
def test_interactive_queries_use_an_index(store: Invoices, wanted: Document) -> None:
    """None of them reads the whole collection."""
    store.add_many(_numbered(range(1, 4)))

    plan = store._collection.find(wanted).explain()

    assert "IXSCAN" in str(plan["queryPlanner"]["winningPlan"])


# -- helpers -------------------------------------------------------------------------------------------------------


def _numbered(numbers: range) -> list[Invoice]:
    return [replace(issued(make.invoice()), series=SERIES, number=number) for number in numbers]


def _all_numbers(store: Invoices) -> list[int]:
    return [document["number"] for document in store._collection.find({"series": SERIES}, {"number": 1})]


def _till(url: str, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.store.till", url, f"till-{name}"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _read_numbers(till: subprocess.Popen[str], how_many: int) -> list[int]:
    """The first numbers that the till was given; waits for them."""
    assert till.stdout is not None
    return [int(till.stdout.readline()) for _ in range(how_many)]


def _end(till: subprocess.Popen[str]) -> None:
    till.kill()
    till.communicate(timeout=10)
