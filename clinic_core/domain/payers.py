"""Who pays besides the patient: insurers and employers (FHIR Coverage.payor, Organization)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from clinic_core.domain import money, people
from clinic_core.domain.billing import WHOLE, Party
from clinic_core.errors import InvalidInput

_LONGEST_CREDIT: Final = 366
_LONGEST_NUMBER: Final = 40


class PayerKind(StrEnum):
    """What a payer is to the patient."""

    INSURER = "insurer"
    EMPLOYER = "employer"
    OTHER = "other"

    @property
    def label(self) -> str:
        """What staff read."""
        return self.value.capitalize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """Somebody who owes a share of the bills of its patients."""

    id: str
    name: str  # unique
    kind: PayerKind = PayerKind.INSURER
    address: str = ""
    tax_id: str = ""
    email: str = ""
    share_basis_points: int = WHOLE  # of a bill, unless the desk enters another share
    credit_days: int = 30  # how long after the issue it may pay
    active: bool = True
    version: int = 1


def check_payer(payer: Payer) -> Payer:
    """The payer as it is stored; raises InvalidInput naming the field that cannot be."""
    if not 0 <= payer.share_basis_points <= WHOLE:
        raise InvalidInput("The share lies between 0 and 100 %.", field="share_basis_points")
    if not 0 <= payer.credit_days <= _LONGEST_CREDIT:
        raise InvalidInput(f"A payer has 0 to {_LONGEST_CREDIT} days to pay.", field="credit_days")
    return replace(
        payer,
        name=people.clean_name(payer.name),
        kind=PayerKind(payer.kind),
        address=payer.address.strip(),
        tax_id=payer.tax_id.strip(),
        email=people.clean_email(payer.email),
    )


def check_member_number(text: str) -> str:
    """A patient's number with the payer, with single spaces; raises InvalidInput when it is too long."""
    number = " ".join(text.split())
    if len(number) > _LONGEST_NUMBER:
        raise InvalidInput(f"A member number has at most {_LONGEST_NUMBER} characters.", field="member_number")
    return number


def share_of(total_minor: int, payer: Payer, *, basis_points: int | None = None) -> int:
    """What the payer owes of a total, by its usual share or another one; rounded once, the patient owes the rest."""
    return money.share(total_minor, payer.share_basis_points if basis_points is None else basis_points)


def due_on(issued_on: date, payer: Payer) -> date:
    """The day by which the payer pays an invoice of that day."""
    return issued_on + timedelta(days=payer.credit_days)


def party_of(payer: Payer) -> Party:
    """The payer as an invoice keeps it from the day of issue on."""
    return Party(name=payer.name, address=payer.address, tax_id=payer.tax_id)
