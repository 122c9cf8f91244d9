"""The ledger's part of `check`: a part of it that nobody else calls.

All entries stream through once. What stays in memory is a row of whole numbers per entry and account that it changes,
about 170 bytes per entry in all; accounts are known by a hash of their name. Sorted, the rows give what every account
adds up to and where something about it is odd. An odd account, and one whose copy differs, is read again by itself
before it is called a violation: work may go on meanwhile, and entries never change.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np

from clinic_core.clinic import Clinic
from clinic_core.domain import journal, settling
from clinic_core.domain import ledger_invariants as rules
from clinic_core.domain.billing import Invoice, InvoiceStatus
from clinic_core.domain.facts import CHARGING, SETTLING
from clinic_core.domain.invariants import Violation
from clinic_core.domain.journal import Balance, Book, Entry, Event
from clinic_core.domain.settling import Stamp
from clinic_core.errors import ClinicError, NotFound
from clinic_core.reports.measures import METHOD
from clinic_core.reports.periods import PERIOD, Grain
from clinic_core.services.fact_columns import Narrow
from clinic_core.services.fact_memory import snapshot
from clinic_core.services.fact_tables import CHARGES, PAYMENTS, VISITS

Ints: TypeAlias = np.ndarray[Any, Any]
T = TypeVar("T")

_PATIENCE: Final = timedelta(minutes=15)  # by then somebody, or the sidecar, has finished what was left half done
_SUMS: Final = ("due", "payer_due", "paid", "payer_paid", "credited", "written_off")
_KINDS: Final = ("invoice", "credit", "till", "package", "number")
_INVOICE, _CREDIT, _TILL, _PACKAGE, _NUMBER = range(5)
_ISSUES, _CANCELS, _OPENS, _CLOSES, _NOTES, _ELSE = range(6)
_MARKS: Final = {
    Event.ISSUE: _ISSUES,
    Event.CANCEL: _CANCELS,
    Event.TILL_OPEN: _OPENS,
    Event.TILL_CLOSE: _CLOSES,
    Event.CREDIT_NOTE: _NOTES,
}
_PLACES: Final = 10**6  # entries that fit into a day
_LOOKS: Final = 5
_HALF: Final = 2**63
_BY: Final = "by "  # of the sums by method of payment
FACTS: Final = {
    CHARGES: ("gross_minor", "discount_minor", "net_minor", "tax_minor", "total_minor"),
    PAYMENTS: ("amount_minor", "settled_minor", "credit_minor", "written_off_minor"),
}


@dataclass
class _Day:
    count: int = 0
    last: int = 0
    closed: int = 0  # the number of the entry that closed it


@dataclass
class Ledger:
    """What streams through, as whole numbers."""

    days: dict[date, _Day] = field(default_factory=dict)
    months: dict[str, Counter[str]] = field(default_factory=dict)  # "YYYY-MM" -> the sums of its facts
    account: array[int] = field(default_factory=lambda: array("q"))
    place: array[int] = field(default_factory=lambda: array("q"))
    seq: array[int] = field(default_factory=lambda: array("i"))
    kind: array[int] = field(default_factory=lambda: array("b"))
    mark: array[int] = field(default_factory=lambda: array("b"))
    sums: tuple[array[int], ...] = field(default_factory=lambda: tuple(array("q") for _ in _SUMS))
    keys: array[int] = field(default_factory=lambda: array("q"))
    key_places: array[int] = field(default_factory=lambda: array("q"))
    issued: array[int] = field(default_factory=lambda: array("q"))  # accounts of invoices
    charged: array[int] = field(default_factory=lambda: array("q"))  # hashes of what was charged then
    told: array[int] = field(default_factory=lambda: array("q"))  # hashes of what an invoice tells of the entry
    reversals: array[int] = field(default_factory=lambda: array("q"))  # places of entries that take another one back

    def add(self, entry: Entry) -> None:
        """Take one entry in."""
        number = journal.number_of(entry.id)
        day = self.days.setdefault(entry.day, _Day())
        day.count, day.last = day.count + 1, max(day.last, number)
        if entry.event is Event.DAY_CLOSE:
            day.closed = number
        place = entry.day.toordinal() * _PLACES + number
        self.keys.append(hash(entry.key))
        self.key_places.append(place)
        for account, seq in entry.accounts().items():
            self._add_row(entry, account, seq, place)
        if entry.reverses:
            self.reversals.append(place)
        if entry.event is Event.ISSUE and entry.invoice_id:
            self.issued.append(hash(journal.invoice_account(entry.invoice_id)))
            self.charged.append(hash(rules.charged(entry.postings)))
        self.months.setdefault(entry.month, Counter()).update(facts_of(entry))

    def _add_row(self, entry: Entry, account: str, seq: int, place: int) -> None:
        kind = account.partition(":")[0]
        self.account.append(hash(account))
        self.place.append(place)
        self.seq.append(seq)
        self.kind.append(_KINDS.index(kind) if kind in _KINDS else _NUMBER)
        self.mark.append(_MARKS.get(entry.event, _ELSE))
        self.told.append(hash(rules.told(entry, account.partition(":")[2])) if kind == "invoice" else 0)
        for column, change in zip(self.sums, rules.change_of(entry, account), strict=True):
            column.append(change)


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts in order of their hashes, with what they add up to."""

    names: Ints  # hashes
    counts: Ints
    first: Ints  # the place of the first entry of each
    kinds: Ints
    sums: tuple[Ints, ...]
    cancelled: Ints
    charges: Ints  # of invoices, as a hash
    told: Ints  # of invoices, as a sum of hashes
    odd: Ints  # whether the rows must be looked at
    seen: Ints  # whether there is a copy of it

    def at(self, account: str) -> int:
        """Where an account is, -1 when it has no entries."""
        name = hash(account)
        at = int(np.searchsorted(self.names, name))
        return at if at < len(self.names) and int(self.names[at]) == name else -1


