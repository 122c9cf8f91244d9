"""``bench reminders``: sends thousands of reminders while sidecars and database are killed and the carrier fails.

Then it is counted at the carrier, by the visits and not by the outbox: each visit that stayed as it was has exactly one
reminder, within its lead window; none that was cancelled or moved has one for its old time after that was acknowledged.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from clinic_core.bench.crew import Crew, Log
from clinic_core.bench.twilio_server import ACCOUNT, FROM, TOKEN, Fault, Sms, TwilioServer
from clinic_core.clinic import Clinic, create_indexes, open_clinic, utc_now
from clinic_core.domain import clock
from clinic_core.domain.access import SYSTEM
from clinic_core.domain.appointments import MOVED, Appointment, AppointmentEvent, AppointmentStatus, CancelReason
from clinic_core.domain.ids import new_id
from clinic_core.domain.messages import Channel, MessageKind, MessagePolicy
from clinic_core.domain.people import Patient
from clinic_core.domain.reminding import LAST_CALL
from clinic_core.embedded import Server
from clinic_core.errors import ClinicError, Unavailable
from clinic_core.folder import DataFolder
from clinic_core.gateways.sms import TwilioCarrier
from clinic_core.services import appointments, messages, sending
from clinic_core.services.send_results import Pace
from clinic_core.settings import Settings

LEAD_MINUTES: Final = 120
SIDECARS: Final = 3
PACE: Final = Pace(
    claim_holds=timedelta(seconds=2),
    patience=timedelta(seconds=6),
    first_delay=timedelta(seconds=1),
    record=timedelta(seconds=8),
)
CHANCES: Final = {
    Fault.BUSY: 0.04,
    Fault.ERROR_BEFORE: 0.04,
    Fault.ERROR_AFTER: 0.04,
    Fault.HANG_BEFORE: 0.01,
    Fault.HANG_AFTER: 0.01,
    Fault.CUT_AFTER: 0.02,
}
_TIMEOUT: Final = 1.0
_SKEWS: Final = (0, 90, -90)  # seconds by which the sidecars' own clocks are wrong
_IN_FLIGHT: Final = PACE.claim_holds + timedelta(seconds=0.5)  # what was being handed over when the desk cancelled
_EARLY: Final = timedelta(seconds=1)  # between two clocks of one machine
_CHANGED: Final = 0.1  # of the visits: half of them cancelled, half moved
_STILL_SECONDS: Final = 60.0  # without any progress, after which what is left counts as lost
_CUT_EVERY: Final = 30.0  # seconds, of the database in a long campaign
_READY_SECONDS: Final = 60.0
_PLANNED_A_SECOND: Final = 20  # visits, on a busy machine, before the first reminder is due
_AT_ONCE: Final = 500
_EVERY: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much, for how long. `server` is killed too where it is given."""

    url: str
    folder: Path
    messages: int
    seconds: float
    server: Server | None = None
    outages: tuple[tuple[float, float], ...] = ((1 / 3, 0.5), (2 / 3, 3.0))  # when, and for how long
    kill_every: float = 1.0
    seed: int = 1
    chances: dict[Fault, float] = field(default_factory=lambda: dict(CHANCES))

    @property
    def head_start(self) -> float:
        """Seconds for the sidecars to plan the visits, while they are killed, before the first reminder is due."""
        return self.messages / _PLANNED_A_SECOND


