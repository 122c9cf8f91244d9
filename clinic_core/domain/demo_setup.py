"""The demo clinic itself: who works there, when, what it offers and who pays besides. Goa, on the west coast of India.

There are four doctors unless more are asked for; with all twelve it is as busy as a large practice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from clinic_core.domain.ids import derived_id
from clinic_core.domain.organization import HealthcareService, Organization, Price, Room
from clinic_core.domain.payers import Payer, PayerKind
from clinic_core.domain.people import Practitioner
from clinic_core.domain.schedules import Absence, Schedule, parse_openings

ORGANIZATION: Final = Organization(
    name="Mandovi Clinic",
    address="24 Rua de Ourém, Fontainhas, Panaji, Goa 403001, India",
    phone="+918325550100",
    tax_id="30DEMO0000A1Z5",
    currency="INR",
    locale="en_IN",
    region="IN",
    time_zone="Asia/Kolkata",
    slot_minutes=15,
    late_cancel_hours=24,
    monthly_target_minor=125_000_000,
    upi_id="mandovi.clinic@example",
)

PAYERS: Final = {
    payer.id: payer
    for payer in (
        Payer(
            id=derived_id("demo-payer", "zuari"),
            name="Zuari General Insurance",
            address="4 Dayanand Bandodkar Marg, Panaji, Goa 403001, India",
            tax_id="30DEMO0001B1Z5",
            email="claims@zuari.example.com",
            share_basis_points=8_000,
            credit_days=30,
        ),
        Payer(
            id=derived_id("demo-payer", "shipyard"),
            name="Chicalim Shipyard",
            kind=PayerKind.EMPLOYER,
            address="Chicalim, Vasco da Gama, Goa 403711, India",
            tax_id="30DEMO0002C1Z5",
            email="welfare@shipyard.example.com",
            credit_days=45,
        ),
    )
}
PAYER_WEIGHTS: Final = (94.5, 4.0, 1.5)  # patients without one, then with each of the payers


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """One practitioner of the demo, how busy they are and whom they see."""

    key: str
    name: str
    speciality: str
    licence: str
    room_id: str
    hours: tuple[str, ...]  # per weekday, Monday first
    per_day: float  # visits booked on a usual day
    services: tuple[tuple[str, int], ...]  # service code, weight
    extras: tuple[str, ...]  # services that are added at the visit
    ages: tuple[int, int, int]  # youngest, most usual, oldest
    female_share: float
    away: tuple[tuple[int, int, str], ...]  # every year: day of the year, days, reason
    soon: tuple[int, int, str] | None = None  # days from today, days, reason

    @property
    def id(self) -> str:
        """The practitioner's id."""
        return derived_id("demo-practitioner", self.key)

    def practitioner(self) -> Practitioner:
        """The record."""
        return Practitioner(id=self.id, name=self.name, speciality=self.speciality, licence=self.licence)

    def schedule(self, first_day: date, today: date) -> Schedule:
        """Weekly hours, and every absence from `first_day` to next year's end."""
        return Schedule(
            id=self.id, weekly=tuple(map(parse_openings, self.hours)), absences=self._absences(first_day, today)
        )

    def _absences(self, first_day: date, today: date) -> tuple[Absence, ...]:
        found = [
            _absence(date(year, 1, 1) + timedelta(days=day), days, reason)
            for year in range(first_day.year, today.year + 2)
            for day, days, reason in self.away
        ]
        kept = [a for a in found if a.end_on < today - timedelta(days=2) or a.start_on > today + timedelta(days=30)]
        if self.soon:
            ahead, days, reason = self.soon
            kept.append(_absence(today + timedelta(days=ahead), days, reason))
        return tuple(sorted(kept, key=lambda absence: absence.start_on))


def _absence(start: date, days: int, reason: str) -> Absence:
    return Absence(start_on=start, end_on=start + timedelta(days=days - 1), reason=reason)


