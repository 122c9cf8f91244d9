"""Four tills and a sidecar move money at random while they, and the database, are killed: the books always add up.

`FAULT_SECONDS` says for how long. Unset it is a short form of 10 seconds in which the database is not killed; the
database is killed only when it is the test's own.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from clinic_core.clinic import Clinic, create_indexes, open_clinic
from clinic_core.domain.access import Role
from clinic_core.domain.billing import InvoiceStatus
from clinic_core.domain.ids import derived_id
from clinic_core.domain.payers import Payer
from clinic_core.embedded import Server
from clinic_core.services import billing, charging, check, facts, ledger
from clinic_core.settings import Settings
from tests import make
from tests.conftest import fresh_database, set_up
from tests.faults.rig import Crew, cut, figures
from tests.faults.till import PACKAGE, PAYER, ticking

TILLS = 4
SECONDS = float(os.environ.get("FAULT_SECONDS", "10"))
LONG = "FAULT_SECONDS" in os.environ
DAYS = 5  # that go by meanwhile; at the end of the second one a year ends
MOVES = (
    *("issue", "payment", "refund", "credit-note", "write-off", "deposit", "deposit-refund", "apply-credit"),
    *("transfer", "assign", "cancel", "till-open", "till-move", "till-close", "day-close"),
    *("payer-payment", "package-use"),
)
SESSIONS = 5
YEARS = (2026, 2027)  # in which a run lies, see `till.BEGIN`

Document = dict[str, Any]


@pytest.mark.faults
def test_every_acknowledged_event_is_there_once_and_the_books_add_up(
    request: pytest.FixtureRequest, tmp_path: Path, record_property: Any
) -> None:
    """A till is killed every second; then the journal is read whole and everything is worked out from it anew."""
    server: Server | None = request.getfixturevalue("own_server") if LONG else None
    url = server.url if server else fresh_database(request.getfixturevalue("server_url"))
    ticks = f"{time.time() + 3}:{SECONDS / DAYS}"
    clinic = open_clinic(Settings(database_url=url), now=ticking(ticks))
    _prepare(clinic)
    tills = Crew("tests.faults.till", url, tmp_path, ticks)
    sidecars = Crew("tests.faults.sidecar", url, tmp_path, ticks)

    kills = _havoc(tills, sidecars, server)
    _finish(clinic)
    while ledger.settle(clinic) and facts.fold(clinic):
        continue

    lines = tills.lines()
    books = Books(clinic)
    counted = figures(lines) + Counter(kills | {"entries": len(books.entries), "days": len(books.days)})
    for name, figure in counted.items():
        record_property(name, figure)
    print("\n" + json.dumps(dict(sorted(counted.items()))))
    _prove_answers(books, lines)
    _prove_books(clinic, books)
    assert check.run(clinic) == []
    assert {move: counted[f"done {move}"] for move in MOVES if not counted[f"done {move}"]} == {}
    clinic.close()


def _prepare(clinic: Clinic) -> None:
    """Six patients and a payer: so few that the tills get into each other's way."""
    create_indexes(clinic)
    set_up(clinic)
    clinic.patients.add_many(make.patient() for _ in range(4))
    clinic.payers.add(Payer(id=PAYER, name="Care Insurance"))
    package = {"package_of": make.CONSULTATION, "package_sessions": SESSIONS, "price_minor": 0}
    clinic.catalogue.add(make.service(id=PACKAGE, code="PACK", name="Package", **package))
    clinic.forget_directory()


def _finish(clinic: Clinic) -> None:
    """What the desk does about visits whose bill somebody did not get to the end of: it does it again."""
    manager, made = make.actor(Role.MANAGER), {one["_id"] for one in clinic.database["invoices"].find({}, {"_id": 1})}
    for stored in clinic.appointments.every():
        billing.draft_for_visit(clinic, manager, stored.id)
    for invoice in clinic.invoices.many(made):
        if invoice.status is InvoiceStatus.CANCELLED and invoice.appointment_id:
            billing.cancel(clinic, manager, invoice, "slip")
            again = derived_id("invoice", invoice.id)
            if again not in made and clinic.journal.by_key(charging.use_key(again, make.CONSULTATION, 0)):
                billing.bill_again(clinic, manager, invoice)