@dataclass(slots=True, kw_only=True)
class Result:
    """What was counted. The first four lines are to be 0."""

    lost: int = 0
    twice: int = 0
    late: int = 0
    after_change: int = 0  # about a time that the desk had taken back
    sent: int = 0
    visits: int = 0
    changed: int = 0
    latest_seconds: float = 0.0  # how long after it was due the latest one was taken
    sidecars_killed: int = 0
    database_killed: int = 0
    seconds: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Whether every patient got what they were to get, once and in time."""
        return self.lost == self.twice == self.late == self.after_change == 0

    def shown(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(slots=True)
class _Visit:
    """What a visit was and became; `changed_at` is when that was acknowledged."""

    phone: str
    start: datetime
    new_start: datetime | None = None
    changed_at: datetime | None = None


def run(plan: Plan) -> Result:
    """Send, kill, wait until everything has settled, and count."""
    clinic = open_clinic(Settings(database_url=plan.url))
    begun = time.monotonic()
    _decide(clinic)
    with TwilioServer(chances=plan.chances, hang_seconds=_TIMEOUT * 1.5, seed=plan.seed) as carrier:
        crew = Crew("clinic_core.campaign", plan.url, plan.folder, carrier.url, preload=("babel.dates", "twilio.rest"))
        _start(crew)
        visits = _prepare(clinic, plan)
        killed, cuts = _havoc(clinic, plan, crew, visits)
        _drain(clinic)
        for _ in range(SIDECARS):
            crew.kill(0)
        result = _counted(clinic, visits, carrier.messages)
        result.faults, result.requests = dict(carrier.faults), dict(carrier.requests)
    result.sidecars_killed, result.database_killed = killed, cuts
    result.seconds = round(time.monotonic() - begun, 1)
    clinic.close()
    return result


def run_alone(*, minutes: float, messages: int, seed: int) -> Result:
    """The same on a database of its own that is thrown away, killed twice a minute."""
    seconds = 60 * minutes
    times = max(int(seconds / _CUT_EVERY), 1)
    outages = tuple(((number + 1) / (times + 1), 0.5 if number % 2 else 3.0) for number in range(times))
    with TemporaryDirectory() as name:
        folder = DataFolder(Path(name) / "data")
        folder.prepare()
        server = Server(folder)
        server.start()
        try:
            return run(
                Plan(
                    url=server.url,
                    folder=Path(name),
                    messages=messages,
                    seconds=seconds,
                    server=server,
                    outages=outages,
                    kill_every=2.0,
                    seed=seed,
                )
            )
        finally:
            server.stop()


# --- one sidecar -----------------------------------------------------------------------------------------------------


def main(url: str, log_path: str, seed: str, carrier_url: str) -> None:
    """Plan and send until killed; a database that is away is waited for. Its own clock may be wrong."""
    skew = timedelta(seconds=_SKEWS[int(seed) % len(_SKEWS)])
    clinic = _sender(url, carrier_url, lambda: utc_now() + skew)
    logging.getLogger("clinic_core").setLevel(logging.ERROR)  # it fails on purpose
    lines = Log(Path(log_path))
    lines.write("ready")
    while True:
        try:
            messages.plan(clinic)
            settled = sending.reconcile(clinic, pace=PACE)
            sent = sending.send_due(clinic, pace=PACE, most=20)
        except Unavailable:
            time.sleep(0.1)
            continue
        except ClinicError as error:
            lines.write("failed", error=type(error).__name__)
            continue
        if sent or settled:
            lines.write("sent", sent=sent, settled=settled)
        else:
            time.sleep(0.1)


def _sender(url: str, carrier_url: str, now: Callable[[], datetime]) -> Clinic:
    settings = Settings(
        database_url=url,
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=TOKEN,
        twilio_phone_number=FROM,
        twilio_api_url=carrier_url,
        messages_to=("everybody",),
    )
    sms = TwilioCarrier(settings, Channel.SMS, FROM, timeout=_TIMEOUT)
    return replace(open_clinic(settings, now=now), carriers={Channel.SMS: sms})


# --- the clinic ------------------------------------------------------------------------------------------------------


def _decide(clinic: Clinic) -> None:
    """One reminder of each visit, at any hour."""
    create_indexes(clinic)
    policy = MessagePolicy(
        kinds=(MessageKind.REMINDER,),
        reminder_minutes=(LEAD_MINUTES,),
        quiet_from=clinic.directory().message_policy.quiet_until,
        messages_per_second=100,
    )
    clinic.message_policies.save(policy)
    clinic.forget_directory()


def _start(crew: Crew) -> None:
    """All sidecars, once each has loaded what it needs: on a busy machine that takes longer than a campaign."""
    for _ in range(SIDECARS):
        crew.start()
    deadline = time.monotonic() + _READY_SECONDS
    while not all(crew.worked(number, least=1) for number in range(SIDECARS)):
        if time.monotonic() > deadline:
            raise Unavailable("The sidecars of the campaign did not start. Is this machine busy?")
        time.sleep(0.05)


def _prepare(clinic: Clinic, plan: Plan) -> dict[str, _Visit]:
    """Patients with a number each, and visits whose reminders come due one after the other while it goes on."""
    now = clinic.now()
    patients = [_patient(number, now) for number in range(plan.messages)]
    first = now + timedelta(minutes=LEAD_MINUTES, seconds=plan.head_start)
    step = timedelta(seconds=plan.seconds * 0.8) / plan.messages
    made = [_visit(clinic, one, first + step * number, number) for number, one in enumerate(patients)]
    for at in range(0, plan.messages, _AT_ONCE):
        clinic.patients.add_many(patients[at : at + _AT_ONCE])
        clinic.appointments.add_many(made[at : at + _AT_ONCE])
    phones = {patient.id: patient.phone for patient in patients}
    return {visit.id: _Visit(phones[visit.patient_id], visit.start) for visit in made}


def _patient(number: int, now: datetime) -> Patient:
    return Patient(
        id=new_id(), number=f"P-{number:06d}", name=f"Patient {number}", phone=f"+9198{number:08d}", created_at=now
    )


def _visit(clinic: Clinic, patient: Patient, start: datetime, number: int) -> Appointment:
    """Five minutes with somebody who is free then: nobody in the campaign takes another's time."""
    start, booked = clock.utc(start), clock.utc(start - timedelta(days=1))
    first = AppointmentEvent(at=booked, by="campaign", kind="imported", status=AppointmentStatus.BOOKED, start=start)
    return Appointment(
        id=new_id(),
        patient_id=patient.id,
        practitioner_id=f"dr-{number:05d}",
        service_id="service",
        start=start,
        minutes=5,
        day=clock.local_day(start, clinic.zone),
        booked_at=booked,
        events=(first,),
    )