_LONG = "08:30-13:00, 16:00-20:30"
_MORNINGS: Final = ("08:30-13:30",) * 6 + ("",)
_EVENINGS: Final = ("15:30-20:30",) * 6 + ("",)
_EVERYBODY: Final = (
    Doctor(
        key="kamat",
        name="Dr Ananya Kamat",
        speciality="General medicine",
        licence="GMC-10482",
        room_id="demo-room-1",
        hours=(_LONG, _LONG, _LONG, _LONG, _LONG, "08:30-13:00, 16:00-19:00", "09:00-12:30"),
        per_day=23.0,
        services=(("CONS", 58), ("FOLL", 30), ("DRES", 7), ("ECGR", 5)),
        extras=("ECGR", "DRES"),
        ages=(16, 47, 91),
        female_share=0.52,
        away=((128, 8, "Summer leave"), (297, 3, "Diwali")),
    ),
    Doctor(
        key="menezes",
        name="Dr Rui Menezes",
        speciality="Paediatrics",
        licence="GMC-11907",
        room_id="demo-room-2",
        hours=("09:00-13:00, 15:00-18:30",) * 5 + ("09:00-13:00", ""),
        per_day=20.0,
        services=(("CHLD", 62), ("FOLL", 18), ("VACC", 20)),
        extras=("VACC",),
        ages=(0, 4, 15),
        female_share=0.49,
        away=((355, 9, "Christmas leave"), (140, 6, "Summer leave")),
    ),
    Doctor(
        key="nair",
        name="Dr Leela Nair",
        speciality="Obstetrics and gynaecology",
        licence="GMC-09331",
        room_id="demo-room-3",
        hours=("09:30-13:30, 15:00-18:30",) * 5 + ("09:30-13:30", ""),
        per_day=18.0,
        services=(("WOMN", 60), ("FOLL", 20), ("SCAN", 20)),
        extras=("SCAN",),
        ages=(17, 31, 68),
        female_share=1.0,
        away=((235, 10, "Onam"), (40, 3, "Congress")),
        soon=(9, 2, "Congress"),
    ),
    Doctor(
        key="shaikh",
        name="Dr Imran Shaikh",
        speciality="Dermatology",
        licence="GMC-12774",
        room_id="demo-room-4",
        hours=("11:00-14:00, 15:30-20:00",) * 6 + ("10:00-13:00",),
        per_day=19.0,
        services=(("SKIN", 62), ("FOLL", 24), ("PEEL", 14)),
        extras=("PEEL",),
        ages=(12, 29, 75),
        female_share=0.58,
        away=((95, 7, "Leave"), (180, 5, "Leave")),
    ),
    Doctor(
        key="desai",
        name="Dr Sunita Desai",
        speciality="General medicine",
        licence="GMC-08816",
        room_id="demo-room-5",
        hours=_MORNINGS,
        per_day=10.4,
        services=(("CONS", 60), ("FOLL", 32), ("DRES", 8)),
        extras=("ECGR", "DRES"),
        ages=(16, 52, 93),
        female_share=0.55,
        away=((121, 9, "Summer leave"), (300, 4, "Diwali")),
    ),
    Doctor(
        key="fernandes",
        name="Dr Joseph Fernandes",
        speciality="Orthopaedics",
        licence="GMC-10073",
        room_id="demo-room-6",
        hours=_EVENINGS,
        per_day=8.6,
        services=(("ORTH", 64), ("FOLL", 24), ("DRES", 12)),
        extras=("DRES",),
        ages=(9, 54, 88),
        female_share=0.5,
        away=((350, 10, "Christmas leave"),),
    ),
    Doctor(
        key="pinto",
        name="Natália Pinto",
        speciality="Physiotherapy",
        licence="PHY-02215",
        room_id="demo-room-7",
        hours=_MORNINGS,
        per_day=8.6,
        services=(("PHYS", 90), ("FOLL", 10)),
        extras=("DRES",),
        ages=(14, 48, 84),
        female_share=0.54,
        away=((150, 8, "Leave"),),
    ),
    Doctor(
        key="rao",
        name="Dr Venkatesh Rao",
        speciality="Ear, nose and throat",
        licence="GMC-11250",
        room_id="demo-room-8",
        hours=_EVENINGS,
        per_day=8.6,
        services=(("ENTC", 70), ("FOLL", 30)),
        extras=("DRES",),
        ages=(3, 33, 80),
        female_share=0.5,
        away=((104, 7, "Leave"), (265, 5, "Congress")),
    ),
    Doctor(
        key="braganza",
        name="Dr Tereza Braganza",
        speciality="Eye care",
        licence="GMC-09987",
        room_id="demo-room-9",
        hours=_MORNINGS,
        per_day=9.4,
        services=(("EYES", 72), ("FOLL", 28)),
        extras=("FOLL",),
        ages=(6, 58, 92),
        female_share=0.53,
        away=((356, 8, "Christmas leave"), (60, 5, "Leave")),
    ),
    Doctor(
        key="kulkarni",
        name="Dr Amit Kulkarni",
        speciality="Cardiology",
        licence="GMC-12001",
        room_id="demo-room-10",
        hours=_EVENINGS,
        per_day=7.8,
        services=(("HART", 62), ("FOLL", 26), ("ECGR", 12)),
        extras=("ECGR",),
        ages=(28, 61, 94),
        female_share=0.44,
        away=((128, 10, "Summer leave"),),
    ),
    Doctor(
        key="khan",
        name="Dr Zainab Khan",
        speciality="Paediatrics",
        licence="GMC-13320",
        room_id="demo-room-11",
        hours=_EVENINGS,
        per_day=9.4,
        services=(("CHLD", 66), ("FOLL", 16), ("VACC", 18)),
        extras=("VACC",),
        ages=(0, 5, 15),
        female_share=0.49,
        away=((98, 6, "Leave"), (190, 6, "Leave")),
    ),
    Doctor(
        key="mascarenhas",
        name="Dr Savio Mascarenhas",
        speciality="Dentistry",
        licence="DCI-04410",
        room_id="demo-room-12",
        hours=_MORNINGS,
        per_day=8.6,
        services=(("DENT", 76), ("FOLL", 24)),
        extras=("FOLL",),
        ages=(5, 37, 85),
        female_share=0.52,
        away=((350, 12, "Christmas leave"),),
    ),
)
MOST_DOCTORS: Final = len(_EVERYBODY)
USUAL_DOCTORS: Final = 4
BUSIEST: Final = _EVERYBODY[0]