def _havoc(tills: Crew, sidecars: Crew, server: Server | None) -> dict[str, int]:
    """Kill for `SECONDS`, then let them work a moment in peace and stop them; how many were killed."""
    chance, begin, names = random.Random(1), time.monotonic(), [f"till-{n}" for n in range(TILLS)]
    for name in names:
        tills.start(name)
    sidecars.start()
    killed = 0
    with ThreadPoolExecutor(1) as beside:
        outages = beside.submit(cut, server, begin, SECONDS) if server else None
        while time.monotonic() < begin + SECONDS or (outages and not outages.done()) or _too_little(tills, begin):
            time.sleep(chance.uniform(0.2, 1.2))
            victim = chance.randrange(TILLS)
            if not tills.worked(victim):
                continue
            tills.kill(victim)
            names.append(names.pop(victim))
            tills.start(names[-1])
            killed += 1
            if killed % 4 == 0:
                sidecars.kill(0)
                sidecars.start()
        cuts = outages.result() if outages else 0
    time.sleep(2)
    while tills.processes:
        tills.kill(0)
    sidecars.kill(0)
    return {"tills killed": killed, "database killed": cuts}


def _too_little(tills: Crew, begin: float) -> bool:
    """Whether some kind of change was never made yet: on a busy machine everything takes its time."""
    done = {line["change"] for line in tills.lines() if line["what"] == "done"}
    return not done.issuperset(MOVES) and time.monotonic() < begin + 4 * SECONDS


@dataclass
class Sums:
    """What an account adds up to so far."""

    due: int = 0
    payer_due: int = 0
    paid: int = 0
    payer_paid: int = 0
    credited: int = 0
    written_off: int = 0
    events: list[str] = field(default_factory=list)


class Books:
    """The journal as it is stored, worked out without the code that wrote it."""

    def __init__(self, clinic: Clinic) -> None:
        self.entries: list[Document] = sorted(clinic.database["journal"].find(), key=lambda entry: str(entry["_id"]))
        self.days: dict[str, list[Document]] = defaultdict(list)
        self.accounts: dict[str, dict[int, Document]] = defaultdict(dict)
        self.keys = Counter(entry["key"] for entry in self.entries)
        self.by_key = {entry["key"]: entry for entry in self.entries}
        for entry in self.entries:
            self.days[entry["day"]].append(entry)
            for account, _, number in (slot.rpartition("@") for slot in entry["slots"] if "@" in slot):
                if not account.startswith("key:"):
                    assert int(number) not in self.accounts[account], entry["_id"]
                    self.accounts[account][int(number)] = entry

    def in_order(self, account: str) -> list[Document]:
        """An account's entries, the first one first."""
        return [entry for _, entry in sorted(self.accounts[account].items())]


def _prove_answers(books: Books, lines: list[dict[str, Any]]) -> None:
    """What was acknowledged is there once and as it was said; what was refused is not there."""
    done = {line["key"]: line for line in lines if line["what"] == "done" and line["change"] != "payer-payment"}
    tried = {line["key"] for line in lines if line["what"] == "trying"}
    tried |= {f"package-return:{entry['_id']}" for entry in books.entries if entry["event"] == "package-use"}
    _prove_payers(books, lines)
    for key, line in done.items():
        assert books.keys[key] == 1, f"acknowledged and not there once: {line}"
        entry = books.by_key[key]
        assert entry["event"] == line["change"], line
        if line["change"] == "issue":
            owed = _sum(p for p in entry["postings"] if p["book"] == "receivable")
            assert (entry["label"], owed) == (line["label"], line["amount"]), line
        elif line["amount"] is not None:
            assert _debits(entry) == line["amount"], line
    refused = {line["key"] for line in lines if line["what"] == "refused" and line["change"] not in _REPEATED}
    assert not [key for key in refused if books.keys[key] and key not in done], "refused, and there all the same"
    asked = {key.rpartition(":")[0] if key.startswith("payer:") else key for key in books.keys}
    assert asked <= tried, "nobody asked for that"
    assert max(books.keys.values()) == 1


def _prove_payers(books: Books, lines: list[dict[str, Any]]) -> None:
    """One payment of a payer is so many entries, and together what the desk was told."""
    parts: dict[str, list[int]] = defaultdict(list)
    for entry in books.entries:
        key, _, place = entry["key"].rpartition(":")
        if key.startswith("payer:"):
            assert entry["event"] == "payment"
            assert all(p.get("payer_id") == PAYER for p in entry["postings"] if p["book"] == "receivable")
            parts[key].append(_debits(entry))
            assert int(place) == len(parts[key]), entry["_id"]
    for line in lines:
        if line["change"] == "payer-payment":
            taken = sum(parts[line["key"]])
            assert taken <= line["amount"], line
            assert line["what"] != "done" or taken >= line["amount"] - line["left"], line


_REPEATED = (
    "cancel",
    "day-close",
    "issue",
    "package-use",
    "reversal",
)  # their keys are not a form's: another one may have done it before or after


