"""The clinic that services work on: its stores, its clock and what every screen needs to know of it.

`open_clinic` is the one place where stores and the outside world are wired together.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pymongo import MongoClient
from pymongo.database import Database

from clinic_core.domain import clock
from clinic_core.domain import templates as words
from clinic_core.domain.access import Actor
from clinic_core.domain.audit import AuditEvent
from clinic_core.domain.carriers import Carrier
from clinic_core.domain.ids import derived_id, new_id
from clinic_core.domain.maintenance import MaintenanceWindow
from clinic_core.domain.messages import Channel, MessageKind, MessagePolicy, Template
from clinic_core.domain.organization import HealthcareService, Organization
from clinic_core.domain.payers import Payer
from clinic_core.domain.people import Practitioner
from clinic_core.domain.schedules import Schedule
from clinic_core.gateways.carriers import carriers
from clinic_core.gateways.console import ConsoleCarrier
from clinic_core.gateways.notifiers import Notifier, notifiers
from clinic_core.settings import Settings
from clinic_core.store import directory as reference
from clinic_core.store.alerts import Alerts
from clinic_core.store.appointments import Appointments
from clinic_core.store.audit import AuditEvents
from clinic_core.store.backups import Backups
from clinic_core.store.balances import Balances
from clinic_core.store.bulk import Bulk
from clinic_core.store.changes import Changes
from clinic_core.store.communications import Communications
from clinic_core.store.counters import Counters
from clinic_core.store.encounters import Encounters
from clinic_core.store.facts import Facts
from clinic_core.store.imports import Imports
from clinic_core.store.inbound import Inbound
from clinic_core.store.invoices import Invoices
from clinic_core.store.jobs import Jobs
from clinic_core.store.journal import Journal
from clinic_core.store.message_state import MessageState
from clinic_core.store.models import Models
from clinic_core.store.mongo import Document, connect, database_of, reaching
from clinic_core.store.opt_outs import OptOuts
from clinic_core.store.papers import Papers
from clinic_core.store.patients import Patients
from clinic_core.store.server_clock import ServerClock
from clinic_core.store.sessions import Sessions
from clinic_core.store.sign_in_failures import SignInFailures
from clinic_core.store.upkeep import Upkeep
from clinic_core.store.users import Users

DIRECTORY_SECONDS = 2.0
_READS_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryView:
    """What every screen needs to know of the clinic, read together. Shared and read-only."""

    organization: Organization
    practitioners: Mapping[str, Practitioner]  # by id, in order of name
    services: Mapping[str, HealthcareService]  # by id, in order of name
    schedules: Mapping[str, Schedule]  # by practitioner id
    payers: Mapping[str, Payer]  # by id, in order of name
    message_policy: MessagePolicy
    templates: Mapping[str, Template]  # by id: what the clinic saved, over the default words
    maintenance: tuple[MaintenanceWindow, ...] = ()
    last_work_at: datetime | None = None  # when a sidecar last finished a job

    def schedule(self, practitioner_id: str) -> Schedule:
        """The practitioner's hours; none at all when they were never entered."""
        return self.schedules.get(practitioner_id) or Schedule(id=practitioner_id)

    def template(self, kind: MessageKind, channel: Channel, language: str = "") -> Template:
        """The words of a message in the patient's language, or the nearest there is."""
        default = self.message_policy.default_language
        return words.find(self.templates, kind, channel, language or default, default=default)

    @property
    def active_practitioners(self) -> list[Practitioner]:
        """Those who see patients now."""
        return [p for p in self.practitioners.values() if p.active]

    @property
    def active_payers(self) -> list[Payer]:
        """Who can be chosen to pay now."""
        return [p for p in self.payers.values() if p.active]

    @property
    def active_services(self) -> list[HealthcareService]:
        """What can be booked now."""
        return [s for s in self.services.values() if s.active]


