"""Importing foreign files: all of it or told why not, once however often it is run."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain import imports as rules
from clinic_core.domain.access import SYSTEM
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.billing import InvoiceStatus, PaymentMethod
from clinic_core.domain.ids import derived_id
from clinic_core.domain.import_fields import Kind
from clinic_core.domain.import_rows import Finding
from clinic_core.domain.import_values import DateOrder
from clinic_core.domain.journal import Entry, Event, close_slot, invoice_account
from clinic_core.domain.people import Sex
from clinic_core.errors import Forbidden, InvalidInput, NotFound, Unavailable
from clinic_core.services import appointments, billing, check, facts, imports
from clinic_core.services.import_files import UnusableFile
from tests import make
from tests.conftest import World

NO_SHOW_HEADER = (
    "PatientId,AppointmentID,Gender,ScheduledDay,AppointmentDay,Age,Neighbourhood,Scholarship,Hipertension,"
    "Diabetes,Alcoholism,Handcap,SMS_received,No-show\n"
)
NO_SHOW_ROWS = """29872499824296,5642903,F,2016-04-29T18:38:08Z,2016-04-29T00:00:00Z,62,JARDIM DA PENHA,0,1,0,0,0,0,No
39217.84439,5642503,M,2016-04-29T00:00:00Z,2016-04-30T00:00:00Z,56,SÃO PEDRO,0,0,0,0,0,0,Yes
29872499824296,5642549,F,2016-04-29T16:19:04Z,2016-05-02T00:00:00Z,62,MATA DA PRAIA,0,0,0,0,0,0,No
4262962299951,5642828,F,2016-04-29T17:29:31Z,2016-05-03T00:00:00Z,-1,REPÚBLICA,0,0,0,0,0,0,No
867951213174,5642494,M,2016-05-05T00:00:00Z,2016-05-04T00:00:00Z,115,REPÚBLICA,0,1,1,0,0,0,Yes
"""
NO_SHOW_FILE = NO_SHOW_HEADER + NO_SHOW_ROWS
MAPPED = (
    "PatientId=patient_id",
    "AppointmentID=appointment_id",
    "Gender=sex",
    "ScheduledDay=booked_at",
    "AppointmentDay=day",
    "Age=age",
    "Neighbourhood=address",
    "No-show=status",
)
CODED = ("status:No=fulfilled", "status:Yes=noshow")


@dataclass
class Desk:
    """Writes files and imports them."""

    clinic: Clinic
    folder: Path
    told: list[Finding] = field(default_factory=list)

    def file(self, text: str | bytes, name: str = "file.csv") -> Path:
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def run(self, kind: Kind, text: str | bytes, *, dry_run: bool = False, **how: Any) -> imports.Summary:
        path = self.file(text)
        wanted = rules.mapping(
            kind,
            columns=how.get("map_", ()),
            constants=how.get("set_", ()),
            codes=how.get("value", ()),
            order=how.get("order"),
        )
        self.told.clear()
        return imports.run(self.clinic, SYSTEM, imports.plan(path, wanted), dry_run=dry_run, tell=self.told.append)

    @property
    def refusals(self) -> list[tuple[int, str, str]]:
        return [(f.row, f.column, f.problem) for f in self.told if f.refused]

    @property
    def warnings(self) -> list[tuple[int, str]]:
        return [(f.row, f.column) for f in self.told if not f.refused]


@pytest.fixture
def desk(world: World, tmp_path: Path) -> Desk:
    return Desk(clinic=world.clinic, folder=tmp_path)


def counts(summary: imports.Summary) -> tuple[int, int, int, int, int]:
    return summary.read, summary.new, summary.already, summary.repeated, summary.refused


def everything(clinic: Clinic) -> dict[str, list[dict[str, Any]]]:
    """Every document of the database but the audit trail's."""
    names = sorted(set(clinic.database.list_collection_names()) - {"audit_events"})
    return {name: sorted(clinic.database[name].find(), key=lambda d: str(d["_id"])) for name in names}


