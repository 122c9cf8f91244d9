"""The demo clinic: a believable clinic in an empty database, for trying out and for measuring.

The same seed gives the same clinic, as it would stand at the instant the load began. That instant is kept, so a load
that died is completed by loading again: what is there stays, what is missing is made again and added. A process of its
own makes the records and the reports' facts (`clinic_core.demo_process`); this one hands them to the database.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

from clinic_core.clinic import Clinic
from clinic_core.domain import demo, demo_messages
from clinic_core.domain.access import SYSTEM, Role
from clinic_core.domain.demo_setup import (
    BUSIEST,
    MOST_DOCTORS,
    PAYERS,
    USUAL_DOCTORS,
    doctors,
    organization,
    services_of,
)
from clinic_core.domain.facts import Block
from clinic_core.domain.ids import new_id
from clinic_core.domain.imports import BulkLoad
from clinic_core.errors import Conflict, InvalidInput
from clinic_core.services import users
from clinic_core.services.fact_tables import SHAPE

PASSWORD: Final = "clinic-demo"  # noqa: S105 - of the demo's users, told to everybody
DEFAULT_YEARS: Final = 0.5  # loads in about half a minute on a small machine
MOST_YEARS: Final = 10.0
DEFAULT_SEED: Final = 1
DEFAULT_PRACTITIONERS: Final = USUAL_DOCTORS
_LOAD_ID: Final = "demo"
_BATCH: Final = 1_000
_WAITING: Final = 8  # parcels made ahead of the database
_USERS: Final = (
    ("admin", "Asha Admin", Role.ADMIN),
    ("manager", "Maya Manager", Role.MANAGER),
    ("reception", "Ravi Reception", Role.RECEPTIONIST),
    ("doctor", BUSIEST.name, Role.DOCTOR),
)
USERNAMES: Final = tuple(username for username, _, _ in _USERS)

_ROOT: Final = Path(__file__).resolve().parents[2]
_Parcel: TypeAlias = tuple[dict[str, Any], bytes]  # what it holds, and that

Progress = Callable[[int, int], None]  # days done, days in all


@dataclass(slots=True, kw_only=True)
class Loaded:
    """How much a load has made; `completes` says of how many years an interrupted one was, if it completed one."""

    completes: float | None = None
    patients: int = 0
    appointments: int = 0
    encounters: int = 0
    invoices: int = 0
    journal: int = 0
    balances: int = 0
    communications: int = 0
    inbound_messages: int = 0
    opt_outs: int = 0


def is_empty(clinic: Clinic) -> bool:
    """Whether the demo may be loaded: nothing is there, or only what a load that died has left."""
    return _is_bare(clinic) or _died(clinic)


def is_loaded(clinic: Clinic) -> bool:
    """Whether this clinic is the demo, and so has its users (whose passwords may have been changed)."""
    load = clinic.imports.load(_LOAD_ID)
    return load is not None and load.finished


def load(
    clinic: Clinic,
    *,
    years: float = DEFAULT_YEARS,
    seed: int = DEFAULT_SEED,
    practitioners: int = DEFAULT_PRACTITIONERS,
    progress: Progress | None = None,
) -> Loaded:
    """Fill an empty database with `years` of a clinic's work, up to now and with bookings ahead.

    Completes a load that died, with its own years, seed, size and instant. Raises Conflict in production and where
    the database holds anything else.
    """
    _require_allowed(clinic, years, practitioners)
    wanted = BulkLoad(id=_LOAD_ID, years=years, seed=seed, practitioners=practitioners, as_of=clinic.now())
    begun = clinic.imports.begin(wanted)
    _set_up(clinic, begun)
    done = _load_all(clinic, begun, progress or (lambda done, total: None))
    clinic.message_state.set_planned_version(demo_messages.POLICY.version)  # the visits to come have their messages
    _add_users(clinic)
    clinic.imports.finish(begun)
    done.completes = begun.years if begun != wanted else None
    clinic.audit.record(SYSTEM, "data.import", begun.id, kind="demo", visits=str(done.appointments))
    return done


def _require_allowed(clinic: Clinic, years: float, practitioners: int) -> None:
    if clinic.settings.is_production:
        raise Conflict("The demo clinic cannot be loaded in production (APP_ENV=production).")
    if not 0 < years <= MOST_YEARS:
        raise InvalidInput(f"The demo can have more than 0 and up to {MOST_YEARS:.0f} years.", field="years")
    if not 1 <= practitioners <= MOST_DOCTORS:
        raise InvalidInput(f"The demo can have 1 to {MOST_DOCTORS} practitioners.", field="practitioners")
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
    team = doctors(load.practitioners)
    if not clinic.organization_store.all():
        clinic.organization_store.save(organization(load.practitioners))
    for doctor in team:
        clinic.practitioners.add(doctor.practitioner())
    for service in services_of(team):
        clinic.catalogue.add(service)
    for payer in PAYERS.values():
        clinic.payers.add(payer)
    for schedule in demo.schedules(load.as_of, load.years, load.practitioners):
        clinic.schedules.add(schedule)
    if not clinic.message_policies.all():
        clinic.message_policies.add(demo_messages.POLICY)
    clinic.forget_directory()


def _load_all(clinic: Clinic, load: BulkLoad, progress: Progress) -> Loaded:
    loaded, days = Loaded(), demo.how_many_days(load.as_of, load.years)
    with closing(_Maker(load)) as maker:
        for head, payload in maker.parcels():
            if "days" in head:
                progress(head["days"], days)
            elif "block" in head:
                _save_facts(clinic, head, payload)
            else:
                _save_records(clinic, head, payload, loaded)
    clinic.facts.publish()
    return loaded


def _save_records(clinic: Clinic, head: dict[str, Any], payload: bytes, loaded: Loaded) -> None:
    kind, count = head["kind"], head["count"]
    if head["last"]:
        clinic.counters.reach("patient", head["last"])
    clinic.bulk.insert(kind, payload)
    setattr(loaded, kind, getattr(loaded, kind) + count)


def _save_facts(clinic: Clinic, head: dict[str, Any], payload: bytes) -> None:
    """A month's block, in place of what a load that died has left."""
    tables, at = {}, 0
    for name, size in head["tables"].items():
        tables[name] = payload[at : at + size]
        at += size
    block = Block(stamp=new_id(), shape=SHAPE, tables=tables)
    while not clinic.facts.replace(head["block"], block, before=clinic.facts.stamp(head["block"])):
        continue