class AuditTrail:
    """Writes the audit lines of services. Reads of the same record by the same person count once an hour."""

    def __init__(self, store: AuditEvents, now: Callable[[], datetime]) -> None:
        self.store, self._now = store, now
        self._known: set[str] = set()

    def record(
        self,
        actor: Actor,
        action: str,
        record_id: str = "",
        *,
        patient_id: str | None = None,
        once: str = "",
        **detail: str,
    ) -> None:
        """Write that `actor` did `action` to a record. `detail` holds codes and numbers only.

        Where `once` names the very change, as by id and version, writing it again adds no second line.
        """
        key = _line_id(action, once) if once else new_id()
        self.store.add(self._event(key, actor, action, record_id=record_id, patient_id=patient_id, detail=detail))

    def written(self, action: str, onces: Iterable[str]) -> set[str]:
        """Which of these changes have their line."""
        ids = {_line_id(action, once): once for once in onces}
        return {ids[line] for line in self.store.existing(list(ids))}

    def record_read(self, actor: Actor, action: str, record_id: str, *, patient_id: str | None = None) -> None:
        """Write that `actor` saw a record, once an hour however often the screen is drawn."""
        parts = (actor.user_id, action, record_id, self._now().strftime("%Y-%m-%dT%H"))
        key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
        if key in self._known:
            return
        self.store.add(self._event(key, actor, action, record_id=record_id, patient_id=patient_id, detail={}))
        if len(self._known) >= _READS_REMEMBERED:
            self._known.clear()
        self._known.add(key)

    def _event(
        self,
        key: str,
        actor: Actor,
        action: str,
        *,
        record_id: str,
        patient_id: str | None,
        detail: Mapping[str, str],
    ) -> AuditEvent:
        return AuditEvent(
            id=key,
            at=self._now(),
            username=actor.username,
            role=actor.role.value,
            action=action,
            record_id=record_id,
            patient_id=patient_id,
            detail=dict(detail),
        )


def _line_id(action: str, once: str) -> str:
    return derived_id("audit", f"{action}:{once}")


class _DirectoryCache:
    """The last directory read, for at most `DIRECTORY_SECONDS`; it depends on nobody who asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._view: DirectoryView | None = None
        self._until = 0.0

    def get(self, read: Callable[[], DirectoryView]) -> DirectoryView:
        view = self._view
        if view is not None and time.monotonic() < self._until:
            return view
        with self._lock:
            if self._view is None or time.monotonic() >= self._until:
                self._view = read()
                self._until = time.monotonic() + DIRECTORY_SECONDS
            return self._view

    def forget(self) -> None:
        self._until = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clinic:
    """Stores, clock and settings, handed to every service."""

    settings: Settings
    client: MongoClient[Document]
    database: Database[Document]
    patients: Patients
    organization_store: reference.Directory[Organization]
    practitioners: reference.Directory[Practitioner]
    catalogue: reference.Directory[HealthcareService]
    schedules: reference.Directory[Schedule]
    payers: reference.Directory[Payer]
    message_policies: reference.Directory[MessagePolicy]
    templates: reference.Directory[Template]
    maintenance: reference.Directory[MaintenanceWindow]
    appointments: Appointments
    communications: Communications
    message_state: MessageState
    encounters: Encounters
    invoices: Invoices
    journal: Journal
    balances: Balances
    papers: Papers
    facts: Facts
    users: Users
    sessions: Sessions
    sign_in_failures: SignInFailures
    counters: Counters
    jobs: Jobs
    alerts: Alerts
    upkeep: Upkeep
    models: Models
    imports: Imports
    bulk: Bulk
    backups: Backups
    inbound: Inbound
    opt_outs: OptOuts
    changes: Changes
    audit: AuditTrail
    now: Callable[[], datetime]
    server_now: Callable[[], datetime]  # the database server's clock, which all sidecars share
    notifiers: Mapping[str, Notifier]  # by channel
    carriers: Mapping[Channel, Carrier]  # those that are set up
    console: Carrier  # for whom nobody may write to
    _cache: _DirectoryCache = field(default_factory=_DirectoryCache)

    def directory(self) -> DirectoryView:
        """The clinic, its practitioners, services and hours; at most two seconds old."""
        return self._cache.get(self._read_directory)

    def forget_directory(self) -> None:
        """Read the directory anew next time: call it after changing it."""
        self._cache.forget()

    def organization(self) -> Organization:
        """The clinic's profile; at most two seconds old."""
        return self.directory().organization

    @property
    def zone(self) -> ZoneInfo:
        """The clinic's time zone."""
        return self.organization().zone

    def today(self) -> date:
        """The clinic's local day."""
        return clock.local_day(self.now(), self.zone)

    def local(self, instant: datetime) -> datetime:
        """The instant on the clinic's wall clock."""
        return instant.astimezone(self.zone)

    def money(self, amount_minor: int) -> str:
        """The amount as the clinic writes it."""
        return self.organization().money(amount_minor)

    def ping(self) -> None:
        """Ask the database to answer; raises Unavailable."""
        with reaching():
            self.client.admin.command("ping")

    def close(self) -> None:
        """Give the connections back."""
        self.client.close()

    def _read_directory(self) -> DirectoryView:
        profile = next(iter(self.organization_store.all()), Organization())
        return DirectoryView(
            organization=profile,
            practitioners={p.id: p for p in sorted(self.practitioners.all(), key=lambda p: p.name.casefold())},
            services={s.id: s for s in sorted(self.catalogue.all(), key=lambda s: s.name.casefold())},
            schedules={s.id: s for s in self.schedules.all()},
            payers={p.id: p for p in sorted(self.payers.all(), key=lambda p: p.name.casefold())},
            message_policy=next(iter(self.message_policies.all()), MessagePolicy()),
            templates=words.merged({t.id: t for t in self.templates.all()}),
            maintenance=tuple(self.maintenance.all()),
            last_work_at=self.jobs.last_work_at(),
        )