def facts_of(entry: Entry) -> Counter[str]:
    """What an entry adds to its month's facts, worked out from the postings alone."""
    found: Counter[str] = Counter()
    revenue, discount, tax, owed = (
        entry.sum_of(book) for book in (Book.REVENUE, Book.DISCOUNT, Book.TAX, Book.RECEIVABLE)
    )
    total = -revenue - discount - tax
    if entry.event in CHARGING:
        gross = -revenue - (tax if entry.tax_inclusive else 0)
        found.update(gross_minor=gross, discount_minor=discount, net_minor=total + tax, tax_minor=-tax)
        found.update(total_minor=total)
    if entry.event in SETTLING:
        found.update(amount_minor=entry.sum_of(Book.MONEY), credit_minor=-entry.sum_of(Book.CREDIT))
        charged = total if entry.event in CHARGING else 0
        found.update(settled_minor=charged - owed, written_off_minor=entry.sum_of(Book.WRITE_OFF))
        for posting in entry.postings:
            if posting.book is Book.MONEY and posting.method is not None:
                found[_BY + posting.method.value] += posting.amount_minor
    return found


def gathered(ledger: Ledger) -> Accounts:
    """The rows, sorted and added up."""
    account, seq = np.frombuffer(ledger.account, np.int64), np.frombuffer(ledger.seq, np.int32)
    if not len(account):
        none = np.empty(0, np.int64)
        flags = none.astype(bool)
        return Accounts(none, none, none, none, (none,) * len(_SUMS), flags, none, none, flags, flags)
    order = np.lexsort((seq, account))
    names = account[order]
    starts = np.flatnonzero(np.concatenate(([True], names[1:] != names[:-1])))
    counts = np.diff(np.append(starts, len(names)))
    rows = _Rows(order=order, starts=starts, counts=counts)
    kinds = np.frombuffer(ledger.kind, np.int8)[order]
    odd = rows.any(seq[order] != rows.numbers())
    for wrong in _oddities(ledger, rows, kinds):
        odd |= rows.any(wrong)
    return Accounts(
        names=names[starts],
        counts=counts,
        first=np.frombuffer(ledger.place, np.int64)[order][starts],
        kinds=kinds[starts],
        sums=tuple(np.add.reduceat(np.frombuffer(c, np.int64)[order], starts) for c in ledger.sums),
        cancelled=rows.any(np.frombuffer(ledger.mark, np.int8)[order] == _CANCELS),
        charges=_charges(ledger, names[starts]),
        told=np.add.reduceat(np.frombuffer(ledger.told, np.int64)[order], starts),
        odd=odd,
        seen=np.zeros(len(starts), bool),
    )