def _debits(entry: Document) -> int:
    return sum(p["amount_minor"] for p in entry["postings"] if p["amount_minor"] > 0)


def _prove_books(clinic: Clinic, books: Books) -> None:
    for entry in books.entries:
        assert sum(p["amount_minor"] for p in entry["postings"]) == 0, entry["_id"]
    for day, made in books.days.items():
        assert [entry["_id"] for entry in made] == [f"{day}#{n:05d}" for n in range(1, len(made) + 1)]
        assert "day-close" not in [entry["event"] for entry in made[:-1]], f"an entry after the close of {day}"
    for account, numbers in books.accounts.items():
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), f"a gap in {account}"
    _prove_invoices(clinic, books)
    _prove_credit(clinic, books)
    _prove_tills(clinic, books)
    _prove_packages(clinic, books)
    _prove_numbers(clinic, books)
    _prove_days(clinic, books)


def _prove_invoices(clinic: Clinic, books: Books) -> None:
    for document in clinic.database["invoices"].find({"status": {"$ne": "draft"}}):
        invoice_id = document["_id"]
        entries = books.in_order(f"invoice:{invoice_id}")
        if "number" not in document:  # a draft that was thrown away
            assert document["status"] == "cancelled"
            assert not entries
            continue
        assert entries, f"issued and not in the ledger: {invoice_id}"
        sums = Sums()
        for entry in entries:
            _add(sums, entry, invoice_id)
            figures_ = (sums.due, sums.payer_due, sums.due - sums.payer_due, sums.paid, sums.payer_paid)
            assert min(*figures_, sums.credited, sums.written_off) >= 0, (entry["_id"], sums)
            assert sums.payer_paid <= sums.paid, (entry["_id"], sums)
        assert sums.events[0] == "issue"
        assert sums.events.count("issue") == 1
        assert "cancel" not in sums.events[:-1]
        kept = {name: document.get(name, 0) for name in _KEPT}
        found = (sums.paid, sums.payer_paid, sums.payer_due, sums.credited, sums.written_off, len(entries))
        assert kept == dict(zip(_KEPT, found, strict=True)), (invoice_id, sums)
        expected = "cancelled" if sums.events[-1] == "cancel" else "issued" if sums.due else "balanced"
        assert document["status"] == expected, invoice_id
        assert document.get("due_minor") == (None if expected == "cancelled" else sums.due), invoice_id


_KEPT = ("paid_minor", "payer_paid_minor", "payer_due_minor", "credited_minor", "written_off_minor", "posted")


def _add(sums: Sums, entry: Document, invoice_id: str) -> None:
    """An entry's effect on an invoice."""
    event = entry["event"]
    owed = [p for p in entry["postings"] if p["book"] == "receivable" and p["invoice_id"] == invoice_id]
    change, payer = _sum(owed), _sum(p for p in owed if p.get("payer_id"))
    sums.due, sums.payer_due = sums.due + change, sums.payer_due + payer
    sums.events.append(event)
    if event == "credit-note":
        held = -_sum(p for p in entry["postings"] if p["book"] == "credit")
        sums.credited += _debits(entry)
        sums.paid -= held
    elif event == "reversal":
        sums.paid += _sum(p for p in entry["postings"] if p["book"] == "credit")
    elif event in {"payment", "refund", "apply-credit", "transfer"}:
        sums.paid -= change
        sums.payer_paid -= payer
    if entry["invoice_id"] == invoice_id:
        sums.written_off += _sum(p for p in entry["postings"] if p["book"] == "write-off")


def _prove_credit(clinic: Clinic, books: Books) -> None:
    for account, balance in _balances(clinic, books, "credit:"):
        held = 0
        for entry in books.in_order(account):
            assert f"credit:{entry['patient_id']}" == account, entry["_id"]
            held -= _sum(p for p in entry["postings"] if p["book"] == "credit")
            assert held >= 0, f"more given than was held: {entry['_id']}"
        assert (balance["amount_minor"], balance["seq"]) == (held, len(books.accounts[account]))


def _balances(clinic: Clinic, books: Books, kind: str) -> list[tuple[str, Document]]:
    """The accounts of a kind that entries name, and the balance of each: there are as many as that."""
    kept = {one["_id"]: one for one in clinic.database["balances"].find() if one["_id"].startswith(kind)}
    named = sorted(account for account in books.accounts if account.startswith(kind))
    assert sorted(kept) == named
    return [(account, kept[account]) for account in named]