def utc_now() -> datetime:
    """The present instant, cut to the millisecond that the database keeps."""
    return clock.utc(datetime.now(UTC))


def open_clinic(
    settings: Settings,
    *,
    url: str = "",
    now: Callable[[], datetime] = utc_now,
    server_now: Callable[[], datetime] | None = None,
) -> Clinic:
    """Wire the clinic of these settings; `url` names the server when it is not `settings.database_url`.

    Nothing is read yet: a database that is down shows when it is first used, as `Unavailable`.
    """
    client = connect(url or settings.database_url)
    database = database_of(client, settings.database_name)
    return Clinic(
        settings=settings,
        client=client,
        database=database,
        patients=Patients(database),
        organization_store=reference.organizations(database),
        practitioners=reference.practitioners(database),
        catalogue=reference.catalogue(database),
        schedules=reference.schedules(database),
        payers=reference.payers(database),
        message_policies=reference.message_policies(database),
        templates=reference.templates(database),
        maintenance=reference.maintenance_windows(database),
        appointments=Appointments(database),
        communications=Communications(database),
        message_state=MessageState(database),
        encounters=Encounters(database),
        invoices=Invoices(database),
        journal=Journal(database),
        balances=Balances(database),
        papers=Papers(database),
        facts=Facts(database),
        users=Users(database),
        sessions=Sessions(database),
        sign_in_failures=SignInFailures(database),
        counters=Counters(database),
        jobs=Jobs(database),
        alerts=Alerts(database),
        upkeep=Upkeep(database),
        models=Models(database),
        imports=Imports(database),
        bulk=Bulk(database),
        backups=Backups(database),
        inbound=Inbound(database),
        opt_outs=OptOuts(database),
        changes=Changes(database),
        audit=AuditTrail(AuditEvents(database), now),
        now=now,
        server_now=server_now or ServerClock(database),
        notifiers=notifiers(settings),
        carriers=carriers(settings),
        console=ConsoleCarrier(),
    )


def create_indexes(clinic: Clinic) -> None:
    """Make every index and counter that is not there yet; safe to repeat."""
    stores: tuple[Any, ...] = (
        clinic.patients,
        clinic.practitioners,
        clinic.catalogue,
        clinic.schedules,
        clinic.payers,
        clinic.message_policies,
        clinic.templates,
        clinic.appointments,
        clinic.communications,
        clinic.message_state,
        clinic.encounters,
        clinic.invoices,
        clinic.journal,
        clinic.balances,
        clinic.facts,
        clinic.users,
        clinic.sessions,
        clinic.sign_in_failures,
        clinic.counters,
        clinic.jobs,
        clinic.alerts,
        clinic.models,
        clinic.imports,
        clinic.backups,
        clinic.inbound,
        clinic.opt_outs,
        clinic.audit.store,
    )
    with reaching():
        for store in stores:
            store.create_indexes()
