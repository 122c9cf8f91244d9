"""The one way into the ledger: read, decide, insert; and if another was quicker, read and decide again.

`post` reads what the entry needs to know (the invoices and balances that it changes, as of their last entries), lets
the caller make the entry of it, and inserts that under the slots which say "I am the n-th event of this account". The
insert is the commit. Invoices and balances are brought up to date after it; who dies in between leaves them behind,
and whoever needs them next, or the sidecar within seconds (`settle`), lets them catch up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import journal, settling
from clinic_core.domain.billing import OWING, Invoice, number_text
from clinic_core.domain.journal import Balance, Entry, Event
from clinic_core.domain.settling import Stamp
from clinic_core.errors import Conflict, IllegalTransition
from clinic_core.services import messages, past

_TRIES: Final = 60
_INVOICE: Final = "invoice:"
_TILL: Final = journal.till_account("")
_NUMBER: Final = "number:"
_ON_PAPER: Final = frozenset({Event.PAYMENT, Event.REFUND, Event.CREDIT_NOTE})


@dataclass(frozen=True, slots=True)
class Books:
    """What an entry is made of: the business day, and the accounts it changes as of their last entries."""

    day: date
    invoices: Mapping[str, Invoice]  # by invoice id
    balances: Mapping[str, Balance]  # by account
    numbers: Mapping[str, int]  # account ``number:<series>`` -> the next number

    def document(self, series: str) -> str:
        """The next number of a series, as it is printed."""
        return number_text(series, self.numbers[_NUMBER + series])

    @property
    def till(self) -> str:
        """The session of the till among the accounts, while it is open."""
        return next((balance.opened for balance in self.balances.values() if balance.opened), "")


@dataclass(frozen=True, slots=True)
class Posted:
    """An entry that is in the ledger, and the accounts that it changed with it."""

    entry: Entry
    invoices: Mapping[str, Invoice]
    balances: Mapping[str, Balance]
    again: bool = False  # it was there already: the same key was posted before


def post(
    clinic: Clinic,
    key: str,
    accounts: Sequence[str],
    make: Callable[[Books], Entry],
    *,
    asked: str = "",
    cash_of: str = "",
    series: Callable[[date], str] | None = None,
    closes: date | None = None,
) -> Posted:
    """Insert the entry that `make` makes of the books, once per `key`; the same key again gives that entry.

    `asked` is what is asked for under the key (`journal.asked_for`). Raises Conflict when the key was used for
    something else, so that nobody takes for done what was not.

    `accounts` are those that the entry changes: `journal.invoice_account` and so on. `cash_of` names whose till takes
    the entry's cash, while it is open. `series` says in which series an entry of a business day has a number of its
    own: trying again may go on in the next year. `closes` is the day of which this is the last entry. `make` raises
    when the books do not allow it; what it reads of its day's entries is all of them, because the entry is refused
    when another one came to the day meanwhile. Raises Conflict when others are quicker again and again.
    """
    day, wanted = closes or clinic.today(), tuple(accounts)
    for _ in range(_TRIES):
        day = closes or max(day, clinic.today())  # trying again may go on past midnight
        till, numbered = _open_till(clinic, cash_of), [_NUMBER + series(day)] if series else []
        accounts = (*wanted, *numbered, *till)
        books = _read(clinic, accounts, day)
        if till and not books.till:
            continue  # the till was closed between the two reads
        number = clinic.journal.next_number(day)  # before asking whether the day is closed: see `Journal.add`
        taken = clinic.journal.holding(_wanted(key, accounts, books))
        if journal.key_slot(key) in taken:
            require_same(clinic, taken[journal.key_slot(key)], asked)
            return _again(clinic, taken[journal.key_slot(key)], accounts, day)
        if journal.close_slot(day) in taken and not closes:
            day += timedelta(days=1)
            continue
        if taken:
            _catch_up(clinic, accounts)
            continue
        entry = make(books)
        _require_cash(entry, books)
        slots = (*_slots(key, accounts, books), *([journal.close_slot(day)] if closes else []))
        made = replace(_headed(clinic, entry, books), key=key, asked=asked, day=day, slots=slots)
        saved = clinic.journal.add(replace(made, till=books.till) if books.till else made, number)
        if saved is not None and saved.slots == made.slots:  # otherwise it is the same event from elsewhere
            return _carried(clinic, saved, accounts, books)
    raise Conflict("Others change the same accounts right now. Open it again and look at what is due.")


def _require_cash(entry: Entry, books: Books) -> None:
    """Raise IllegalTransition when an entry takes more out of an open till than lies in it.

    It does not say how much that is: tills are counted blind.
    """
    for account, before in books.balances.items():
        after = journal.balance_after(before, entry)
        if account.startswith(_TILL) and after.amount_minor < min(0, before.amount_minor):
            raise IllegalTransition(
                "There is not that much cash in the till. Bring cash in from the safe first, or give it back in "
                "another way."
            )


def require_same(clinic: Clinic, entry: Entry, asked: str) -> None:
    """Raise Conflict when the entry of a key is not what is asked for under it now."""
    if entry.asked == asked:
        return
    debits = sum(posting.amount_minor for posting in entry.postings if posting.amount_minor > 0)
    method = next((f" ({posting.method.label})" for posting in entry.postings if posting.method), "")
    raise Conflict(
        "This form was sent already, with something else in it. That was booked, and nothing more: "
        f"{entry.event.value} of {clinic.money(debits)}{method}, entry {entry.id}. "
        "Reload the page and look before you go on."
    )


def open_day(clinic: Clinic) -> date:
    """The business day: today, or the next day once today is closed."""
    day = clinic.today()
    while clinic.journal.holding([journal.close_slot(day)]):
        day += timedelta(days=1)
    return day


def post_issue(clinic: Clinic, invoice: Invoice) -> Invoice:
    """Post the charges of an invoice that was issued; the invoice as it is then. Harmless when it was posted."""
    if invoice.posted or invoice.status not in OWING:
        return invoice
    messages.bill_due(clinic, invoice)
    if invoice.payments or invoice.issued_on != clinic.today():  # of an import, or of a release without a journal
        return past.post_one(clinic, invoice)
    account = journal.invoice_account(invoice.id)
    return post(clinic, f"issue:{invoice.id}", [account], _issue(invoice)).invoices[invoice.id]


def current(clinic: Clinic, account: str) -> Balance:
    """The balance of an account other than an invoice, as of its last entry."""
    return _caught_up(clinic, clinic.balances.get(account))


def held_minor(clinic: Clinic, patient_id: str) -> int:
    """The money that is held for a patient."""
    return current(clinic, journal.credit_account(patient_id)).amount_minor


def current_invoice(clinic: Clinic, invoice_id: str) -> Invoice:
    """The invoice as of its last entry; raises NotFound."""
    return _invoice(clinic, invoice_id)


def settle(clinic: Clinic, entries: Iterable[Entry] | None = None) -> int:
    """Finish what somebody who died left half done, and return how many accounts were looked at.

    Posts the charges of invoices that were issued and not posted, and brings the accounts of `entries` (all that are
    not folded yet, when None) up to date.
    """
    for invoice in clinic.invoices.unposted():
        post_issue(clinic, invoice)
    kept = clinic.journal.unfolded() if entries is None else list(entries)
    reached: dict[str, int] = {}
    for entry in kept:
        for account, number in entry.accounts().items():
            if not account.startswith(_NUMBER):
                reached[account] = max(reached.get(account, 0), number)
    _settle_accounts(clinic, reached)
    return len(reached)


def _settle_accounts(clinic: Clinic, reached: Mapping[str, int]) -> None:
    invoices = {account: number for account, number in reached.items() if account.startswith(_INVOICE)}
    posted = clinic.invoices.posted(account.removeprefix(_INVOICE) for account in invoices)
    balances = clinic.balances.many(set(reached) - set(invoices))
    for account, number in reached.items():
        known = posted.get(account.removeprefix(_INVOICE), 0) if account in invoices else 0
        known = balances[account].seq if account in balances else known
        if known < number:
            _catch_up(clinic, [account])


def _issue(invoice: Invoice) -> Callable[[Books], Entry]:
    def make(books: Books) -> Entry:
        if invoice.issued_at is None:
            raise Conflict("This invoice is not issued yet. Open it again.")
        stamp = Stamp(key="", day=books.day, at=invoice.issued_at, by=invoice.issued_by)
        return settling.issue(books.invoices[invoice.id], stamp)

    return make


def _headed(clinic: Clinic, entry: Entry, books: Books) -> Entry:
    """The entry with the letterhead of its paper, where the clinic has another one by now than the invoice kept."""
    invoice = books.invoices.get(entry.invoice_id or "")
    if invoice is None or entry.event not in _ON_PAPER:
        return entry
    now = journal.heading_of(clinic.organization())
    kept = (invoice.issuer, invoice.locale, invoice.time_zone)
    return entry if (now.issuer, now.locale, now.time_zone) == kept else replace(entry, heading=now)


def _open_till(clinic: Clinic, username: str) -> tuple[str, ...]:
    if not username:
        return ()
    account = journal.till_account(username)
    return (account,) if current(clinic, account).opened else ()


def _read(clinic: Clinic, accounts: Sequence[str], day: date) -> Books:
    invoices = [account.removeprefix(_INVOICE) for account in accounts if account.startswith(_INVOICE)]
    numbers = [account for account in accounts if account.startswith(_NUMBER)]
    others = [account for account in accounts if account not in numbers and not account.startswith(_INVOICE)]
    return Books(
        day=day,
        invoices={invoice_id: clinic.invoices.get(invoice_id) for invoice_id in invoices},
        balances={account: clinic.balances.get(account) for account in others},
        numbers={account: clinic.journal.last_of(account) + 1 for account in numbers},
    )


def _next(account: str, books: Books) -> int:
    if account.startswith(_INVOICE):
        return books.invoices[account.removeprefix(_INVOICE)].posted + 1
    return books.numbers[account] if account in books.numbers else books.balances[account].seq + 1


def _slots(key: str, accounts: Sequence[str], books: Books) -> tuple[str, ...]:
    return (journal.key_slot(key), *(journal.slot(account, _next(account, books)) for account in accounts))


def _wanted(key: str, accounts: Sequence[str], books: Books) -> tuple[str, ...]:
    return (journal.close_slot(books.day), *_slots(key, accounts, books))


def _again(clinic: Clinic, entry: Entry, accounts: Sequence[str], day: date) -> Posted:
    """The entry that the key made before."""
    _catch_up(clinic, accounts)
    after = _read(clinic, accounts, day)
    return Posted(entry, after.invoices, after.balances, again=True)


def _carried(clinic: Clinic, entry: Entry, accounts: Sequence[str], books: Books) -> Posted:
    """Bring the accounts of a new entry up to date."""
    invoices, balances = dict(books.invoices), dict(books.balances)
    for account in accounts:
        if account.startswith(_INVOICE):
            invoice_id = account.removeprefix(_INVOICE)
            invoices[invoice_id] = _advanced(clinic, invoices[invoice_id], entry)
        elif account in balances:
            after = journal.balance_after(balances[account], entry)
            clinic.balances.advance(balances[account], after)
            balances[account] = after
    return Posted(entry, invoices, balances)


def _catch_up(clinic: Clinic, accounts: Sequence[str]) -> None:
    for account in accounts:
        if account.startswith(_INVOICE):
            _invoice(clinic, account.removeprefix(_INVOICE))
        elif not account.startswith(_NUMBER):
            _caught_up(clinic, clinic.balances.get(account))


def _invoice(clinic: Clinic, invoice_id: str) -> Invoice:
    invoice = clinic.invoices.get(invoice_id)
    if invoice.payments and not invoice.posted:  # somebody is about to write its past
        invoice = past.post_one(clinic, invoice)
    while (entry := clinic.journal.after(journal.invoice_account(invoice_id), invoice.posted)) is not None:
        invoice = _advanced(clinic, invoice, entry)
    return invoice


def _advanced(clinic: Clinic, invoice: Invoice, entry: Entry) -> Invoice:
    after = clinic.invoices.advance(invoice, settling.applied(invoice, entry))
    return clinic.invoices.get(invoice.id) if after is None else after


def _caught_up(clinic: Clinic, balance: Balance) -> Balance:
    while (entry := clinic.journal.after(balance.id, balance.seq)) is not None:
        after = journal.balance_after(balance, entry)
        clinic.balances.advance(balance, after)
        balance = after
    return balance


__all__ = [
    "Books",
    "Posted",
    "current",
    "current_invoice",
    "held_minor",
    "open_day",
    "post",
    "post_issue",
    "require_same",
    "settle",
]