def _prove_tills(clinic: Clinic, books: Books) -> None:
    for account, balance in _balances(clinic, books, "till:"):
        owner, cash, opened = account.partition(":")[2], 0, ""
        for entry in books.in_order(account):
            assert (entry["event"] == "till-open") == (opened == ""), f"a closed till: {entry['_id']}"
            opened = {"till-open": entry["_id"], "till-close": ""}.get(entry["event"], opened)
            moved = (p for p in entry["postings"] if p.get("method") == "cash" and p.get("till") in (None, owner))
            cash += _sum(moved)
            if entry["event"] == "till-close":
                assert cash == 0, f"cash left in a closed till: {entry['_id']}"
        assert (balance["amount_minor"], balance["opened"]) == (cash, opened), account


def _prove_packages(clinic: Clinic, books: Books) -> None:
    """No session is taken twice or beyond what was sold and not credited; one that a bill carries is taken, and its."""
    invoices = {one["_id"]: one for one in clinic.database["invoices"].find()}
    in_use: dict[str, str] = {}  # key of the entry that took it -> invoice
    for account, balance in _balances(clinic, books, "package:"):
        taken: dict[str, str] = {}  # which of how many -> key
        for entry in books.in_order(account):
            session = entry["reference"]
            if entry["event"] == "package-use":
                assert session not in taken, f"taken twice: {entry['_id']}"
                taken[session] = entry["key"]
                in_use[entry["key"]] = entry["invoice_id"]
            elif entry["event"] == "package-return":
                assert entry["reverses"] == books.by_key[taken[session]]["_id"]
                in_use.pop(taken.pop(session))
            assert len(taken) <= _left(books, account.partition(":")[2], entry["_id"]), f"too many: {entry['_id']}"
        assert (balance["amount_minor"], balance["seq"]) == (len(taken), len(books.accounts[account]))
    carried: Counter[str] = Counter()
    for invoice in invoices.values():
        if invoice["status"] != "cancelled":
            carried.update(line["session"] for line in invoice["lines"] if line.get("session"))
    assert all(count == 1 and key in in_use for key, count in carried.items()), "a free visit"
    kept = {key for key, invoice_id in in_use.items() if invoices[invoice_id]["status"] != "draft"}
    assert kept <= set(carried), "taken for nothing"


def _left(books: Books, invoice_id: str, until: str) -> int:
    """The sessions that an invoice sold and that were not credited up to an entry."""
    sold = net = credited = 0
    for entry in books.in_order(f"invoice:{invoice_id}"):
        if entry["_id"] > until:
            break
        lines = [
            p for p in entry["postings"] if p.get("service_id") == PACKAGE and p["book"] in ("revenue", "discount")
        ]
        if entry["event"] == "issue":
            sold, net = SESSIONS * sum(p["quantity"] for p in lines), -_sum(lines)
        elif entry["event"] == "credit-note":
            credited += _sum(lines)
        elif entry["event"] == "cancel":
            sold = 0
    return (2 * sold * (net - credited) + net) // (2 * net) if net else sold  # rounded half up


def _prove_days(clinic: Clinic, books: Books) -> None:
    """Once a day is closed before its midnight, what comes on it counts on the next one."""
    early = [(entry["day"], entry["at"]) for entry in books.entries if entry["event"] == "day-close"]
    early = [(day, at) for day, at in early if clinic.local(at).date().isoformat() == day]
    went_on = [
        entry
        for day, at in early
        for entry in books.entries
        if entry["at"] > at and clinic.local(entry["at"]).date().isoformat() == day < entry["day"]
    ]
    assert went_on or len(early) < 3, "nothing was booked any more on days that were closed early"


def _prove_numbers(clinic: Clinic, books: Books) -> None:
    series: dict[str, list[int]] = defaultdict(list)
    for invoice in clinic.database["invoices"].find({"number": {"$exists": True}}):
        series[invoice["series"]].append(invoice["number"])
    for entry in books.entries:
        assert bool(entry.get("document")) == (entry["event"] == "credit-note")
        if entry["event"] == "credit-note":
            prefix, _, number = entry["document"].rpartition("-")
            series[prefix].append(int(number))
            assert f"number:{prefix}@{int(number)}" in entry["slots"]
    for prefix, numbers in series.items():
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), f"not gapless: {prefix}"
    wanted = {f"{prefix}-{year}" for prefix in ("INV", "CN") for year in YEARS}
    assert set(series) <= wanted, "numbered in a series that nobody began"
    assert wanted - set(series) <= {"CN-2026"}, "the year did not end"  # few notes may come before it does


def _sum(postings: Iterable[Document]) -> int:
    return sum(posting["amount_minor"] for posting in postings)
