"""The packages' part of `check`: no session is taken twice, or by a bill that does not hold any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import packages
from clinic_core.domain.billing import InvoiceStatus
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
        sessions = 0 if sold is None else packages.bought(sold, services, balance.id)
        for message in (packages.fault(entries, sessions), _kept_by_cancelled(clinic, entries)):
            if message:
                yield Violation(rule="package", record_id=invoice_id, message=message)


def _kept_by_cancelled(clinic: Clinic, entries: list[Entry]) -> str:
    returned = {entry.reverses for entry in entries if entry.event is Event.PACKAGE_RETURN}
    for use in entries:
        if use.event is not Event.PACKAGE_USE or use.id in returned or clinic.now() - use.at < _PATIENCE:
            continue
        bill = clinic.invoices.find(use.invoice_id or "")
        lately = bill is not None and bill.cancelled_at and clinic.now() - bill.cancelled_at < _PATIENCE
        if bill is None or (bill.status is InvoiceStatus.CANCELLED and not lately):
            number = packages.session_of(use).number
            return f"session {number} is still taken by a bill that is {'not there' if bill is None else 'cancelled'}"
    return ""
