"""A process that makes the demo clinic's records and writes them to stdout, ready to be inserted.

It runs beside the process that inserts them, so that neither the database nor the making of records waits for the
other. What it writes is a row of parcels: a line of JSON that says what follows and how long it is, then the bytes.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, BinaryIO, Final

from clinic_core.domain import clock, demo
from clinic_core.domain.appointments import Appointment
from clinic_core.domain.demo_setup import ORGANIZATION
from clinic_core.domain.journal import Entry
from clinic_core.services import fact_tables
from clinic_core.services.fact_memory import APPOINTMENTS, JOURNAL, block_id_of
from clinic_core.services.fact_tables import Tables
from clinic_core.store import bulk

_BATCH: Final = 1_000
_LETTERS: Final = ("communications", "inbound_messages", "opt_outs")
_KINDS: Final = ("patients", "appointments", "encounters", "invoices", "journal", "balances", *_LETTERS)


@dataclass(slots=True, kw_only=True)
class Maker:
    """Records that wait for a parcel to be full."""

    out: BinaryIO
    today: date
    batch: int = _BATCH
    _piles: dict[str, list[Any]] = field(default_factory=lambda: {kind: [] for kind in _KINDS})
    _month: str = ""
    _visits: list[Appointment] = field(default_factory=list)  # of the month, as are the entries
    _entries: list[Entry] = field(default_factory=list)

    def add(self, day: demo.DemoDay) -> None:
        """Pile up a day; patients first, so that nothing refers to nobody."""
        if day.day.isoformat()[:7] != self._month:
            self._send_facts()
            self._month = day.day.isoformat()[:7]
        self._visits.extend(day.appointments)
        self._entries.extend(day.entries)
        letters = (day.messages, day.replies, day.opt_outs)
        money = (day.invoices, day.entries, day.balances)
        records = (day.patients, day.appointments, day.encounters, *money, *letters)
        for kind, made in zip(_KINDS, records, strict=True):
            self._piles[kind].extend(made)
        self._write(at_least=self.batch)

    def end(self) -> None:
        """Write what is left."""
        self._send_facts()
        self._write(at_least=1)

    def _write(self, *, at_least: int) -> None:
        """Write a parcel of every kind of which there are so many."""
        for kind, pile in self._piles.items():
            if len(pile) >= at_least:
                self._send(kind, pile)
                pile.clear()

    def done(self, days: int) -> None:
        """Tell how many days are made."""
        self._parcel({"days": days}, b"")

    def _send(self, kind: str, pile: Sequence[Any]) -> None:
        visits = kind == "appointments"
        payload = bulk.packed_visits(pile, held_since=self.today) if visits else bulk.packed(kind, pile)
        last = int(pile[-1].number.removeprefix("P-")) if kind == "patients" else 0
        self._parcel({"kind": kind, "count": len(pile), "last": last}, payload)

    def _send_facts(self) -> None:
        """The facts of a month that is over: what `facts.rebuild` would make of its records, without reading them."""
        zone = ORGANIZATION.zone
        if self._visits:
            self._send_block(APPOINTMENTS, fact_tables.of_appointments(self._visits, zone))
        if self._entries:
            self._send_block(JOURNAL, fact_tables.of_entries(self._entries, {}))  # none touches two invoices
        self._visits, self._entries = [], []

    def _send_block(self, source: str, tables: Tables) -> None:
        streams = fact_tables.encode(tables)
        sizes = {name: len(stream) for name, stream in streams.items()}
        self._parcel({"block": block_id_of(source, self._month), "tables": sizes}, b"".join(streams.values()))

    def _parcel(self, head: dict[str, Any], payload: bytes) -> None:
        self.out.write(json.dumps({**head, "size": len(payload)}).encode() + b"\n")
        self.out.write(payload)
        self.out.flush()


def main() -> int:
    """Make the demo that is described on the command line; the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the reader's to deal with
    wanted = json.loads(sys.argv[1])
    now = datetime.fromisoformat(wanted["as_of"])
    maker = Maker(out=sys.stdout.buffer, today=clock.local_day(now, ORGANIZATION.zone), batch=wanted["batch"])
    try:
        for number, day in enumerate(demo.days(now, wanted["years"], wanted["seed"], wanted["practitioners"]), start=1):
            maker.add(day)
            maker.done(number)
        maker.end()
    except BrokenPipeError:  # the reader has gone; there is nobody to tell
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
