"""One desk that books, moves and cancels at random until it is killed: ``python -m tests.faults.desk URL LOG SEED``.

Before each change it writes what it is about to do to its log, and afterwards what it was told, each on disk before
it goes on. So whatever the log says was acknowledged must be in the database for ever.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from time import sleep
from typing import Any

from clinic_core.clinic import Clinic, open_clinic
from clinic_core.domain import clock
from clinic_core.domain.access import Role
from clinic_core.domain.appointments import Appointment, AppointmentStatus, CancelReason
from clinic_core.domain.ids import new_id
from clinic_core.errors import ClinicError, Unavailable
from clinic_core.services import appointments
from clinic_core.settings import Settings
from tests import make
from tests.faults.rig import Log

DAYS = 3  # so few that the desks get into each other's way


class Desk:
    """Somebody at the front desk who never rests."""

    def __init__(self, clinic: Clinic, log: Log, chance: random.Random) -> None:
        self.clinic, self.log, self.chance = clinic, log, chance
        self.actor = make.actor(Role.RECEPTIONIST, name=f"desk-{os.getpid()}")
        self.patients = [patient.id for patient in clinic.patients.latest(100)]
        self.practitioners = list(clinic.directory().practitioners)
        self.services = list(clinic.directory().services)

    def work(self) -> None:
        """One change: half of them bookings, the others of any visit on a random day, one's own or not."""
        if self.chance.random() < 0.5:
            self.book()
            return
        seen = self.clinic.appointments.on_day(self._day())
        open_ones = [a for a in seen if a.status is AppointmentStatus.BOOKED]
        if not open_ones:
            return
        before = self.chance.choice(open_ones)
        if self.chance.random() < 0.5:
            self.move(before)
        else:
            self.cancel(before)

    def book(self) -> None:
        """A random patient with a random practitioner at a random time."""
        wanted = appointments.draft(
            self.clinic,
            appointment_id=new_id(),
            patient_id=self.chance.choice(self.patients),
            practitioner_id=self.chance.choice(self.practitioners),
            service_id=self.chance.choice(self.services),
            start=self._start(),
            minutes=5 * self.chance.randint(1, 9),
        )
        self._try("book", wanted.id, lambda: appointments.book(self.clinic, self.actor, wanted))

    def move(self, before: Appointment) -> None:
        """To a random time, half of the time with somebody else."""
        to = self.chance.choice(self.practitioners) if self.chance.random() < 0.5 else None
        start = self._start()
        self._try(
            "move",
            before.id,
            lambda: appointments.move(self.clinic, self.actor, before, start=start, practitioner_id=to),
        )

    def cancel(self, before: Appointment) -> None:
        """The patient called."""
        self._try(
            "cancel",
            before.id,
            lambda: appointments.cancel(self.clinic, self.actor, before, CancelReason.PATIENT),
        )

    def _try(self, what: str, record_id: str, change: Callable[[], Appointment]) -> None:
        self.log.write("trying", change=what, id=record_id)
        while True:
            try:
                done = change()
            except Unavailable:
                self.log.write("unavailable", change=what, id=record_id)
                sleep(0.2)
            except ClinicError as error:
                self.log.write("refused", change=what, id=record_id, why=type(error).__name__)
                return
            else:
                self.log.write("done", change=what, **state(done))
                return

    def _day(self) -> date:
        return self.clinic.today() + timedelta(days=self.chance.randint(1, DAYS))

    def _start(self) -> datetime:
        at = time(self.chance.randint(8, 18), 5 * self.chance.randrange(12))  # now and then outside the hours
        return clock.at_local(self._day(), at, self.clinic.zone)


def state(appointment: Appointment) -> dict[str, Any]:
    """What an acknowledgement says: which version, and the event that made it."""
    last = appointment.events[-1]
    return {
        "id": appointment.id,
        "version": appointment.version,
        "kind": last.kind,
        "status": last.status.value,
        "start": last.start.isoformat(),
        "by": last.by,
    }


def main(url: str, log: str, seed: str) -> None:
    """Work until killed; a database that is away is waited for."""
    clinic = open_clinic(Settings(database_url=url))
    desk: Desk | None = None
    while True:
        try:
            desk = desk or Desk(clinic, Log(Path(log)), random.Random(seed))
            desk.work()
        except Unavailable:
            sleep(0.2)


if __name__ == "__main__":
    main(*sys.argv[1:])
