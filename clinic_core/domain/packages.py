"""Packages: sessions of a service that are paid in advance, in one ordinary line of an invoice.

A service that sells sessions names the one it covers (`package_of`) and how many it holds. Each use of a session is an
entry of the ledger on the account of the package, and each entry says which session it took or gave back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from clinic_core.domain import billing
from clinic_core.domain.billing import OWING, Invoice, InvoiceStatus, LineItem
from clinic_core.domain.journal import Entry, Event, package_account
from clinic_core.domain.money import round_minor
from clinic_core.domain.organization import HealthcareService
from clinic_core.errors import IllegalTransition, InvalidInput

_MOVES: Final = frozenset({Event.PACKAGE_USE, Event.PACKAGE_RETURN})
_TEXT: Final = re.compile(r" \(Package: session ([0-9]+) of ([0-9]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Sessions that a patient bought. `account` is where the ledger counts them."""

    account: str
    invoice_id: str
    label: str  # the invoice's number
    service_id: str  # what was sold
    covers: str  # the service of its sessions
    sessions: int
    sold_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session of a package: the third of ten."""

    number: int
    sessions: int
    key: str = ""  # of the entry that took it

    @property
    def reference(self) -> str:
        """How an entry of the ledger names it."""
        return f"{self.number}/{self.sessions}"


def sold(invoice: Invoice, services: Mapping[str, HealthcareService]) -> list[Package]:
    """The packages of an issued invoice, without the sessions that credit notes took back."""
    if invoice.status not in OWING or invoice.issued_on is None:
        return []
    kept: dict[str, Decimal] = {}
    for at, line in enumerate(invoice.lines):
        service = services.get(line.service_id)
        if service is not None and service.package_of:
            bought = line.quantity * service.package_sessions * _kept(invoice, at)
            kept[service.id] = kept.get(service.id, Decimal(0)) + bought
    return [
        Package(
            account=package_account(invoice.id if place == 0 else f"{invoice.id}/{service_id}"),
            invoice_id=invoice.id,
            label=invoice.label,
            service_id=service_id,
            covers=services[service_id].package_of or "",
            sessions=round_minor(sessions),
            sold_on=invoice.issued_on,
        )
        for place, (service_id, sessions) in enumerate(kept.items())
    ]


def find(packages: Iterable[Package], account: str) -> Package | None:
    """The package of an account."""
    return next((package for package in packages if package.account == account), None)


def covering(packages: Iterable[Package], service_id: str) -> list[Package]:
    """The packages that hold sessions of a service, the one that was sold first at the head."""
    return sorted((p for p in packages if p.covers == service_id and p.sessions), key=lambda p: (p.sold_on, p.label))


def bought(invoice: Invoice, services: Mapping[str, HealthcareService]) -> list[Package]:
    """The packages that an invoice sold, whatever became of it later."""
    whole = replace(invoice, adjustments=(), status=InvoiceStatus.ISSUED, issued_on=invoice.issued_on or date.max)
    return sold(whole, services)


def require_enough(
    before: Invoice, after: Invoice, services: Mapping[str, HealthcareService], used: Mapping[str, int]
) -> None:
    """Raise IllegalTransition when an invoice leaves fewer sessions than were used (`used`, by account).

    `after` is the invoice with the entry that takes back sessions which `before` still sells.
    """
    left = {package.account: package.sessions for package in sold(after, services)}
    for package in sold(before, services):
        count, kept = used.get(package.account, 0), left.get(package.account, 0)
        if count <= kept or kept == package.sessions:
            continue
        if after.status is InvoiceStatus.CANCELLED:
            raise IllegalTransition(
                f"{count} sessions of this package were used, so it cannot be cancelled. Credit what is left of it."
            )
        raise IllegalTransition(
            f"{count} of {package.sessions} sessions of this package were used. At most "
            f"{before.money(creditable(before, services, package, count))} of it can be credited."
        )


def creditable(invoice: Invoice, services: Mapping[str, HealthcareService], package: Package, used: int) -> int:
    """What can be taken back of a package, with tax, such that the used sessions stay."""
    whole = find(bought(invoice, services), package.account) or package
    taxes = billing.line_taxes(invoice.lines, invoice.tax_rule)
    outside = not invoice.tax_rule.inclusive
    lines = [at for at, line in enumerate(invoice.lines) if line.service_id == package.service_id]
    asked = sum(invoice.lines[at].amount_minor + (taxes[at] if outside else 0) for at in lines)
    credited = sum(
        part.net_minor + part.tax_minor for one in invoice.adjustments for part in one.lines if part.line in lines
    )
    return max(asked * (whole.sessions - used) // whole.sessions - credited, 0)


def overused(now: Package | None, entries: Iterable[Entry]) -> str:
    """What is wrong with a package (None: it is not sold any more) of which more is used than is left; "" for nothing.

    What it sold at first is another question: see `fault`.
    """
    taken, left = len(in_use(entries)), now.sessions if now else 0
    return f"{taken} sessions are taken of {left} that were not cancelled or credited" if taken > left else ""


def fault(entries: Iterable[Entry], sessions: int) -> str:
    """What is wrong with the entries of a package that sold so many sessions; "" when nothing is."""
    taken: set[int] = set()
    for entry in entries:
        if entry.event not in _MOVES:
            continue
        number = session_of(entry).number
        if (entry.event is Event.PACKAGE_USE) == (number in taken):
            return f"session {number} is taken twice, or given back without having been taken"
        taken ^= {number}
        if len(taken) > sessions:
            return f"{len(taken)} sessions are taken of {sessions} that were sold"
    return ""


def in_use(entries: Iterable[Entry]) -> set[int]:
    """Which sessions of a package are taken, after all entries of its account."""
    taken: set[int] = set()
    for entry in entries:
        if entry.event is Event.PACKAGE_USE:
            taken.add(session_of(entry).number)
        elif entry.event is Event.PACKAGE_RETURN:
            taken.discard(session_of(entry).number)
    return taken


def next_session(package: Package, entries: Iterable[Entry]) -> Session | None:
    """The first session that is not taken; None when all of them are."""
    taken = in_use(entries)
    if len(taken) >= package.sessions:
        return None
    number = next(n for n in range(1, package.sessions + 1) if n not in taken)
    return Session(number=number, sessions=package.sessions)


def session_of(entry: Entry) -> Session:
    """The session that an entry took or gave back."""
    number, _, sessions = entry.reference.partition("/")
    return Session(number=int(number), sessions=int(sessions), key=entry.key)


def account_of(entry: Entry) -> str:
    """The package whose session an entry took or gave back."""
    prefix = package_account("")
    return next(slot.rpartition("@")[0] for slot in entry.slots if slot.startswith(prefix))


def covered(line: LineItem, session: Session) -> LineItem:
    """The line of a visit that a session pays for: its price and why it is not asked."""
    text = f" (Package: session {session.number} of {session.sessions})"
    return replace(
        line, description=line.description + text, discount_minor=line.gross_minor, session=session.key or None
    )


def uncovered(line: LineItem) -> LineItem:
    """The line as it was before a session paid for it."""
    return replace(_unnamed(line), discount_minor=0) if is_covered(line) else line


def saved_over(before: Iterable[LineItem], lines: Iterable[LineItem]) -> tuple[LineItem, ...]:
    """The lines that take the place of a draft's, where a session pays for one line, whatever its text says.

    One that gives nothing off any more is paid for by nobody's session; the same session on a second line, and one
    that the draft does not have, are none. Raises InvalidInput, naming the line, when a session would pay for another
    service.
    """
    held = {line.session: line.service_id for line in before if line.session}
    kept: list[LineItem] = []
    for number, line in enumerate(lines, start=1):
        session = line.session or ""
        covers = held.get(session) if line.discount_minor or not line.gross_minor else None
        if covers not in (None, line.service_id):
            raise InvalidInput(
                f"Line {number}: a session of a package pays for it. Take the line off, then add the other service.",
                field="service",
            )
        kept.append(line if covers or not session else _unnamed(line))
        if covers:
            held.pop(session)
    return tuple(kept)


def carries(lines: Iterable[LineItem], use: Entry) -> bool:
    """Whether the session that an entry took pays for one of the lines.

    Lines that were written before they carried the entry's key are known by their text.
    """
    text = f" (Package: session {session_of(use).number} of {session_of(use).sessions})"
    return any(
        line.session == use.key if line.session else text in line.description and not line.amount_minor
        for line in lines
    )


def is_covered(line: LineItem) -> bool:
    """Whether a session paid for the line; one that was written before it carried the session says so in its text."""
    return line.session is not None or bool(_TEXT.search(line.description))


def singly(line: LineItem, sessions: Sequence[Session]) -> list[LineItem]:
    """The line with as many of its pieces as there are sessions as lines of their own, and the rest."""
    one = replace(line, quantity=1)
    rest = line.quantity - len(sessions)
    left = [replace(line, quantity=rest)] if rest else []
    return [*(covered(one, session) for session in sessions), *left]


def _unnamed(line: LineItem) -> LineItem:
    return replace(line, description=_TEXT.sub("", line.description), session=None)


def _kept(invoice: Invoice, at: int) -> Decimal:
    """Which part of a line was not credited: of six sessions that are credited of ten, four tenths stay."""
    line = invoice.lines[at]
    tax = billing.line_taxes(invoice.lines, invoice.tax_rule)[at]
    net = line.amount_minor - (tax if invoice.tax_rule.inclusive else 0)
    credited = sum(part.net_minor for one in invoice.adjustments for part in one.lines if part.line == at)
    return Decimal(net - credited) / net if credited and net else Decimal(1)
