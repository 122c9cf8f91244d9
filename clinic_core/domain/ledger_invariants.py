"""What must be true of the ledger, worked out from the postings alone and not by the code that made them.

The functions look at one entry, or at the entries of one account or day in their order, and say what is wrong. The
messages name records by id or number, never a patient.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clinic_core.domain import journal
from clinic_core.domain.billing import OWING, Invoice, InvoiceStatus, PaymentMethod
from clinic_core.domain.invariants import Violation
from clinic_core.domain.journal import Balance, Book, Entry, Event, Posting

INVOICE_KINDS: Final = frozenset(
    {
        Event.ISSUE,
        Event.CANCEL,
        Event.CREDIT_NOTE,
        Event.PAYMENT,
        Event.REFUND,
        Event.WRITE_OFF,
        Event.APPLY_CREDIT,
        Event.TRANSFER,
        Event.ASSIGN,
        Event.REVERSAL,
    }
)
_LINES: Final = frozenset({Book.REVENUE, Book.DISCOUNT, Book.TAX})
_OWED: Final = frozenset({Book.RECEIVABLE})
_MAY_POST: Final[Mapping[Event, frozenset[Book]]] = {
    Event.ISSUE: _OWED | _LINES,
    Event.CANCEL: _OWED | _LINES,
    Event.CREDIT_NOTE: _OWED | _LINES | {Book.WRITE_OFF, Book.CREDIT},
    Event.PAYMENT: _OWED | {Book.MONEY},
    Event.REFUND: _OWED | {Book.MONEY},
    Event.WRITE_OFF: _OWED | {Book.WRITE_OFF},
    Event.DEPOSIT: frozenset({Book.MONEY, Book.CREDIT}),
    Event.DEPOSIT_REFUND: frozenset({Book.MONEY, Book.CREDIT}),
    Event.APPLY_CREDIT: _OWED | {Book.CREDIT},
    Event.TRANSFER: _OWED,
    Event.ASSIGN: _OWED,
    Event.REVERSAL: _OWED | {Book.WRITE_OFF, Book.CREDIT},
    Event.TILL_OPEN: frozenset({Book.MONEY, Book.SAFE}),
    Event.TILL_MOVE: frozenset({Book.MONEY, Book.SAFE, Book.EXPENSE}),
    Event.TILL_CLOSE: frozenset({Book.MONEY, Book.SAFE, Book.VARIANCE}),
}
_TILLS: Final = frozenset({Event.TILL_OPEN, Event.TILL_MOVE, Event.TILL_COUNT, Event.TILL_CLOSE})
_PACKAGES: Final = frozenset({Event.PACKAGE_USE, Event.PACKAGE_RETURN})
_WITH_REASON: Final = frozenset(
    {
        Event.REFUND,
        Event.WRITE_OFF,
        Event.CREDIT_NOTE,
        Event.TRANSFER,
        Event.ASSIGN,
        Event.REVERSAL,
        Event.DEPOSIT_REFUND,
        Event.PACKAGE_RETURN,
    }
)
_GIVES: Final[Mapping[Event, int]] = {
    Event.PAYMENT: 1,
    Event.DEPOSIT: 1,
    Event.REFUND: -1,
    Event.DEPOSIT_REFUND: -1,
    Event.TILL_OPEN: 1,
}


def of_entry(entry: Entry, stored: Mapping[str, Any]) -> Iterator[Violation]:
    """An entry by itself: its place, its postings, and the accounts that it must name."""
    for rule, message in (
        ("day", _place_fault(entry, stored)),
        ("balanced", _postings_fault(entry)),
        ("accounts", _accounts_fault(entry) or _session_fault(entry)),
    ):
        if message:
            yield Violation(rule=rule, record_id=entry.id, message=message)


def _place_fault(entry: Entry, stored: Mapping[str, Any]) -> str:
    day, _, number = entry.id.partition("#")
    if day != entry.day.isoformat() or not number.isdecimal() or int(number) < 1:
        return f"is an entry of {entry.day}, but not numbered within that day"
    if stored.get("month") != entry.month:
        return f"is counted in month {stored.get('month')}, but is of {entry.day}"
    return ""


def _postings_fault(entry: Entry) -> str:
    total = sum(posting.amount_minor for posting in entry.postings)
    if total:
        return f"has postings that sum to {total} and not to zero (minor units)"
    foreign = {p.book for p in entry.postings} - _MAY_POST.get(entry.event, frozenset())
    if foreign:
        return f"is of kind {entry.event}, which does not touch {', '.join(sorted(foreign))}"
    money = entry.sum_of(Book.MONEY)
    if money * _GIVES.get(entry.event, 0) < 0 or (_moves_money(entry.event) and not money):
        return f"is of kind {entry.event}, but moves {money} (minor units)"
    if any((p.book is Book.MONEY) != (p.method is not None) for p in entry.postings):
        return "moves money without saying how"
    if entry.event in _WITH_REASON and not entry.reason:
        return f"is of kind {entry.event} and gives no reason"
    return ""


def _moves_money(event: Event) -> bool:
    return event in _GIVES and event is not Event.TILL_OPEN


def _accounts_fault(entry: Entry) -> str:
    if [slot for slot in entry.slots if slot.startswith("key:")] != [journal.key_slot(entry.key)]:
        return "does not hold its key, so that it could be posted twice"
    missing = sorted(_needed(entry) - entry.accounts().keys())
    if missing:
        return f"changes {', '.join(map(_nameless, missing))} without saying the how-manieth change it is"
    closes = [slot for slot in entry.slots if slot.startswith("close:")]
    if closes != ([journal.close_slot(entry.day)] if entry.event is Event.DAY_CLOSE else []):
        return "does not say rightly which day it closes"
    if entry.event is Event.REVERSAL and entry.key != journal.reversal_key(entry.reverses or ""):
        return "takes back an entry under a key of its own, so that it could be taken back twice"
    return _document_fault(entry)


def _document_fault(entry: Entry) -> str:
    series, _, number = entry.document.rpartition("-")
    if entry.document and str(entry.accounts().get(f"number:{series}")) != number.lstrip("0"):
        return f"is numbered {entry.document}, but does not hold that number"
    if entry.document and not series.endswith(f"-{entry.day.year}"):
        return f"is numbered {entry.document}, but is of {entry.day}"
    if bool(entry.document) != (entry.event is Event.CREDIT_NOTE):
        return "is a credit note without a number, or has a number and is none"
    return ""


def _needed(entry: Entry) -> set[str]:
    """The accounts that an entry must name, by what it posts."""
    needed = {journal.invoice_account(p.invoice_id) for p in entry.postings if p.invoice_id}
    if entry.event in INVOICE_KINDS:
        needed.add(journal.invoice_account(entry.invoice_id or ""))
    if entry.sum_of(Book.CREDIT):
        needed.add(journal.credit_account(entry.patient_id or ""))
    needed |= {journal.till_account(p.till) for p in entry.postings if p.till}
    for kind, asked in (("till", entry.event in _TILLS or entry.till), ("package", entry.event in _PACKAGES)):
        if asked and not any(account.startswith(f"{kind}:") for account in entry.accounts()):
            needed.add(f"{kind}:")
    return needed


def _session_fault(entry: Entry) -> str:
    in_till = any(account.startswith("till:") for account in entry.accounts())
    opens = entry.event is Event.TILL_OPEN
    return "is under a till, but does not say of which session" if in_till and not opens and not entry.till else ""


def _nameless(account: str) -> str:
    """An account as messages name it: a patient's without whose it is."""
    kind, _, owner = account.partition(":")
    return {"credit": "an account of money held", "till": "a till"}.get(kind, f"{kind} {owner}".strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What an account's entries add up to. Of accounts other than invoices `due_minor` is the amount."""

    seq: int = 0
    due_minor: int = 0
    payer_due_minor: int = 0
    paid_minor: int = 0
    payer_paid_minor: int = 0
    credited_minor: int = 0
    written_off_minor: int = 0
    cancelled: bool = False
    opened: str = ""  # of a till


def of_reversal(entry: Entry, taken_back: Entry | None) -> str:
    """What is wrong with an entry and the one that it takes back, "" for nothing."""
    if taken_back is None or taken_back.id >= entry.id:
        return f"takes back entry {entry.reverses}, which is not there before it"
    if entry.event is Event.REVERSAL:
        opposite = charged(journal.reversed_postings(taken_back.postings))
        if taken_back.event not in journal.REVERSIBLE or opposite != charged(entry.postings):
            return f"takes back entry {taken_back.id}, but is not the opposite of it"
    elif entry.event is not Event.PACKAGE_RETURN and taken_back.event is not Event.ISSUE:
        return f"takes back entry {taken_back.id}, which charged nothing"
    return "" if entry.invoice_id == taken_back.invoice_id else f"takes back entry {taken_back.id} of another invoice"


def change_of(entry: Entry, account: str) -> tuple[int, int, int, int, int, int]:
    """What an entry adds to the sums of `Figures`, in their order, worked out from its postings alone."""
    kind, _, owner = account.partition(":")
    if kind == "invoice":
        return _change_of_invoice(entry, owner)
    if kind == "credit":
        return (-entry.sum_of(Book.CREDIT), 0, 0, 0, 0, 0)
    if kind == "till":
        cash = (p for p in entry.postings if p.method is PaymentMethod.CASH and p.till in (None, owner))
        return (sum(p.amount_minor for p in cash), 0, 0, 0, 0, 0)
    if kind == "package":
        return ({Event.PACKAGE_USE: 1, Event.PACKAGE_RETURN: -1}.get(entry.event, 0), 0, 0, 0, 0, 0)
    return (0, 0, 0, 0, 0, 0)


def _change_of_invoice(entry: Entry, invoice_id: str) -> tuple[int, int, int, int, int, int]:
    owed = [p for p in entry.postings if p.book is Book.RECEIVABLE and p.invoice_id == invoice_id]
    due, payer = sum(p.amount_minor for p in owed), sum(p.amount_minor for p in owed if p.payer_id)
    if entry.event is Event.CREDIT_NOTE:
        credited = sum(p.amount_minor for p in entry.postings if p.book in _LINES)
        return (due, payer, entry.sum_of(Book.CREDIT), 0, credited, entry.sum_of(Book.WRITE_OFF))
    if entry.event in {Event.PAYMENT, Event.REFUND, Event.APPLY_CREDIT, Event.TRANSFER}:
        return (due, payer, -due, -payer, 0, 0)
    return (due, payer, entry.sum_of(Book.CREDIT), 0, 0, entry.sum_of(Book.WRITE_OFF))


def of_account(account: str, entries: Sequence[Entry]) -> tuple[Figures, str]:
    """What an account's entries add up to, the first one first, and what is wrong with them, "" for nothing."""
    figures, fault = Figures(), ""
    for number, entry in enumerate(entries, start=1):
        if entry.sequence(account) != number:
            return figures, f"its {number}. entry is missing, or is there twice"
        before, figures = figures, _after(figures, entry, account)
        fault = fault or _step_fault(account, before, figures, entry)
    return figures, fault or (_lines_fault(entries) if account.startswith("invoice:") else "")


def _lines_fault(entries: Sequence[Entry]) -> str:
    """What notes took back beyond a line, and what the cancellation of an invoice left of its lines."""
    net_or_tax, exact = Counter[tuple[bool, int | None]](), Counter[tuple[Any, ...]]()
    for entry in entries:
        for posting in entry.postings:
            if posting.book not in _LINES:
                continue
            net_or_tax[posting.book is Book.TAX, posting.line] += posting.amount_minor
            what = (posting.book, posting.line, posting.service_id, posting.basis_points)
            exact[*what, "amount"] += posting.amount_minor
            exact[*what, "quantity"] += posting.quantity
            if entry.event is Event.CREDIT_NOTE and posting.amount_minor < 0:
                return f"entry {entry.id} charges line {_line(posting)}, and is a credit note"
            if entry.event is Event.CREDIT_NOTE and net_or_tax[posting.book is Book.TAX, posting.line] > 0:
                return f"entry {entry.id} takes back more of line {_line(posting)} than it charged"
        if entry.event is Event.CANCEL and any(exact.values()):
            return f"entry {entry.id} cancels it, but does not take back what was charged"
    return ""


def _line(posting: Posting) -> str:
    return "?" if posting.line is None else str(posting.line + 1)


def told(entry: Entry, invoice_id: str) -> tuple[Any, ...]:
    """What an invoice must tell of one of its entries, besides the sums; see `told_by`."""
    money = [p for p in entry.postings if p.book is Book.MONEY]
    method = money[0].method if money else None
    if entry.event is Event.ISSUE:
        return (entry.event, entry.label)
    if entry.event is Event.CANCEL:
        return (entry.event, entry.day, entry.at, entry.reason)
    what = (entry.event, entry.id, entry.key.removeprefix(f"{entry.invoice_id}:"), entry.at, entry.day, entry.by)
    _, payer_due, paid, _, credited, lost = change_of(entry, journal.invoice_account(invoice_id))
    if entry.event is Event.PAYMENT:
        return (*what, sum(p.amount_minor for p in money), method, entry.reference, payer_due != 0)
    is_note = entry.event is Event.CREDIT_NOTE
    reference = entry.reference if entry.invoice_id == invoice_id else entry.label
    held = -entry.sum_of(Book.CREDIT) if is_note else 0
    papers = (entry.document, entry.reverses if entry.event is Event.REVERSAL else "")
    sums = (paid, credited, held, lost, payer_due)
    return (*what, entry.reason, reference, papers, method, sums, _noted_lines(entry) if is_note else ())


def told_by(invoice: Invoice) -> Iterator[tuple[Any, ...]]:
    """What an invoice tells of its entries, as `told` has it of each."""
    yield (Event.ISSUE, invoice.label)
    if invoice.status is InvoiceStatus.CANCELLED:
        yield (Event.CANCEL, invoice.cancelled_on, invoice.cancelled_at, invoice.cancel_reason)
    for p in invoice.payments:
        what = (Event.PAYMENT, p.entry_id, p.key, p.received_at, p.received_on, p.by)
        yield (*what, p.amount_minor, p.method, p.reference, p.payer)
    for a in invoice.adjustments:
        sums = (a.paid_minor, a.credited_minor, a.to_credit_minor, a.written_off_minor, a.payer_due_minor)
        lines = tuple((part.line, part.net_minor, part.tax_minor) for part in a.lines)
        made = (a.event, a.entry_id, a.key, a.at, a.on, a.by)
        yield (*made, a.reason, a.reference, (a.document, a.reverses), a.method, sums, lines)


def _noted_lines(entry: Entry) -> tuple[tuple[int, int, int], ...]:
    """Line, net and tax of what a credit note takes back."""
    parts = [p for p in entry.postings if p.book in _LINES and p.line is not None]
    sums = Counter[tuple[bool, int | None]]()
    for part in parts:
        sums[part.book is Book.TAX, part.line] += part.amount_minor
    lines = sorted({part.line for part in parts if part.line is not None})
    return tuple((line, sums[False, line], sums[True, line]) for line in lines)


def _after(figures: Figures, entry: Entry, account: str) -> Figures:
    due, payer_due, paid, payer_paid, credited, lost = change_of(entry, account)
    opened = {Event.TILL_OPEN: entry.id, Event.TILL_CLOSE: ""}.get(entry.event, figures.opened)
    return Figures(
        seq=figures.seq + 1,
        due_minor=figures.due_minor + due,
        payer_due_minor=figures.payer_due_minor + payer_due,
        paid_minor=figures.paid_minor + paid,
        payer_paid_minor=figures.payer_paid_minor + payer_paid,
        credited_minor=figures.credited_minor + credited,
        written_off_minor=figures.written_off_minor + lost,
        cancelled=figures.cancelled or entry.event is Event.CANCEL,
        opened=opened if account.startswith("till:") else "",
    )


def _step_fault(account: str, before: Figures, after: Figures, entry: Entry) -> str:
    kind = account.partition(":")[0]
    if kind == "till":
        return _till_fault(before, after, entry)
    if kind == "invoice" and (entry.event is Event.ISSUE) != (before.seq == 0):
        return f"entry {entry.id} charges an invoice that was charged, or follows no charge"
    if kind == "invoice" and before.cancelled:
        return f"entry {entry.id} comes after it was cancelled"
    if kind == "invoice" and entry.event is Event.CANCEL and (after.due_minor or after.payer_due_minor):
        return f"entry {entry.id} cancels it and leaves {after.due_minor} owed (minor units)"
    sums = _sums(after) if kind == "invoice" else {"is held" if kind == "credit" else "is used": after.due_minor}
    below = (f"with entry {entry.id} what {what} falls to {amount}" for what, amount in sums.items() if amount < 0)
    return next(below, "")


def _sums(figures: Figures) -> dict[str, int]:
    return {
        "is owed": figures.due_minor,
        "is owed by the payer": figures.payer_due_minor,
        "is owed by the patient": figures.due_minor - figures.payer_due_minor,
        "was paid": figures.paid_minor,
        "was paid by the payer": figures.payer_paid_minor,
        "was paid by the patient": figures.paid_minor - figures.payer_paid_minor,
        "was taken back": figures.credited_minor,
        "was written off": figures.written_off_minor,
    }


def _till_fault(before: Figures, after: Figures, entry: Entry) -> str:
    if (entry.event is Event.TILL_OPEN) != (before.opened == ""):
        return f"entry {entry.id} moves cash of a closed till, or opens an open one"
    if entry.event is Event.TILL_CLOSE and after.due_minor:
        return f"entry {entry.id} closes it and leaves {after.due_minor} in it (minor units)"
    return ""


def of_copy(invoice: Invoice, figures: Figures) -> str:
    """How an invoice differs from what its entries add up to, "" when it does not."""
    owing = invoice.status in OWING
    pairs = {
        "was paid": (invoice.paid_minor, figures.paid_minor),
        "was paid by its payer": (invoice.payer_paid_minor, figures.payer_paid_minor),
        "was taken back": (invoice.credited_minor, figures.credited_minor),
        "was written off": (invoice.written_off_minor, figures.written_off_minor),
        "is owed by its payer": (invoice.payer_due_minor, figures.payer_due_minor),
        "is due": (invoice.due_minor, figures.due_minor if owing else 0),
    }
    for what, (kept, found) in pairs.items():
        if kept != found:
            return f"says that {kept} {what}, but the ledger says {found} (minor units)"
    if figures.cancelled != (invoice.status is InvoiceStatus.CANCELLED):
        return f"is {invoice.status}, but the ledger says otherwise"
    return ""


def of_tale(invoice: Invoice, entries: Sequence[Entry]) -> str:
    """How what an invoice tells of its entries differs from them, "" when it does not."""
    tale = Counter(told_by(invoice))
    for entry in entries:
        if not tale[told(entry, invoice.id)]:
            return f"tells of entry {entry.id} otherwise than the ledger"
    return ""


def of_balance(balance: Balance, figures: Figures) -> str:
    """How a balance differs from what its entries add up to, "" when it does not."""
    if balance.amount_minor != figures.due_minor:
        return f"says {balance.amount_minor}, but the ledger says {figures.due_minor} (minor units)"
    if balance.opened != figures.opened:
        return "is open or closed otherwise than the ledger says"
    return ""


def of_day(entries: Sequence[Entry]) -> str:
    """What is wrong with the numbers of a day's entries, and with what closes it."""
    for number, entry in enumerate(entries, start=1):
        if journal.number_of(entry.id) != number:
            return f"number {number} of the day was never given out: a gap"
        if entry.event is Event.DAY_CLOSE and number < len(entries):
            return f"{len(entries) - number} entries follow the one that closed the day"
    return ""


def charged(postings: Iterable[Posting]) -> tuple[tuple[Any, ...], ...]:
    """Postings in an order of their own, to be compared whoever made them."""
    return tuple(
        sorted(
            (p.book.value, -1 if p.line is None else p.line, p.payer_id or "", p.amount_minor)
            + (p.service_id or "", p.quantity, p.basis_points, p.invoice_id or "")
            for p in postings
        )
    )
