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


def covering(packages: Iterable[Package], service_id: str) -> list[Package]:
    """The packages that hold sessions of a service, the one that was sold first at the head."""
    return sorted((p for p in packages if p.covers == service_id and p.sessions), key=lambda p: (p.sold_on, p.label))


def bought(invoice: Invoice, services: Mapping[str, HealthcareService], account: str) -> int:
    """How many sessions the invoice sold on an account, whatever became of it later."""
    whole = replace(invoice, adjustments=(), status=InvoiceStatus.ISSUED, issued_on=invoice.issued_on or date.max)
    return sum(package.sessions for package in sold(whole, services) if package.account == account)


def fault(entries: Iterable[Entry], sessions: int) -> str:
    """What is wrong with the entries of a package that sold so many sessions; "" when nothing is."""
    taken: set[int] = set()
    for entry in entries:
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
        number = session_of(entry).number
        if entry.event is Event.PACKAGE_USE:
            taken.add(number)
        elif entry.event is Event.PACKAGE_RETURN:
            taken.discard(number)
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
    return Session(number=int(number), sessions=int(sessions))


def account_of(entry: Entry) -> str:
    """The package whose session an entry took or gave back."""
    prefix = package_account("")
    return next(slot.rpartition("@")[0] for slot in entry.slots if slot.startswith(prefix))


def covered(line: LineItem, session: Session) -> LineItem:
    """The line of a visit that a session pays for: its price and why it is not asked."""
    text = f" (Package: session {session.number} of {session.sessions})"
    return replace(line, description=line.description + text, discount_minor=line.gross_minor)


def uncovered(line: LineItem) -> LineItem:
    """The line as it was before a session paid for it."""
    if not _TEXT.search(line.description):
        return line
    return replace(line, description=_TEXT.sub("", line.description), discount_minor=0)


def named(lines: Iterable[LineItem]) -> set[str]:
    """The sessions that an invoice's lines say they used, as entries name them."""
    return {f"{found[1]}/{found[2]}" for line in lines for found in _TEXT.finditer(line.description)}


def is_covered(line: LineItem) -> bool:
    """Whether the line says that a session paid for it."""
    return bool(_TEXT.search(line.description))


def singly(line: LineItem, sessions: Sequence[Session]) -> list[LineItem]:
    """The line with as many of its pieces as there are sessions as lines of their own, and the rest."""
    one = replace(line, quantity=1)
    rest = line.quantity - len(sessions)
    left = [replace(line, quantity=rest)] if rest else []
    return [*(covered(one, session) for session in sessions), *left]


def _kept(invoice: Invoice, at: int) -> Decimal:
    """Which part of a line was not credited: of six sessions that are credited of ten, four tenths stay."""
    line = invoice.lines[at]
    tax = billing.line_taxes(invoice.lines, invoice.tax_rule)[at]
    net = line.amount_minor - (tax if invoice.tax_rule.inclusive else 0)
    credited = sum(part.net_minor for one in invoice.adjustments for part in one.lines if part.line == at)
    return Decimal(net - credited) / net if credited and net else Decimal(1)