class _Desk:
    """Cancels and moves visits beside it all, each a while before its reminder or just when it goes out."""

    def __init__(self, clinic: Clinic, visits: dict[str, _Visit], plan: Plan) -> None:
        self._clinic, self._visits = clinic, visits
        self._chance = random.Random(plan.seed)  # noqa: S311 - a campaign, no secret
        chosen = [one for one in visits if self._chance.random() < _CHANGED]
        lead = timedelta(minutes=LEAD_MINUTES)
        moments = ((visits[one].start - lead + timedelta(seconds=self._chance.uniform(-3, 0.2)), one) for one in chosen)
        self._todo = sorted(moments)

    def work(self) -> None:
        """Until everything that was chosen is done."""
        for at, visit_id in self._todo:
            time.sleep(max(0.0, (at - self._clinic.now()).total_seconds()))
            cancels = self._chance.random() < 1 / 2
            while not self._done(visit_id, cancels=cancels):
                time.sleep(0.1)

    def _done(self, visit_id: str, *, cancels: bool) -> bool:
        visit = self._visits[visit_id]
        try:
            before = self._clinic.appointments.get(visit_id)
            if before.version > 1:  # it was done, and the answer lost
                after = before
            elif cancels:
                after = appointments.cancel(self._clinic, SYSTEM, before, CancelReason.PATIENT)
            else:
                after = _moved(self._clinic, before)
                messages.after(self._clinic, after)
        except ClinicError:
            return False
        visit.new_start = None if after.status is AppointmentStatus.CANCELLED else after.start
        visit.changed_at = self._clinic.now()
        return True


def _moved(clinic: Clinic, before: Appointment) -> Appointment:
    """To five minutes and a bit later: its reminder comes due anew while the campaign goes on."""
    start = before.start + timedelta(seconds=5)
    event = AppointmentEvent(at=before.events[0].at, by="campaign", kind=MOVED, status=before.status, start=start)
    after = replace(before, start=start, day=clock.local_day(start, clinic.zone))
    return clinic.appointments.change(before, after, event)