_RISES: Final = {2018: 76, 2020: 82, 2022: 88, 2024: 94, 2026: 100}  # in April; percent of today's price
_FIRST_PRICE: Final = 70


def _service(code: str, name: str, minutes: int, price: int, tax: int = 0) -> HealthcareService:
    """A service and its price list; `price` is what it costs since the last rise, in rupees."""
    prices = (
        Price(from_on=date(year, 4, 1), price_minor=_rounded(price, percent), tax_basis_points=tax)
        for year, percent in _RISES.items()
    )
    return HealthcareService(
        id=derived_id("demo-service", code),
        code=code,
        name=name,
        minutes=minutes,
        price_minor=_rounded(price, _FIRST_PRICE),
        tax_basis_points=tax,
        prices=tuple(prices),
    )


def _rounded(price: int, percent: int) -> int:
    """To whole ten rupees, in minor units."""
    return round(price * percent / 1_000) * 1_000


SERVICES: Final = {
    service.code: service
    for service in (
        _service("CONS", "Consultation", 15, 600),
        _service("FOLL", "Follow-up", 10, 350),
        _service("CHLD", "Child consultation", 15, 650),
        _service("VACC", "Vaccination", 10, 950),
        _service("WOMN", "Women’s health visit", 20, 800),
        _service("SCAN", "Ultrasound scan", 30, 1_600),
        _service("SKIN", "Skin consultation", 15, 750),
        _service("PEEL", "Chemical peel (cosmetic)", 30, 2_500, 1_800),
        _service("ECGR", "ECG", 10, 450),
        _service("DRES", "Dressing", 10, 250),
        _service("ORTH", "Orthopaedic consultation", 20, 850),
        _service("PHYS", "Physiotherapy session", 30, 700),
        _service("ENTC", "Ear, nose and throat consultation", 15, 750),
        _service("EYES", "Eye examination", 20, 700),
        _service("HART", "Cardiology consultation", 20, 1_100),
        _service("DENT", "Dental treatment", 30, 1_400),
    )
}


def doctors(how_many: int = USUAL_DOCTORS) -> tuple[Doctor, ...]:
    """So many doctors, the busiest first; there are at most `MOST_DOCTORS`."""
    return _EVERYBODY[:how_many]


def organization(how_many: int = USUAL_DOCTORS) -> Organization:
    """The clinic's profile, with a room for each of so many doctors."""
    rooms = tuple(Room(id=doctor.room_id, name=f"Room {n}") for n, doctor in enumerate(doctors(how_many), 1))
    return replace(ORGANIZATION, rooms=rooms)


def services_of(team: Sequence[Doctor]) -> list[HealthcareService]:
    """What these doctors offer."""
    codes = {code for doctor in team for code in (*doctor.extras, *(code for code, _ in doctor.services))}
    return [service for code, service in SERVICES.items() if code in codes]


@lru_cache(maxsize=1)
def practitioner_names() -> Mapping[str, str]:
    """The names of all doctors by their ids."""
    return {doctor.id: doctor.name for doctor in _EVERYBODY}
