"""The demo clinic: a believable clinic in an empty database, for trying out and for measuring.

The same seed gives the same clinic, as it would stand at the instant the load began. That instant is kept, so a load
that died is completed by loading again: what is there stays, what is missing is made again and added.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from clinic_core.clinic import Clinic
from clinic_core.domain import clock, demo
from clinic_core.domain.access import SYSTEM, Role
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.billing import Invoice
from clinic_core.domain.demo_setup import BUSIEST, DOCTORS, ORGANIZATION, SERVICES
from clinic_core.domain.encounters import Encounter
from clinic_core.domain.imports import BulkLoad
from clinic_core.domain.people import Patient
from clinic_core.errors import Conflict, InvalidInput
from clinic_core.services import facts, users

PASSWORD: Final = "clinic-demo"  # noqa: S105 - of the demo's users, told to everybody
DEFAULT_YEARS: Final = 0.5  # loads in about half a minute on a small machine
MOST_YEARS: Final = 10.0
DEFAULT_SEED: Final = 1
_LOAD_ID: Final = "demo"
_BATCH: Final = 1_000
_WAITING: Final = 4  # batches made ahead of the database
_USERS: Final = (
    ("admin", "Asha Admin", Role.ADMIN),
    ("manager", "Maya Manager", Role.MANAGER),
    ("reception", "Ravi Reception", Role.RECEPTIONIST),
    ("doctor", BUSIEST.name, Role.DOCTOR),
)
USERNAMES: Final = tuple(username for username, _, _ in _USERS)

Progress = Callable[[int, int], None]  # days done, days in all


@dataclass(slots=True, kw_only=True)
class Loaded:
    """How much a load has made; `completes` says of how many years an interrupted one was, if it completed one."""

    completes: float | None = None
    patients: int = 0
    appointments: int = 0
    encounters: int = 0
    invoices: int = 0


def is_empty(clinic: Clinic) -> bool:
    """Whether the demo may be loaded: nothing is there, or only what a load that died has left."""
    return _is_bare(clinic) or _died(clinic)


def is_loaded(clinic: Clinic) -> bool:
    """Whether this clinic is the demo, and so has its users (whose passwords may have been changed)."""
    load = clinic.imports.load(_LOAD_ID)
    return load is not None and load.finished


def load(
    clinic: Clinic, *, years: float = DEFAULT_YEARS, seed: int = DEFAULT_SEED, progress: Progress | None = None
) -> Loaded:
    """Fill an empty database with `years` of a clinic's work, up to now and with bookings ahead.

    Completes a load that died, with its own years, seed and instant. Raises Conflict in production and where the
    database holds anything else.
    """
    _require_allowed(clinic, years)
    wanted = BulkLoad(id=_LOAD_ID, years=years, seed=seed, as_of=clinic.now())
    begun = clinic.imports.begin(wanted)
    _set_up(clinic, begun)
    done = _load_days(clinic, begun, progress or (lambda done, total: None))
    facts.rebuild(clinic)
    _add_users(clinic)
    clinic.imports.finish(begun)
    done.completes = begun.years if begun != wanted else None
    clinic.audit.record(SYSTEM, "data.import", begun.id, kind="demo", visits=str(done.appointments))
    return done


def _require_allowed(clinic: Clinic, years: float) -> None:
    if clinic.settings.is_production:
        raise Conflict("The demo clinic cannot be loaded in production (APP_ENV=production).")
    if not 0 < years <= MOST_YEARS:
        raise InvalidInput(f"The demo can have more than 0 and up to {MOST_YEARS:.0f} years.", field="years")
    if not is_empty(clinic):
        raise Conflict(
            "This database holds records already, so the demo clinic is not loaded into it. "
            "Use another database or --data-dir."
        )


def _is_bare(clinic: Clinic) -> bool:
    stores = (clinic.organization_store, clinic.practitioners, clinic.catalogue)
    return (
        clinic.users.is_empty()
        and clinic.patients.count() == 0
        and clinic.appointments.is_empty()
        and not any(store.all() for store in stores)
    )


def _died(clinic: Clinic) -> bool:
    """Whether a load began and did not end. The demo's users come last, so nobody has worked here without them."""
    load = clinic.imports.load(_LOAD_ID)
    return load is not None and not load.finished and {user.username for user in clinic.users.all()} <= set(USERNAMES)


