"""Fees for visits that were cancelled late or missed, as drafts that the desk issues or throws away.

A part of the verbs of appointments, which have asked for leave. Each draft has an id made of its visit's, so that
repeating the verb makes no second one, and brings none back that was thrown away.
"""

from __future__ import annotations

from contextlib import suppress

from clinic_core.clinic import Clinic
from clinic_core.domain import policies
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.billing import Invoice, InvoiceStatus
from clinic_core.errors import Conflict
from clinic_core.services import billing


def draft(clinic: Clinic, actor: Actor, visit: Appointment) -> Invoice | None:
    """The draft of the fee that a cancelled or missed visit costs by the policy; None when it costs nothing."""
    view = clinic.directory()
    service = view.services.get(visit.service_id)
    line = None if service is None else policies.fee_line(visit, service, view.organization)
    if line is None:
        return None
    return billing.draft_fee(clinic, actor, visit, line, invoice_id=policies.fee_id(visit))


def take_back(clinic: Clinic, actor: Actor, missed: Appointment) -> None:
    """Throw away the fee of a visit that was missed and whose patient came after all, unless it was issued already."""
    found = clinic.invoices.find(policies.fee_id(missed))
    if found is None or found.status is not InvoiceStatus.DRAFT:
        return
    with suppress(Conflict):  # somebody issued or changed it just now: the desk has it in hand
        billing.cancel(clinic, actor, found, "The patient came after all")