def audit_lines(clinic: Clinic) -> int:
    return clinic.database["audit_events"].count_documents({})


class TestNoShowFile:
    """A real-world file with columns of its own."""

    def take(self, desk: Desk, *, dry_run: bool = False, text: str = NO_SHOW_FILE) -> imports.Summary:
        return desk.run(
            Kind.APPOINTMENTS,
            text,
            dry_run=dry_run,
            map_=MAPPED,
            value=CODED,
            set_=("practitioner=Dr Imported",),
        )

    def test_every_visit_goes_in(self, desk: Desk):
        """With the day as it is written, whatever the zone, and without a time."""
        summary = self.take(desk)

        assert counts(summary) == (5, 5, 0, 0, 0)
        assert summary.added == {"patient": 4, "practitioner": 1, "service": 1}
        visit = desk.clinic.appointments.get(derived_id("import-appointment", "5642503"))
        assert (visit.day, visit.untimed, visit.status) == (date(2016, 4, 30), True, AppointmentStatus.NOSHOW)
        assert (visit.source_id, [event.kind for event in visit.events]) == ("5642503", ["imported"])
        assert "holds" not in desk.clinic.database["appointments"].find_one({"_id": visit.id})
        assert check.run(desk.clinic) == []

    def test_impossible_optional_values_do_not_lose_a_visit(self, desk: Desk):
        """An age of -1 and a booking after the visit are told."""
        summary = self.take(desk)

        assert desk.warnings == [(5, "Age"), (6, "ScheduledDay")]
        assert (summary.warnings, summary.refused) == (2, 0)

    def test_patients_are_made_from_their_rows(self, desk: Desk):
        """With opaque ids, and a name that says where they come from."""
        self.take(desk)

        ids = desk.clinic.patients.by_source_ids(["29872499824296", "39217.84439"])
        first, second = (desk.clinic.patients.get(ids[key]) for key in ("29872499824296", "39217.84439"))
        assert (first.name, first.sex, first.address) == (
            "Imported patient 29872499824296",
            Sex.FEMALE,
            "JARDIM DA PENHA",
        )
        assert (first.age_on(date(2016, 4, 29)), first.birth_date_estimated) == (62, True)
        assert {first.number, second.number} <= {f"P-{n:06d}" for n in range(3, 7)}

    def test_a_second_run_changes_nothing(self, desk: Desk):
        """Not a document, not an audit line."""
        self.take(desk)
        before, lines = everything(desk.clinic), audit_lines(desk.clinic)

        summary = self.take(desk)

        assert counts(summary) == (5, 0, 5, 0, 0)
        assert (everything(desk.clinic), audit_lines(desk.clinic)) == (before, lines)
        assert desk.told == []

    def test_a_dry_run_writes_nothing_and_says_the_same(self, desk: Desk):
        """Counts and findings are those of the real run."""
        before, lines = everything(desk.clinic), audit_lines(desk.clinic)
        dry = self.take(desk, dry_run=True)
        told = list(desk.told)

        assert (everything(desk.clinic), audit_lines(desk.clinic)) == (before, lines)
        real = self.take(desk)
        assert counts(dry) == counts(real)
        assert dry.added == real.added
        assert told == desk.told

    def test_an_import_that_died_is_completed(self, desk: Desk, monkeypatch: pytest.MonkeyPatch):
        """Patients without their visits, half of the visits: the next run adds what is missing."""
        monkeypatch.setattr(imports, "BATCH", 2)
        saved = desk.clinic.appointments.add_many
        calls = Counter[str]()

        def dies_on_the_second(visits: Iterable[Any], **how: Any) -> set[str]:
            calls["add_many"] += 1
            if calls["add_many"] == 2:
                raise Unavailable("gone")
            return saved(visits, **how)

        monkeypatch.setattr(desk.clinic.appointments, "add_many", dies_on_the_second)
        with pytest.raises(Unavailable):
            self.take(desk)
        monkeypatch.setattr(desk.clinic.appointments, "add_many", saved)

        assert counts(self.take(desk)) == (5, 3, 2, 0, 0)
        assert desk.clinic.patients.count() == 2 + 4
        assert check.run(desk.clinic) == []

    def test_attendance_equals_the_file(self, desk: Desk, manager, tmp_path: Path):
        """As counted by pandas over the raw file; 1,200 rows, several batches, every zone's worst hours."""
        path = tmp_path / "raw.csv"
        _write_raw(path, 1_200)
        self.take(desk, text=path.read_text())

        raw = pd.read_csv(path, dtype=str)
        raw["day"] = raw["AppointmentDay"].str[:10]
        wanted = raw.groupby(["day", "No-show"]).size().to_dict()
        visits = facts.visits(desk.clinic, manager)
        ours = visits.assign(day=visits["day"].dt.strftime("%Y-%m-%d"), missed=visits["status"].astype(str) == "noshow")
        found = ours.groupby(["day", "missed"]).size().to_dict()
        assert {(day, {True: "Yes", False: "No"}[missed]): n for (day, missed), n in found.items()} == wanted
        assert check.run(desk.clinic) == []


