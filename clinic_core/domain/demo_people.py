"""The demo clinic's patients: invented people and families, some of whom share a phone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Final

from clinic_core.domain.demo_names import ALLERGIES, GROUPS, STREETS, NameGroup
from clinic_core.domain.demo_setup import PAYER_WEIGHTS, PAYERS, Doctor
from clinic_core.domain.people import ContactBy, Patient, Sex

_RELATIVE: Final = 0.3  # how many new patients belong to a family that is known already
_REMEMBERED: Final = 500  # families that may still bring somebody
_WEIGHTS: Final = [group.weight for group in GROUPS]
_PAYERS: Final = (None, *PAYERS)
_CONTACTS: Final = (ContactBy.SMS, ContactBy.WHATSAPP, ContactBy.EMAIL, ContactBy.NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    group: NameGroup
    name: str
    phone: str
    address: str


class People:
    """Makes patients, numbered from P-000001 on. The same random numbers make the same people."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._families: list[_Family] = []
        self._made = 0

    def new(self, doctor: Doctor, created_at: datetime, day: date) -> Patient:
        """Somebody of an age and sex that this doctor sees, who comes for the first time on `day`."""
        rng, family = self._rng, self._family()
        female = rng.random() < doctor.female_share
        given = rng.choice(family.group.female if female else family.group.male)
        self._made += 1
        payer_id = rng.choices(_PAYERS, PAYER_WEIGHTS)[0]
        made = Patient(
            id=new_id(rng),
            number=f"P-{self._made:06d}",
            name=family.group.full(given, family.name, female=female),
            birth_date=self._born(doctor, day),
            birth_date_estimated=rng.random() < 0.12,  # noqa: PLR2004 - a share, like those below
            sex=Sex.FEMALE if female else Sex.MALE,
            phone=family.phone,
            email=f"patient{self._made}@example.com" if rng.random() < 0.25 else "",  # noqa: PLR2004
            address=family.address,
            allergies=rng.choice(ALLERGIES) if rng.random() < 0.11 else "",  # noqa: PLR2004
            contact_by=rng.choices(_CONTACTS, (60, 26, 6, 8))[0] if family.phone else ContactBy.NONE,
            language=family.group.language,
            outreach_consent=self._made % 5 < 3,  # noqa: PLR2004
            payer_id=payer_id,
            member_number=f"M-{rng.randrange(10**6):06d}" if payer_id else "",
            created_at=created_at,
        )
        cannot = made.contact_by is ContactBy.EMAIL and not made.email
        return replace(made, contact_by=ContactBy.SMS) if cannot else made

    def _family(self) -> _Family:
        rng = self._rng
        if self._families and rng.random() < _RELATIVE:
            return rng.choice(self._families)
        group = rng.choices(GROUPS, _WEIGHTS)[0]
        made = _Family(group=group, name=rng.choice(group.family), phone=self._phone(group), address=self._address())
        self._families.append(made)
        if len(self._families) > _REMEMBERED:
            self._families.pop(rng.randrange(_REMEMBERED))
        return made

    def _phone(self, group: NameGroup) -> str:
        """A number that nobody can have: Indian mobiles never begin with 5, Ofcom keeps 07700 900 for drama."""
        rng = self._rng
        if rng.random() < 0.06:  # noqa: PLR2004
            return ""
        if group.phones == "GB":
            return f"+447700900{rng.randrange(1_000):03d}"
        if group.phones == "RU":
            return f"+7000555{rng.randrange(10_000):04d}"
        return f"+915555{rng.randrange(1_000_000):06d}"

    def _address(self) -> str:
        return f"{self._rng.randrange(1, 240)} {self._rng.choice(STREETS)}"

    def _born(self, doctor: Doctor, day: date) -> date:
        youngest, usual, oldest = doctor.ages
        years = self._rng.triangular(youngest + 0.05, oldest + 0.9, usual)
        return day - timedelta(days=int(years * 365.25))


def new_id(rng: Random) -> str:
    """An identifier like those of `ids.new_id`, out of the demo's own random numbers."""
    return f"{rng.getrandbits(128):032x}"
