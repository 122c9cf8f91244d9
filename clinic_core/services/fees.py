"""Fees for visits that were cancelled late or missed, as drafts that the desk issues or throws away.

A part of the verbs of appointments, which have asked for leave. Each draft has an id made of its visit's, so that
repeating the verb makes no second one, and brings none back that was thrown away.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain import policies
from clinic_core.domain.access import SYSTEM, Actor
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.billing import Invoice, InvoiceStatus, LineItem
from clinic_core.errors import Conflict
from clinic_core.services import billing

_PATIENCE: Final = timedelta(minutes=1)  # by then the desk has drafted it, or died


def due(clinic: Clinic, visit: Appointment) -> LineItem | None:
    """The line of the fee that a cancelled or missed visit costs by the policy; None when it costs nothing."""
    view = clinic.directory()
    service = view.services.get(visit.service_id)
    return None if service is None else policies.fee_line(visit, service, view.organization)


def draft(clinic: Clinic, actor: Actor, visit: Appointment) -> Invoice | None:
    """The draft of the fee that a cancelled or missed visit costs by the policy; None when it costs nothing."""
    line = due(clinic, visit)
    if line is None:
        return None
    made = billing.draft_fee(clinic, actor, visit, line, invoice_id=policies.fee_id(visit))
    if not clinic.appointments.fee_drafted(visit):  # the patient came after all, a moment before there was a draft
        take_back(clinic, actor, visit)
    return made


def complete(clinic: Clinic) -> int:
    """Draft the fees of visits whose desk died before it did; how many. For the sidecar."""
    cut_off = [one for one in clinic.appointments.costing_fee() if clinic.now() - one.events[-1].at >= _PATIENCE]
    for visit in cut_off:
        if draft(clinic, SYSTEM, visit) is None:  # the policy costs nothing any more
            clinic.appointments.fee_drafted(visit)
    return len(cut_off)


def take_back(clinic: Clinic, actor: Actor, missed: Appointment) -> None:
    """Throw away the fee of a visit that was missed and whose patient came after all, unless it was issued already."""
    found = clinic.invoices.find(policies.fee_id(missed))
    if found is None or found.status is not InvoiceStatus.DRAFT:
        return
    with suppress(Conflict):  # somebody issued or changed it just now: the desk has it in hand
        billing.cancel(clinic, actor, found, "The patient came after all")