def _write_raw(path: Path, rows: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        file.write(NO_SHOW_HEADER)
        for n in range(rows):
            day = date(2016, 4, 29 - n % 28)
            at = f"{day}T{n % 24:02d}:{n % 60:02d}:00Z"
            missed = "Yes" if n * 7 % 10 < 2 else "No"
            writer.writerow(
                [n * 13 % 700, 5_000_000 + n, "FM"[n % 2], at, f"{day}T00:00:00Z", n % 100, "X", *"000000", missed]
            )


class TestDuplicates:
    """One id, one record."""

    HEADER = "id,patient_id,day,status,practitioner\n"

    def test_the_same_row_again_is_counted_and_another_one_refused(self, desk: Desk):
        """The first goes in."""
        text = (
            f"{self.HEADER}1,7,2026-02-02,noshow,Dr A\n1,7,2026-02-02,noshow,Dr A\n"
            "1,7,2026-02-03,noshow,Dr A\n2,7,2026-02-03,noshow,Dr A\n"
        )
        assert counts(desk.run(Kind.APPOINTMENTS, text)) == (4, 2, 0, 1, 1)
        assert desk.refusals == [(4, "id", "row 2 has the same id and says something else")]

    def test_a_refused_first_row_does_not_block_a_good_one(self, desk: Desk):
        """Only rows that can go in take the id."""
        text = f"{self.HEADER}1,7,2026-02-31,noshow,Dr A\n1,7,2026-02-03,noshow,Dr A\n"
        assert counts(desk.run(Kind.APPOINTMENTS, text)) == (2, 1, 0, 0, 1)

    def test_ids_are_texts(self, desk: Desk):
        """1, 01 and 1.0 are three visits."""
        text = self.HEADER + "".join(f"{key},7,2026-02-02,noshow,Dr A\n" for key in ("1", "01", "1.0"))
        assert counts(desk.run(Kind.APPOINTMENTS, text)) == (3, 3, 0, 0, 0)


class TestVisitsToCome:
    """They are booked like any other: the unique index decides."""

    HEADER = "id,patient_id,day,status,practitioner,minutes\n"

    def test_a_visit_to_come_is_booked(self, desk: Desk, world: World, reception):
        """It keeps others out of its time and goes on like any booking."""
        summary = desk.run(Kind.APPOINTMENTS, f"{self.HEADER}1,7,2026-03-03 10:00,booked,Dr A,30\n")

        assert counts(summary) == (1, 1, 0, 0, 0)
        visit = desk.clinic.appointments.get(derived_id("import-appointment", "1"))
        assert (visit.practitioner_id, visit.start, visit.untimed) == (
            world.dr_a.id,
            make.at("10:00", make.TUESDAY),
            False,
        )
        assert make.at("10:15", make.TUESDAY) not in appointments.free_slots(
            desk.clinic, reception, make.TUESDAY, practitioner_id=world.dr_a.id, minutes=15
        )
        assert check.run(desk.clinic) == []

    def test_a_taken_time_refuses_the_row(self, desk: Desk, world: World, reception):
        """Whether somebody here has it or a row above; a dry run knows as well."""
        there = appointments.draft(
            desk.clinic,
            appointment_id="there",
            patient_id=world.asha.id,
            practitioner_id=world.dr_a.id,
            service_id=world.consultation.id,
            start=make.at("10:00", make.TUESDAY),
        )
        appointments.book(desk.clinic, reception, there)
        text = (
            f"{self.HEADER}1,7,2026-03-03 10:05,booked,Dr A,15\n2,8,2026-03-03 11:00,booked,Dr A,30\n"
            "3,9,2026-03-03 11:15,booked,Dr A,15\n4,8,2026-03-03 11:00,booked,Dr B,15\n"
            "5,9,2026-03-03 11:30,booked,Dr A,15\n"
        )
        dry = desk.run(Kind.APPOINTMENTS, text, dry_run=True)
        real = desk.run(Kind.APPOINTMENTS, text)

        assert counts(dry) == counts(real) == (5, 2, 0, 0, 3)
        assert desk.refusals == [
            (2, "day", "the practitioner has another visit at that time"),
            (4, "day", "the practitioner has another visit at that time (row 3)"),
            (5, "day", "the patient has another visit at that time (row 3)"),
        ]
        assert check.run(desk.clinic) == []

    def test_a_time_taken_between_look_and_write_refuses_the_row(self, desk: Desk, monkeypatch: pytest.MonkeyPatch):
        """The index has the last word."""
        text = f"{self.HEADER}1,7,2026-03-03 10:00,booked,Dr A,15\n2,8,2026-03-03 10:05,booked,Dr A,15\n"
        monkeypatch.setattr(imports.VisitsTarget, "_cells", lambda self, visit: [])

        assert counts(desk.run(Kind.APPOINTMENTS, text)) == (2, 1, 0, 0, 1)
        assert len(desk.refusals) == 1

    def test_past_visits_at_one_time_are_history(self, desk: Desk):
        """Both go in, with their times, and hold nothing."""
        text = f"{self.HEADER}1,7,2026-02-03 10:02,fulfilled,Dr A,17\n2,8,2026-02-03 10:02,fulfilled,Dr A,17\n"

        assert counts(desk.run(Kind.APPOINTMENTS, text)) == (2, 2, 0, 0, 0)
        visit = desk.clinic.appointments.get(derived_id("import-appointment", "1"))
        assert (visit.start, visit.minutes, visit.untimed) == (make.at("10:02", date(2026, 2, 3)), 20, False)
        assert check.run(desk.clinic) == []


class TestNames:
    """Practitioners and services are found by what the file calls them, or added."""

    def test_an_unknown_practitioner_is_added_and_active_only_with_visits_to_come(self, desk: Desk):
        """So that the day view is not filled with those who left."""
        text = "id,patient_id,day,status,practitioner\n1,7,2026-02-03,noshow,Dr Gone\n2,7,2026-02-03,noshow,Dr New\n"
        desk.run(Kind.APPOINTMENTS, text + "3,7,2026-03-03 10:00,booked,dr new\n")

        found = {p.name: p.active for p in desk.clinic.practitioners.all()}
        assert (found["Dr Gone"], found["Dr New"], len(found)) == (False, True, 4)

    def test_services_are_found_by_code_or_name(self, desk: Desk, world: World):
        """And unknown ones added without a price, inactive."""
        text = (
            "id,patient_id,day,status,practitioner,service\n"
            "1,7,2026-02-03,noshow,Dr A,cons\n2,7,2026-02-03,noshow,Dr A,X-ray\n"
        )
        summary = desk.run(Kind.APPOINTMENTS, text)

        assert summary.added["service"] == 1
        assert desk.clinic.appointments.get(derived_id("import-appointment", "1")).service_id == world.consultation.id
        added = next(s for s in desk.clinic.catalogue.all() if s.name == "X-ray")
        assert (added.active, added.price_minor) == (False, 0)

    def test_two_practitioners_of_one_name_need_a_licence(self, desk: Desk):
        """Nobody is chosen by chance."""
        desk.clinic.practitioners.add(make.practitioner(id="other", name="Dr A", licence="L-2"))
        header = "id,patient_id,day,status,practitioner\n"
        summary = desk.run(Kind.APPOINTMENTS, f"{header}1,7,2026-02-03,noshow,Dr A\n2,7,2026-02-03,noshow,l2\n")

        assert counts(summary) == (2, 1, 0, 0, 1)
        assert desk.refusals[0][1:] == ("practitioner", "several practitioners have this name; use the licence")


class TestPatients:
    """A file of patients, as such files are."""

    def test_windows_file_with_semicolons_and_blank_lines(self, desk: Desk):
        """Latin-1 is said, blank rows are counted, row numbers are those of the sheet."""
        text = "Nr;Name;Geburtstag;Geschlecht\n1;Zoë Müller;25.12.1980;w\n\n2;;01.02.1990;m\n3;Åsa Ñandú;13.02.1990;m\n"
        plan = imports.plan(
            desk.file(text.encode("cp1252")),
            rules.mapping(
                Kind.PATIENTS,
                columns=("Nr=patient_id", "Geburtstag=birth_date", "Geschlecht=sex"),
                constants=(),
                codes=(),
                order=None,
            ),
        )
        summary = imports.run(desk.clinic, SYSTEM, plan, tell=desk.told.append)

        assert plan.notes == (
            "It is not UTF-8; it was read as Windows-1252 (Western European). Look at the accents.",
            "Its columns are separated by semicolons.",
            "Dates in 'Geburtstag' are read day first, as row 2 (25.12.1980) shows.",
        )
        assert (*counts(summary), summary.blank) == (3, 2, 0, 0, 1, 1)
        assert desk.refusals == [(4, "Name", "is empty")]
        made = desk.clinic.patients.get(derived_id("import-patient", "1"))
        assert (made.name, made.birth_date, made.sex) == ("Zoë Müller", date(1980, 12, 25), Sex.FEMALE)

    @pytest.mark.parametrize(
        "raw",
        [
            "\ufeffid,name\n1,Zoë\n".encode(),
            "id\tname\r\n1\tZoë\r\n".encode("utf-16"),
            b"sep=;\nid;name\n1;Zo\xc3\xab\n",
            '"id","name"\n"1","Zoë"'.encode(),
            "id|name|\n1|Zoë|\n".encode(),
        ],
    )
    def test_byte_order_marks_and_separators(self, desk: Desk, raw: bytes):
        """UTF-8 and UTF-16, commas, semicolons, tabs and bars."""
        assert counts(desk.run(Kind.PATIENTS, raw)) == (1, 1, 0, 0, 0)
        assert desk.clinic.patients.get(derived_id("import-patient", "1")).name == "Zoë"

    def test_no_row_is_lost_without_a_word(self, desk: Desk):
        """Rows with too few or too many cells, and what an open quotation mark swallows, are all told."""
        text = 'id,name\n1,A\n2\n3,C,extra\n4,"D, the ""great"""\n5,"open\n6,F\n7,G\n'
        summary = desk.run(Kind.PATIENTS, text)

        assert counts(summary) == (5, 2, 0, 0, 3)
        assert [row for row, _, _ in desk.refusals] == [3, 4, 6]
        assert [problem for _, _, problem in desk.refusals][:2] == [
            "has 1 cells where the header has 2",
            "has 3 cells where the header has 2",
        ]
        assert desk.refusals[2][2].endswith("the 3 lines from here on could not be read")

    @pytest.mark.parametrize(("order", "born"), [("dmy", date(1990, 2, 1)), ("mdy", date(1990, 1, 2))])
    def test_unclear_dates_are_asked_about(self, desk: Desk, order: str, born: date):
        """And read as answered."""
        text = "id,name,dob\n1,A,01/02/1990\n2,B,03/04/1991\n"
        with pytest.raises(imports.AmbiguousDates, match="'dob': a date like 01/02/1990 .* --date-order dmy"):
            desk.run(Kind.PATIENTS, text)
        assert desk.clinic.patients.count() == 2

        desk.run(Kind.PATIENTS, text, order=DateOrder(order))
        assert desk.clinic.patients.get(derived_id("import-patient", "1")).birth_date == born

    @pytest.mark.parametrize(
        ("raw", "said"), [(b"", "is empty"), (b"\n\n", "is empty"), (b"PK\x03\x04\x00\x00", "no text")]
    )
    def test_what_is_no_table(self, desk: Desk, raw: bytes, said: str):
        """One sentence."""
        with pytest.raises(UnusableFile, match=said):
            desk.run(Kind.PATIENTS, raw)

    def test_a_file_that_is_not_there(self, desk: Desk):
        """One sentence."""
        how = rules.mapping(Kind.PATIENTS, columns=(), constants=(), codes=(), order=None)
        with pytest.raises(UnusableFile, match="cannot be read"):
            imports.plan(desk.folder / "none.csv", how)


class TestPayments:
    """Money for invoices of ours, and money of another system."""

    HEADER = "payment_id,amount,method,received_on,invoice_number,patient_id\n"

    @pytest.fixture
    def issued(self, world: World, reception) -> Any:
        draft = billing.new_draft(
            world.clinic, reception, invoice_id="i1", patient_id=world.asha.id, practitioner_id=world.dr_a.id
        )
        lined = billing.set_lines(world.clinic, reception, draft, [billing_line(world)])
        return billing.issue(world.clinic, reception, lined)

    def test_other_systems_money_gets_historical_invoices(self, desk: Desk, manager):
        """Collected in the reports equals the file; numbers run without gaps per year."""
        desk.run(Kind.PATIENTS, "id,name\n7,Asha\n")
        text = self.HEADER + "a,100.50,cash,2025-12-30,OLD-9,7\nb,200,card,2026-01-02,,7\nc,5.25,upi,2026-01-02,,7\n"
        summary = desk.run(Kind.PAYMENTS, text)

        assert counts(summary) == (3, 3, 0, 0, 0)
        invoice = desk.clinic.invoices.by_number("IMP-2026", 1)
        assert invoice is not None
        assert (invoice.status, invoice.total_minor, invoice.issued_on) == (
            InvoiceStatus.BALANCED,
            20_000,
            date(2026, 1, 2),
        )
        first = desk.clinic.invoices.by_number("IMP-2025", 1)
        assert first is not None
        assert first.payments[0].reference == "OLD-9"
        collected = facts.payments(desk.clinic, manager)
        assert collected.groupby(collected["day"].dt.strftime("%Y-%m-%d"))["amount_minor"].sum().to_dict() == {
            "2025-12-30": 10_050,
            "2026-01-02": 20_525,
        }
        assert check.run(desk.clinic) == []

    def test_a_second_run_and_one_with_more_rows(self, desk: Desk):
        """The numbers go on where they were."""
        desk.run(Kind.PATIENTS, "id,name\n7,Asha\n")
        text = self.HEADER + "a,100,cash,2026-01-02,,7\n"
        desk.run(Kind.PAYMENTS, text)
        before = everything(desk.clinic)

        assert counts(desk.run(Kind.PAYMENTS, text)) == (1, 0, 1, 0, 0)
        assert everything(desk.clinic) == before
        assert counts(desk.run(Kind.PAYMENTS, text + "b,1,cash,2026-01-01,,7\n")) == (2, 1, 1, 0, 0)
        assert desk.clinic.invoices.last_number("IMP-2026") == 2

    def test_money_for_an_invoice_of_ours_is_taken_for_it(self, desk: Desk, issued: Any):
        """Once, on the file's day, and never more than is due; a dry run counts along."""
        number = issued.label
        text = (
            f"{self.HEADER}a,300,upi,2026-03-01,{number},\nb,201,cash,2026-03-01,{number},\n"
            f"c,200,cash,2026-03-01,{number},\n"
        )
        dry = desk.run(Kind.PAYMENTS, text, dry_run=True)
        real = desk.run(Kind.PAYMENTS, text)
        again = desk.run(Kind.PAYMENTS, text)

        assert counts(dry) == counts(real) == (3, 2, 0, 0, 1)
        assert counts(again) == (3, 0, 2, 0, 1)
        after = desk.clinic.invoices.get(issued.id)
        assert (after.status, [p.amount_minor for p in after.payments]) == (InvoiceStatus.BALANCED, [30_000, 20_000])
        assert (after.payments[0].received_on, after.payments[0].method) == (date(2026, 3, 1), PaymentMethod.UPI)
        assert check.run(desk.clinic) == []

    def test_the_ledger_has_it_on_the_day_of_the_money(self, desk: Desk):
        """Charged and paid, one after the other; the invoice holds both."""
        desk.run(Kind.PATIENTS, "id,name\n7,Asha\n")
        desk.run(Kind.PAYMENTS, self.HEADER + "a,100,cash,2026-01-02,,7\nb,40,card,2026-01-02,,7\n")

        entries = desk.clinic.journal.of_day(date(2026, 1, 2))
        assert sorted(entry.event for entry in entries) == [Event.ISSUE, Event.ISSUE, Event.PAYMENT, Event.PAYMENT]
        for number, amount in ((1, 10_000), (2, 4_000)):
            invoice = desk.clinic.invoices.by_number("IMP-2026", number)
            own = [entry for entry in entries if entry.invoice_id == invoice.id]
            assert [(e.event, e.sequence(invoice_account(invoice.id))) for e in own] == [
                (Event.ISSUE, 1),
                (Event.PAYMENT, 2),
            ]
            assert (invoice.posted, invoice.paid_minor, invoice.due_minor) == (2, amount, 0)
            assert invoice.payments[0].entry_id == own[1].id

    @pytest.mark.parametrize("step", ["journal.add_history", "invoices.advance"])
    def test_an_import_that_died_is_completed(self, desk: Desk, issued: Any, step: str, monkeypatch: Any):
        """With invoices or entries written and not what follows from them."""
        desk.run(Kind.PATIENTS, "id,name\n7,Asha\n")
        text = f"{self.HEADER}a,100,cash,2026-01-02,,7\nb,300,upi,2026-03-01,{issued.label},\n"
        store, name = step.split(".")
        target, calls = getattr(desk.clinic, store), Counter[str]()
        saved = getattr(target, name)

        def dies_then(*given: Any) -> Any:
            calls[name] += 1
            raise Unavailable("gone")

        for _ in range(2):  # the money of ours comes first, then the other system's
            monkeypatch.setattr(target, name, dies_then)
            with pytest.raises(Unavailable):
                desk.run(Kind.PAYMENTS, text)
            monkeypatch.setattr(target, name, saved)
            desk.run(Kind.PAYMENTS, text.replace("a,100,cash,2026-01-02,,7\n", ""))

        desk.run(Kind.PAYMENTS, text)

        ours, theirs = desk.clinic.invoices.get(issued.id), desk.clinic.invoices.by_number("IMP-2026", 1)
        assert (ours.posted, ours.paid_minor) == (2, 30_000)
        assert (theirs.posted, theirs.paid_minor) == (2, 10_000)
        assert desk.clinic.journal.count() == 4
        assert check.run(desk.clinic) == []

    def test_the_money_of_a_closed_day_comes_on_the_next_open_one(self, desk: Desk, issued: Any, clock: make.Clock):
        """What was printed when the day was closed stays true."""
        desk.clinic.journal.add(
            Entry(
                key="close",
                event=Event.DAY_CLOSE,
                day=make.MONDAY,
                at=clock(),
                by="manager",
                slots=(close_slot(make.MONDAY),),
            )
        )
        desk.run(Kind.PAYMENTS, f"{self.HEADER}a,300,upi,2026-03-02,{issued.label},\n")

        assert [p.received_on for p in desk.clinic.invoices.get(issued.id).payments] == [make.TUESDAY]

    def test_whose_money_it_is_must_be_known(self, desk: Desk, issued: Any):
        """No invoice, no patient, or an invoice of somebody else."""
        desk.run(Kind.PATIENTS, "id,name\n7,Asha\n")
        text = (
            f"{self.HEADER}a,1,cash,2026-03-01,OLD-9,\nb,1,cash,2026-03-01,,unknown\n"
            f"c,1,cash,2026-03-01,{issued.label},7\n"
        )
        assert counts(desk.run(Kind.PAYMENTS, text)) == (3, 0, 0, 0, 3)
        assert [(row, column) for row, column, _ in desk.refusals] == [
            (2, "invoice_number"),
            (3, "patient_id"),
            (4, "invoice_number"),
        ]


def billing_line(world: World) -> Any:
    return make.line(service_id=world.consultation.id)


class TestMappings:
    """A file described once."""

    def test_saved_and_used_again(self, desk: Desk):
        """Under its name, for its kind of file."""
        how = rules.mapping(
            Kind.APPOINTMENTS,
            columns=MAPPED,
            constants=("practitioner=Dr Imported",),
            codes=CODED,
            order=DateOrder.DMY,
        )
        imports.save_mapping(desk.clinic, SYSTEM, how, "old system")

        found = imports.saved_mapping(desk.clinic, SYSTEM, "old system", Kind.APPOINTMENTS)

        assert (found.columns, found.constants, found.codes) == (how.columns, how.constants, how.codes)
        assert found.date_order is DateOrder.DMY
        with pytest.raises(NotFound, match="Saved mappings: old system"):
            imports.saved_mapping(desk.clinic, SYSTEM, "new", Kind.APPOINTMENTS)
        with pytest.raises(InvalidInput, match="not for patients"):
            imports.saved_mapping(desk.clinic, SYSTEM, "old system", Kind.PATIENTS)

    def test_nobody_imports_from_a_screen(self, desk: Desk, admin, manager, reception, doctor):
        """It is for commands."""
        plan = imports.plan(desk.file("id,name\n1,A\n"), rules.Mapping(kind=Kind.PATIENTS))
        for actor in (admin, manager, reception, doctor):
            with pytest.raises(Forbidden):
                imports.run(desk.clinic, actor, plan)

    def test_one_audit_line_per_batch(self, desk: Desk, monkeypatch: pytest.MonkeyPatch):
        """With counts and nothing about anybody."""
        monkeypatch.setattr(imports, "BATCH", 2)
        lines = audit_lines(desk.clinic)
        desk.run(Kind.PATIENTS, "id,name\n1,A\n2,B\n3,C\n")

        found: Sequence[dict[str, Any]] = list(desk.clinic.database["audit_events"].find({"action": "data.import"}))
        assert audit_lines(desk.clinic) == lines + 2
        assert sorted(line["detail"]["new"] for line in found) == ["1", "2"]
        assert {line["username"] for line in found} == {"system"}