def _charges(ledger: Ledger, names: Ints) -> Ints:
    """What each of the accounts was charged at first, as a hash; 0 where it was not."""
    found = np.zeros(len(names), np.int64)
    if len(ledger.issued):
        found[np.searchsorted(names, np.frombuffer(ledger.issued, np.int64))] = np.frombuffer(ledger.charged, np.int64)
    return found


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one account after those of another."""

    order: Ints
    starts: Ints
    counts: Ints

    def numbers(self) -> Ints:
        """1, 2, 3 … within each account."""
        found: Ints = np.arange(len(self.order)) - np.repeat(self.starts, self.counts) + 1
        return found

    def any(self, wrong: Ints) -> Ints:
        """The accounts that have such a row."""
        found: Ints = np.logical_or.reduceat(wrong, self.starts)
        return found

    def so_far(self, column: Ints) -> Ints:
        """The sum of an account's rows up to each of them."""
        values: Ints = column[self.order]
        total: Ints = np.cumsum(values)
        before: Ints = np.repeat(total[self.starts] - values[self.starts], self.counts)
        found: Ints = total - before
        return found


def _oddities(ledger: Ledger, rows: _Rows, kinds: Ints) -> Iterator[Ints]:
    """Which rows must be looked at: sums below zero, a till that is closed, entries out of their order."""
    due, payer_due, paid, payer_paid, credited, lost = (
        rows.so_far(np.frombuffer(column, np.int64)) for column in ledger.sums
    )
    invoices, tills = kinds == _INVOICE, kinds == _TILL
    marks, first = np.frombuffer(ledger.mark, np.int8)[rows.order], rows.numbers() == 1
    yield (due < 0) & ~tills
    yield invoices & ((payer_due < 0) | (payer_due > due) | (paid < 0) | (payer_paid < 0) | (payer_paid > paid))
    yield invoices & ((credited < 0) | (lost < 0) | ((marks == _ISSUES) != first))
    yield invoices & ((marks == _NOTES) | (marks == _CANCELS))  # few, and compared line by line
    over = rows.so_far((np.frombuffer(ledger.mark, np.int8) == _CANCELS).astype(np.int64))
    yield invoices & ((over > 1) | ((over == 1) & (marks != _CANCELS)))
    opens = (np.frombuffer(ledger.mark, np.int8) == _OPENS).astype(np.int64)
    closes = (np.frombuffer(ledger.mark, np.int8) == _CLOSES).astype(np.int64)
    opened = rows.so_far(opens - closes)
    yield tills & ((opened < 0) | (opened > 1) | ((opened == 0) & (marks != _CLOSES)))
    yield tills & (marks == _CLOSES) & (due != 0)


class _Unreadable(Exception):
    """What would have to be read again cannot be read, which is said elsewhere."""


