"""The packages' part of `check`: no session is taken twice, of a package that is gone, or by a bill without it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import packages
from clinic_core.domain.billing import Invoice, InvoiceStatus
from clinic_core.domain.invariants import Violation
from clinic_core.domain.journal import Entry, Event
from clinic_core.services import ledger

_PATIENCE: Final = timedelta(minutes=15)  # somebody cancels a bill just now and gives its session back next


def faults(clinic: Clinic) -> Iterator[Violation]:
    """What is wrong with the packages that were used, by the id of the invoice that sold them."""
    services = {service.id: service for service in clinic.catalogue.all()}
    for balance in clinic.balances.of_kind("package"):
        invoice_id = balance.id.partition(":")[2].partition("/")[0]
        sold = clinic.invoices.find(invoice_id)
        entries = clinic.journal.of_account(balance.id, 1, ledger.current(clinic, balance.id).seq)
        whole = packages.find(packages.bought(sold, services) if sold else (), balance.id)
        now = packages.find(packages.sold(sold, services) if sold else (), balance.id)
        broken = packages.fault(entries, whole.sessions if whole else 0)
        for message in (broken or packages.overused(now, entries), _kept_by_others(clinic, entries)):
            if message:
                yield Violation(rule="package", record_id=invoice_id, message=message)


def _kept_by_others(clinic: Clinic, entries: list[Entry]) -> str:
    """Which session is still taken by a bill of which it pays no line. A draft is seen to when it is issued."""
    returned = {entry.reverses for entry in entries if entry.event is Event.PACKAGE_RETURN}
    for use in entries:
        if use.event is not Event.PACKAGE_USE or use.id in returned or clinic.now() - use.at < _PATIENCE:
            continue
        bill = clinic.invoices.find(use.invoice_id or "")
        what = "is not there" if bill is None else _why_not(clinic, bill, use)
        if what:
            return f"session {packages.session_of(use).number} is still taken by a bill that {what}"
    return ""


def _why_not(clinic: Clinic, bill: Invoice, use: Entry) -> str:
    since = bill.cancelled_at or bill.issued_at
    if since is None or clinic.now() - since < _PATIENCE:
        return ""
    if bill.status is InvoiceStatus.CANCELLED:
        return "is cancelled"
    return "" if packages.carries(bill.lines, use) else "pays no line with it"