class _Maker:
    """A process that makes a load's records; its parcels are read ahead of whoever takes them."""

    def __init__(self, load: BulkLoad) -> None:
        wanted = {
            "as_of": load.as_of.isoformat(),
            "years": load.years,
            "seed": load.seed,
            "practitioners": load.practitioners,
            "batch": _BATCH,
        }
        program = [sys.executable, "-m", "clinic_core.demo_process", json.dumps(wanted)]
        self._process = subprocess.Popen(program, stdout=subprocess.PIPE, cwd=_ROOT)  # noqa: S603 - our own module
        self._ready: queue.Queue[_Parcel | None] = queue.Queue(_WAITING)
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    def parcels(self) -> Iterator[_Parcel]:
        """What is made, in order; raises RuntimeError when the process failed."""
        while (parcel := self._ready.get()) is not None:
            yield parcel
        if self._process.wait():
            raise RuntimeError("the process that makes the demo's records failed; its own message is above")

    def close(self) -> None:
        """End the process, whether it is done or not."""
        self._process.kill()
        self._process.wait()
        while not self._ready.empty():  # whoever waits to put something more can go on, and ends
            self._ready.get()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while line := stream.readline():
                head = json.loads(line)
                payload = stream.read(head["size"])
                if len(payload) == head["size"]:
                    self._ready.put((head, payload))
        self._ready.put(None)


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