def _set_up(clinic: Clinic, load: BulkLoad) -> None:
    if not clinic.organization_store.all():
        clinic.organization_store.save(ORGANIZATION)
    for doctor in DOCTORS:
        clinic.practitioners.add(doctor.practitioner())
    for service in SERVICES.values():
        clinic.catalogue.add(service)
    for schedule in demo.schedules(load.as_of, load.years):
        clinic.schedules.add(schedule)
    clinic.forget_directory()


def _load_days(clinic: Clinic, load: BulkLoad, progress: Progress) -> Loaded:
    total = demo.how_many_days(load.as_of, load.years)
    with _writing() as later:
        pile = _Pile(clinic, load, later)
        for number, day in enumerate(demo.days(load.as_of, load.years, load.seed), start=1):
            pile.add(day)
            progress(number, total)
        pile.write(at_least=1)
    return pile.loaded


@dataclass(slots=True)
class _Pile:
    """Records that wait for a batch to be full."""

    clinic: Clinic
    load: BulkLoad
    later: Callable[[Callable[[], Any]], None]
    loaded: Loaded = field(default_factory=Loaded)
    patients: list[Patient] = field(default_factory=list)
    appointments: list[Appointment] = field(default_factory=list)
    encounters: list[Encounter] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)

    def add(self, day: demo.DemoDay) -> None:
        """Pile up a day, and write what makes a batch."""
        for name in ("patients", "appointments", "encounters", "invoices"):
            records = getattr(day, name)
            getattr(self, name).extend(records)
            setattr(self.loaded, name, getattr(self.loaded, name) + len(records))
        self.write(at_least=_BATCH)

    def write(self, *, at_least: int) -> None:
        """Hand on every kind of which there are so many; patients first, so that nothing refers to nobody."""
        today = clock.local_day(self.load.as_of, ORGANIZATION.zone)
        if len(self.patients) >= at_least:
            patients, self.patients = self.patients, []
            self.later(lambda: self._add_patients(patients))
        if len(self.appointments) >= at_least:
            visits, self.appointments = self.appointments, []
            self.later(lambda: self.clinic.appointments.add_many(visits, held_since=today, folded=True))
        if len(self.encounters) >= at_least:
            notes, self.encounters = self.encounters, []
            self.later(lambda: self.clinic.encounters.add_many(notes))
        if len(self.invoices) >= at_least:
            invoices, self.invoices = self.invoices, []
            self.later(lambda: self.clinic.invoices.add_many(invoices, folded=True))

    def _add_patients(self, patients: list[Patient]) -> None:
        self.clinic.counters.reach("patient", int(patients[-1].number.removeprefix("P-")))
        self.clinic.patients.add_many(patients)


@contextmanager
def _writing() -> Iterator[Callable[[Callable[[], Any]], None]]:
    """What hands a write to a second thread, so that records are made while the database works; in order."""
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(max_workers=1) as pool:

        def later(write: Callable[[], Any]) -> None:
            if len(waiting) >= _WAITING:
                waiting.popleft().result()
            waiting.append(pool.submit(write))

        try:
            yield later
            while waiting:
                waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _add_users(clinic: Clinic) -> None:
    for username, name, role in _USERS:
        if clinic.users.named(username) is None:
            practitioner_id = BUSIEST.id if role is Role.DOCTOR else None
            users.add(
                clinic,
                SYSTEM,
                username=username,
                name=name,
                role=role,
                password=PASSWORD,
                practitioner_id=practitioner_id,
            )