# --- faults ----------------------------------------------------------------------------------------------------------


def _havoc(clinic: Clinic, plan: Plan, crew: Crew, visits: dict[str, _Visit]) -> tuple[int, int]:
    """Kill sidecars and the database for as long as it goes; how many of each."""
    begin, killed, chance = time.monotonic(), 0, random.Random(plan.seed)  # noqa: S311
    desk = threading.Thread(target=_Desk(clinic, visits, plan).work, daemon=True)
    cuts: list[int] = []
    outages = threading.Thread(target=lambda: cuts.extend(_cut(plan, begin)), daemon=True)
    desk.start()
    outages.start()
    while time.monotonic() < begin + plan.head_start + plan.seconds or outages.is_alive():
        time.sleep(chance.uniform(0.5, 1.5) * plan.kill_every)
        victim = chance.randrange(SIDECARS)
        if crew.worked(victim, least=1):
            crew.kill(victim)
            crew.start()
            killed += 1
    desk.join()
    return killed, len(cuts)


def _cut(plan: Plan, begin: float) -> list[int]:
    """Kill the database in the middle of its work and start it again where it was."""
    done = []
    for part, away in plan.outages if plan.server else ():
        server = plan.server
        if server is None or server.child.pid is None:
            break
        time.sleep(max(0.0, begin + (plan.head_start + plan.seconds) * part - time.monotonic()))
        os.kill(server.child.pid, signal.SIGKILL)
        time.sleep(away)
        server.start()
        done.append(server.child.pid or 0)
    return done


def _drain(clinic: Clinic) -> None:
    """Wait until nothing is due or in the balance, or nothing moves any more."""
    left, since = -1, time.monotonic()
    while left and time.monotonic() - since < _STILL_SECONDS:
        soon = clinic.server_now() + timedelta(minutes=1)
        waiting = len(clinic.communications.waiting(soon, most=_EVERY))
        marked = len(clinic.appointments.with_open_messages(most=_EVERY))
        now = waiting + marked + len(clinic.communications.in_progress())
        if now != left:
            left, since = now, time.monotonic()
        time.sleep(0.5)


# --- counting --------------------------------------------------------------------------------------------------------


def _counted(clinic: Clinic, visits: dict[str, _Visit], taken: list[Sms]) -> Result:
    """Compare what the carrier took with what each visit asked for; of which time a text speaks, the outbox knows."""
    starts = {one.record.reference: one.record.about_start for one in clinic.communications.every() if one.record}
    by_phone: dict[str, list[tuple[datetime | None, datetime]]] = {}
    for sms in taken:
        by_phone.setdefault(sms.to, []).append((starts[sms.body.rpartition("Ref ")[2][:6]], sms.at))
    result = Result(visits=len(visits), sent=len(taken))
    for visit in visits.values():
        got = by_phone.get(visit.phone, [])
        result.changed += visit.changed_at is not None
        wanted = visit.start if visit.changed_at is None else visit.new_start
        _count_wanted(result, wanted, [at for start, at in got if start == wanted])
        _count_others(result, visit, [at for start, at in got if start != wanted])
    result.latest_seconds = round(result.latest_seconds, 1)
    return result


def _count_wanted(result: Result, start: datetime | None, got: list[datetime]) -> None:
    """The one reminder of the time that a visit has now."""
    if start is None:
        return
    due = start - timedelta(minutes=LEAD_MINUTES)
    result.lost += not got
    result.twice += max(len(got) - 1, 0)
    for at in got:
        result.late += not due - _EARLY <= at < start - LAST_CALL
        result.latest_seconds = max(result.latest_seconds, (at - due).total_seconds())


def _count_others(result: Result, visit: _Visit, got: list[datetime]) -> None:
    """At most one reminder of a time that the visit had before, and that only before it was taken back."""
    result.twice += max(len(got) - 1, 0)
    result.after_change += sum(visit.changed_at is None or at > visit.changed_at + _IN_FLIGHT for at in got)


if __name__ == "__main__":
    main(*sys.argv[1:])
