"""Everything that can go wrong and that a person can act on.

The message of a `ClinicError` is shown to staff as it stands: it says what happened and what to do.
It never holds a patient's name, phone or note. Anything that is not a `ClinicError` is a bug.
"""

from __future__ import annotations


class ClinicError(Exception):
    """Base of every error that staff can read and act on."""


class InvalidInput(ClinicError):
    """A value that cannot be used; `field` names the form field it belongs to."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class SettingsError(ClinicError):
    """The environment holds a missing, weak or wrong value; the start stops."""


class NotFound(ClinicError):
    """The record does not exist (any more)."""


class Forbidden(ClinicError):
    """The actor's role does not allow this."""


class SignInRefused(ClinicError):
    """Wrong credentials, a disabled user or a lock-out: one answer for all three."""


class Conflict(ClinicError):
    """Somebody else changed the record first; reload and try again."""


class AlreadyExists(ClinicError):
    """A record with this unique name, number or code is there already."""


class SlotTaken(ClinicError):
    """The practitioner, the patient or the room is held by another appointment.

    `resource` is the hold's owner, such as ``practitioner:<id>``; `holder_id` the appointment that holds it.
    """

    def __init__(self, message: str, *, resource: str = "", holder_id: str = "") -> None:
        super().__init__(message)
        self.resource = resource
        self.holder_id = holder_id


class OutsideHours(ClinicError):
    """The practitioner does not work at that time."""


class InThePast(ClinicError):
    """New bookings start in the future."""


class IllegalTransition(ClinicError):
    """The status cannot follow the present one."""


class OverPayment(ClinicError):
    """More money than the invoice still asks for."""


class Unavailable(ClinicError):
    """The database or another service does not answer; what was typed is kept, try again."""


class StorageFailed(ClinicError):
    """Files could not be written to, or read from, where they are kept: a full disk, a bucket that refuses."""


class Damaged(ClinicError):
    """What is stored is not what was stored: it was cut, changed, or cannot be read with this key."""
