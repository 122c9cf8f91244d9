"""Who may do what: one table, default deny.

An action that is not in `RULES` is allowed to nobody. `OWN_ONLY` names what a doctor may do for their own
patients' visits only; the service hands in the practitioner whose record it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from clinic_core.errors import Forbidden


class Role(StrEnum):
    """What a user is at the clinic. `SYSTEM` is for jobs and commands and is never given to a user."""

    ADMIN = "admin"
    MANAGER = "manager"
    RECEPTIONIST = "receptionist"
    DOCTOR = "doctor"
    SYSTEM = "system"


STAFF_ROLES: Final = (Role.ADMIN, Role.MANAGER, Role.RECEPTIONIST, Role.DOCTOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The person (or job) on whose behalf a service runs."""

    user_id: str
    username: str
    name: str
    role: Role
    practitioner_id: str | None = None


SYSTEM: Final = Actor(user_id="system", username="system", name="System", role=Role.SYSTEM)
BY_REPLY: Final = Actor(user_id="reply", username="reply", name="Patient's reply", role=Role.SYSTEM)

_A, _M, _R, _D, _S = Role.ADMIN, Role.MANAGER, Role.RECEPTIONIST, Role.DOCTOR, Role.SYSTEM
_DESK = frozenset({_R, _M})
_CARE = frozenset({_R, _M, _D})
_FIGURES = frozenset({_M, _A})

RULES: Final[dict[str, frozenset[Role]]] = {
    # patients
    "patient.search": _CARE,
    "patient.read": _CARE,
    "patient.write": frozenset({_R, _M, _S}),
    # appointments
    "appointment.read": _CARE,
    "appointment.book": frozenset({_R, _M, _S}),
    "appointment.move": _DESK,
    "appointment.cancel": frozenset({_R, _M, _S}),
    "appointment.confirm": frozenset({_R, _M, _S}),
    "appointment.arrive": _DESK,
    "appointment.noshow": _DESK,
    "appointment.check_in": frozenset({_R, _M, _D}),
    "appointment.fulfil": frozenset({_D}),
    # clinical notes
    "encounter.read": frozenset({_D}),
    "encounter.write": frozenset({_D}),
    # billing
    "invoice.read": _DESK,
    "invoice.write": frozenset({_R, _M, _S}),
    "invoice.draft_from_visit": frozenset({_D, _R, _M}),
    "invoice.issue": _DESK,
    "invoice.cancel": frozenset({_M}),
    "payment.take": frozenset({_R, _M, _S}),
    "payment.refund": frozenset({_M}),
    "payment.transfer": frozenset({_M}),
    "invoice.credit": frozenset({_M}),
    "invoice.write_off": frozenset({_M}),
    "invoice.reverse": frozenset({_M}),
    "invoice.assign": _DESK,
    "account.read": _DESK,
    "account.deposit": _DESK,
    "account.apply": _DESK,
    "account.refund": frozenset({_M}),
    "statement.read": _DESK,
    # cash
    "till.use": _DESK,
    "till.read_all": frozenset({_M}),
    "till.close_any": frozenset({_M}),
    "day.close": frozenset({_M}),
    # figures
    "report.read": _FIGURES,
    "report.export": _FIGURES,
    "receivable.read": _FIGURES,
    "recall.read": frozenset({_M}),
    # planning: the page, tomorrow's call list, how good the model is
    "planning.open": frozenset({_A, _M, _R}),
    "planning.read": _DESK,
    "planning.model": _FIGURES,
    # messages: to patients, what they wrote back, and who wants none
    "message.send": _DESK,
    "message.read": _DESK,
    "message.answer": _DESK,
    # running the clinic
    "directory.read": frozenset({_A, _M, _R, _D, _S}),
    "settings.write": frozenset({_A, _M}),
    "user.read": frozenset({_A, _S}),
    "user.write": frozenset({_A, _S}),
    "audit.read": frozenset({_A}),
    "data.import": frozenset({_S}),
    "job.read": frozenset({_A, _M, _S}),
    "backup.read": frozenset({_A, _M}),
    "job.run": frozenset({_A, _S}),
    "maintenance.plan": frozenset({_A}),
}

OWN_ONLY: Final = frozenset(
    {"appointment.read", "appointment.check_in", "appointment.fulfil", "encounter.write", "invoice.draft_from_visit"}
)


def allows(actor: Actor, action: str, *, practitioner_id: str | None = None) -> bool:
    """Whether `actor` may do `action`, for a doctor only on the record of `practitioner_id` where it is `OWN_ONLY`."""
    if actor.role not in RULES.get(action, frozenset()):
        return False
    if actor.role is Role.DOCTOR and action in OWN_ONLY:
        return practitioner_id is not None and practitioner_id == actor.practitioner_id
    return True


def require(actor: Actor, action: str, *, practitioner_id: str | None = None) -> None:
    """Raise `Forbidden` unless `allows` says yes."""
    if not allows(actor, action, practitioner_id=practitioner_id):
        raise Forbidden(f"Your role ({actor.role}) may not do this ({action}). Ask a manager if you need it.")