class Checker:
    """Compares the gathered sums with the copies, one after the other. `unread`: some records cannot be read."""

    def __init__(self, clinic: Clinic, ledger: Ledger, *, unread: bool = False) -> None:
        self._clinic, self._ledger, self.unread = clinic, ledger, unread
        self._accounts = gathered(ledger)

    def accounts(self) -> Iterator[Violation]:
        """What is wrong with the entries themselves: gaps, sums below zero, keys that are used twice."""
        for at in np.flatnonzero(self._accounts.odd):
            account = self._name(int(at))
            fault = self._said(partial(self._account_fault, account))
            if fault:
                yield Violation(rule="ledger", record_id=self._named(int(at), account), message=fault)
        yield from self._keys()
        yield from self._reversals()

    def days(self) -> Iterator[Violation]:
        """Gaps in the numbers of days, what follows the entry that closes one, and days that are open again."""
        still_open = [day.isoformat() for day, kept in self._ledger.days.items() if not kept.closed]
        shut = self._clinic.audit.written("day.close", still_open)
        for day, kept in sorted(self._ledger.days.items()):
            if kept.count == kept.last and kept.closed in (0, kept.last) and day.isoformat() not in shut:
                continue
            fault = self._said(partial(self._day_fault, day, kept.last, shut=day.isoformat() in shut))
            if fault:
                yield Violation(rule="number", record_id=day.isoformat(), message=fault)

    def invoice(self, invoice: Invoice) -> Iterator[Violation]:
        """How an invoice differs from its entries."""
        at = self._seen(journal.invoice_account(invoice.id))
        same = at >= 0 and self._is_copy(invoice, at)
        silent = at < 0 and not invoice.posted and (invoice.status is InvoiceStatus.DRAFT or not invoice.number)
        if not (same or silent):
            message = self._said(partial(self._invoice_fault, invoice.id))
            if message:
                yield Violation(rule="ledger", record_id=invoice.id, message=message)

    def balance(self, balance: Balance, stored: Mapping[str, Any]) -> Iterator[Violation]:
        """How a balance differs from its entries, and whether it is found among those of its kind."""
        at = self._seen(balance.id)
        if stored.get("kind") != balance.id.partition(":")[0]:
            message = f"is listed as {stored.get('kind')}, so that who looks for its kind does not find it"
            yield Violation(rule="listed", record_id=self._named(at, balance.id), message=message)
        same = at >= 0 and balance.seq == self._accounts.counts[at] and not self._accounts.odd[at]
        same = same and balance.amount_minor == self._accounts.sums[0][at] and not balance.id.startswith("till:")
        if not same:
            message = self._said(partial(self._balance_fault, balance.id))
            if message:
                yield Violation(rule="ledger", record_id=self._named(at, balance.id), message=message)

    def without_copies(self) -> Iterator[Violation]:
        """Accounts with entries of which there is no copy: an invoice that is gone, a balance never written."""
        for at in np.flatnonzero(~self._accounts.seen & (self._accounts.kinds != _NUMBER)):
            account = self._name(int(at))
            kind, _, owner = account.partition(":")
            look = partial(self._missing_invoice, owner) if kind == "invoice" else partial(self._balance_fault, account)
            fault = self._said(look) if account else ""
            if fault:
                yield Violation(rule="ledger", record_id=self._named(int(at), account), message=fault)

    def facts(self, visits: Counter[str]) -> Iterator[Violation]:
        """Months whose facts are not what the entries and visits make."""
        for kind, wanted in ((CHARGES, self._ledger.months), (PAYMENTS, self._ledger.months), (VISITS, visits)):
            found = _facts_by_month(self._clinic, kind)
            for month in sorted(wanted.keys() | found.keys()):
                if _expected(kind, wanted.get(month)) != found.get(month, {}) and self._facts_differ(kind, month):
                    message = f"the {kind} of this month are not what its records make: rebuild the facts"
                    yield Violation(rule="facts", record_id=month, message=message)

    def _is_copy(self, invoice: Invoice, at: int) -> bool:
        kept = (
            invoice.due_minor,
            invoice.payer_due_minor,
            invoice.paid_minor,
            invoice.payer_paid_minor,
            invoice.credited_minor,
            invoice.written_off_minor,
        )
        all_ = self._accounts
        found = tuple(int(column[at]) for column in all_.sums)
        state = (invoice.status is InvoiceStatus.CANCELLED) == bool(all_.cancelled[at])
        counted_ = invoice.posted == all_.counts[at] and invoice.status is not InvoiceStatus.DRAFT
        dated = bool(invoice.source_id) or invoice.issued_on == _day_of(int(all_.first[at]))
        same = int(all_.charges[at]) == hash(_charges_of(invoice)) and int(all_.told[at]) == _tale_of(invoice)
        return kept == found and state and counted_ and dated and same

    def _said(self, look: Callable[[], str]) -> str:
        """What a closer look finds; nothing where that cannot be read, which is a violation of its own."""
        try:
            return look()
        except _Unreadable:
            return ""

    def _account_fault(self, account: str) -> str:
        return rules.of_account(account, self._entries(account))[1]

    def _day_fault(self, day: date, last: int, *, shut: bool) -> str:
        entries = self._day(day, last)
        is_open = not any(entry.event is Event.DAY_CLOSE for entry in entries)
        return rules.of_day(entries) or ("was closed, but the entry that closed it is gone" if shut and is_open else "")

    def _invoice_fault(self, invoice_id: str) -> str:
        """The invoice and its entries, read again."""
        invoice = self._read(lambda: self._clinic.invoices.find(invoice_id))
        if invoice is None or invoice.status is InvoiceStatus.DRAFT or not invoice.number:
            return ""
        entries = self._entries(journal.invoice_account(invoice_id))
        if not entries:
            since = invoice.issued_at or invoice.drafted_at
            return "its charges are not in the ledger" if since < self._clinic.now() - _PATIENCE else ""
        return self._first_fault(invoice, entries[0]) or self._copy_fault(invoice, entries)

    def _first_fault(self, invoice: Invoice, issue: Entry) -> str:
        if rules.charged(issue.postings) != _charges_of(invoice):
            return "was charged otherwise in the ledger than its lines say"
        if not invoice.source_id and invoice.issued_on != issue.day:
            return f"is dated {invoice.issued_on}, but was charged on {issue.day}"
        return f"is {invoice.label}, but was charged as {issue.label}" if issue.label != invoice.label else ""

    def _copy_fault(self, invoice: Invoice, entries: Sequence[Entry]) -> str:
        if invoice.posted > len(entries):
            return f"holds {invoice.posted} entries of the ledger, which has {len(entries)}"
        if invoice.posted < len(entries):
            return self._late(entries[invoice.posted])
        figures, fault = rules.of_account(journal.invoice_account(invoice.id), entries)
        if fault:  # what is wrong with the entries is said elsewhere
            return ""
        return rules.of_copy(invoice, figures) or rules.of_tale(invoice, entries)

    def _balance_fault(self, account: str) -> str:
        """The balance and its entries, read again."""
        balance = self._read(lambda: self._clinic.balances.get(account))
        entries = self._entries(account)
        if balance.seq > len(entries):
            return f"holds {balance.seq} entries of the ledger, which has {len(entries)}"
        if balance.seq < len(entries):
            return self._late(entries[balance.seq])
        figures, fault = rules.of_account(account, entries)
        return "" if fault else rules.of_balance(balance, figures)

    def _missing_invoice(self, invoice_id: str) -> str:
        try:
            self._clinic.invoices.get(invoice_id)
        except NotFound:
            return "has entries in the ledger, but is not there"
        return self._invoice_fault(invoice_id)

    def _late(self, entry: Entry) -> str:
        """A copy that is behind is no violation at once: whoever needs it next lets it catch up."""
        late = entry.at < self._clinic.now() - _PATIENCE
        return f"does not hold entry {entry.id} yet: run the sidecar" if late else ""

    def _facts_differ(self, kind: str, month: str) -> bool:
        """Whether they still differ while nothing changes."""
        for _ in range(_LOOKS):
            before = snapshot(self._clinic)
            expected = _expected(kind, _sums_of(self._clinic, kind, month))
            found = _facts_by_month(self._clinic, kind).get(month, {})
            if expected == found:
                return False
            if snapshot(self._clinic).serial == before.serial:
                return True
        return False

    def _keys(self) -> Iterator[Violation]:
        keys = np.frombuffer(self._ledger.keys, np.int64)
        order = np.argsort(keys, kind="stable")
        for at in np.flatnonzero(keys[order][1:] == keys[order][:-1]):
            pair = [self._entry(int(self._ledger.key_places[order[at + step]])) for step in (0, 1)]
            if pair[0] and pair[1] and pair[0].key == pair[1].key:
                message = f"is the same event as {pair[0].id}: it was posted twice"
                yield Violation(rule="ledger", record_id=pair[1].id, message=message)

    def _reversals(self) -> Iterator[Violation]:
        for entry in map(self._entry, self._ledger.reversals):
            message = self._said(partial(self._reversal_fault, entry)) if entry else ""
            if entry and message:
                yield Violation(rule="ledger", record_id=entry.id, message=message)

    def _reversal_fault(self, entry: Entry) -> str:
        return rules.of_reversal(entry, self._read(lambda: self._clinic.journal.get(entry.reverses or "")))

    def _seen(self, account: str) -> int:
        at = self._accounts.at(account)
        if at >= 0:
            self._accounts.seen[at] = True
        return at

    def _name(self, at: int) -> str:
        """The name of an account, from one of its entries."""
        entry = self._entry(int(self._accounts.first[at]))
        wanted = int(self._accounts.names[at])
        return next((name for name in (entry.accounts() if entry else ()) if hash(name) == wanted), "")

    def _named(self, at: int, account: str) -> str:
        """How a violation names an account: an invoice or series by its own id, others by an entry of theirs."""
        kind, _, owner = account.partition(":")
        if kind in {"invoice", "number", "package"}:
            return owner
        return _entry_id(int(self._accounts.first[at])) if at >= 0 else kind

    def _entry(self, place: int) -> Entry | None:
        try:
            return self._read(lambda: self._clinic.journal.get(_entry_id(place)))
        except _Unreadable:
            return None

    def _read(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except ClinicError:
            raise
        except Exception as error:
            if not self.unread:
                raise
            raise _Unreadable from error

    def _entries(self, account: str) -> list[Entry]:
        """All entries of an account, asked for by their numbers until none comes; a gap shows as a missing number."""
        at = self._accounts.at(account)
        known = int(self._accounts.counts[at]) if at >= 0 else 0
        entries = self._read(lambda: self._clinic.journal.of_account(account, 1, known + 1))
        last = max((entry.sequence(account) for entry in entries), default=0)
        while (entry := self._read(partial(self._clinic.journal.after, account, last))) is not None:
            entries.append(entry)
            last += 1
        return entries

    def _day(self, day: date, last: int) -> list[Entry]:
        found = {entry.id: entry for entry in self._read(lambda: self._clinic.journal.of_day(day))}
        for number in range(1, last + 1):  # one by one: some may have come after the others were read
            wanted = journal.entry_id(day, number)
            if wanted not in found and (entry := self._clinic.journal.get(wanted)) is not None:
                found[wanted] = entry
        return sorted(found.values(), key=lambda entry: journal.number_of(entry.id))


def entry_faults(entry: Entry, document: dict[str, Any], missing: Callable[..., Iterable[str]]) -> Iterator[Violation]:
    """What is wrong with an entry by itself, and what it refers to and is not there."""
    yield from rules.of_entry(entry, document)
    for message in missing(
        patient_id=entry.patient_id,
        practitioner_id=entry.practitioner_id,
        service_ids=[p.service_id for p in entry.postings if p.service_id],
        payer_ids=[p.payer_id for p in entry.postings if p.payer_id],
    ):
        yield Violation(rule="orphan", record_id=entry.id, message=message)


def _charges_of(invoice: Invoice) -> tuple[tuple[Any, ...], ...]:
    """What the lines of an invoice charge."""
    stamp = Stamp(key="", day=invoice.issued_on or invoice.drafted_on, at=invoice.drafted_at, by="")
    try:
        return rules.charged(settling.issue(replace(invoice, payer_due_minor=0), stamp).postings)
    except (ClinicError, ValueError):
        return ()


def _tale_of(invoice: Invoice) -> int:
    """What an invoice tells of its entries, as the sum that numpy makes of their hashes."""
    return (sum(map(hash, rules.told_by(invoice))) + _HALF) % (2 * _HALF) - _HALF


def _facts_by_month(clinic: Clinic, kind: str) -> dict[str, dict[str, int]]:
    """Month -> the sums of its facts that are not zero."""
    fact, sums = snapshot(clinic).of(kind), FACTS.get(kind, ())
    frame = fact.totals([PERIOD], list(sums) or ["minutes"], Narrow(), Grain.MONTH)
    names = sums or ("count",)
    found = {
        f"{row[PERIOD]:%Y-%m}": {name: int(row[name]) for name in names if row[name]}
        for row in frame.to_dict("records")
    }
    if kind == PAYMENTS:
        by_method = fact.totals([PERIOD, METHOD], ["amount_minor"], Narrow(), Grain.MONTH)
        for row in by_method.to_dict("records"):
            if row["amount_minor"]:
                found[f"{row[PERIOD]:%Y-%m}"][_BY + str(row[METHOD])] = int(row["amount_minor"])
    return found


def _expected(kind: str, month: Counter[str] | int | None) -> dict[str, int]:
    if kind == VISITS:
        return {"count": int(month)} if isinstance(month, int) and month else {}
    if not isinstance(month, Counter):
        return {}
    methods = [name for name in month if name.startswith(_BY)] if kind == PAYMENTS else []
    return {name: month[name] for name in (*FACTS[kind], *methods) if month[name]}


def _sums_of(clinic: Clinic, kind: str, month: str) -> Counter[str] | int:
    """A month's sums from its documents, read again."""
    if kind == VISITS:
        return counted(stored.record for stored in clinic.appointments.of_month(month) if stored.record)[month]
    found: Counter[str] = Counter()
    for entry in clinic.facts.journal.of_month(month):
        found.update(facts_of(entry))
    return found


def counted(visits: Iterable[Any]) -> Counter[str]:
    """Visits by month, as the facts count them."""
    return Counter(f"{v.day:%Y-%m}" for v in visits if v.status != "entered-in-error")


def _entry_id(place: int) -> str:
    return journal.entry_id(_day_of(place), place % _PLACES)


def _day_of(place: int) -> date:
    return date.fromordinal(place // _PLACES)
