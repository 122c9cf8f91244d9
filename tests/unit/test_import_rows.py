"""Foreign files: how headers are recognised and values read, without ever guessing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from clinic_core.domain import import_rows, import_values, imports
from clinic_core.domain.appointments import AppointmentStatus
from clinic_core.domain.billing import PaymentMethod
from clinic_core.domain.import_fields import FIELDS, Kind
from clinic_core.domain.import_rows import Finding, Row, Rules
from clinic_core.domain.import_values import DateOrder, OrderEvidence
from clinic_core.domain.people import ContactBy, Sex
from clinic_core.errors import InvalidInput

KOLKATA = ZoneInfo("Asia/Kolkata")
TODAY = date(2026, 3, 2)
NO_SHOW_HEADER = [
    "PatientId",
    "AppointmentID",
    "Gender",
    "ScheduledDay",
    "AppointmentDay",
    "Age",
    "Neighbourhood",
    "Scholarship",
    "Hipertension",
    "Diabetes",
    "Alcoholism",
    "Handcap",
    "SMS_received",
    "No-show",
]


def how(kind: Kind = Kind.APPOINTMENTS, *, map_: list[str] | None = None, **given: list[str]) -> imports.Mapping:
    return imports.mapping(
        kind, columns=map_ or [], constants=given.get("set_", []), codes=given.get("value", []), order=None
    )


def rules(**changes: object) -> Rules:
    given: dict[str, object] = {
        "region": "IN", "currency": "INR", "locale": "en_IN", "zone": KOLKATA, "today": TODAY, "orders": {}
    }  # fmt: skip
    return Rules(**{**given, **changes})  # type: ignore[arg-type]


def read(
    kind: Kind, header: str, cells: str, *, mapping: imports.Mapping | None = None, using: Rules | None = None
) -> tuple[Row | None, list[Finding]]:
    found = imports.layout(header.split("|"), mapping or how(kind))
    return import_rows.read(2, cells.split("|"), found, using or rules())


class TestHeaders:
    """Our fields are found by name or usual alias; what is not clear has to be said."""

    def test_a_no_show_file_is_recognised_but_for_its_practitioner(self):
        """The header of the well-known no-show file needs one constant only."""
        found = imports.layout(NO_SHOW_HEADER, how(set_=["practitioner=Dr Imported"]))

        assert {name: NO_SHOW_HEADER[at] for name, at in found.columns.items()} == {
            "patient_id": "PatientId",
            "appointment_id": "AppointmentID",
            "sex": "Gender",
            "booked_at": "ScheduledDay",
            "day": "AppointmentDay",
            "age": "Age",
            "address": "Neighbourhood",
            "status": "No-show",
        }
        assert found.ignored == ("Scholarship", "Hipertension", "Diabetes", "Alcoholism", "Handcap", "SMS_received")
        assert found.value("status", ["", "", "", "", "", "", "", "", "", "", "", "", "", "Yes"]) == "noshow"

    @pytest.mark.parametrize("header", ["Patient ID", "patient-id", "PATIENT_ID", " patientid ", "MRN"])
    def test_case_spaces_and_marks_do_not_matter(self, header):
        """A header is compared by its letters and digits."""
        assert imports.layout([header, "name"], how(Kind.PATIENTS)).columns["patient_id"] == 0

    def test_a_missing_column_is_named_with_the_files_columns_and_an_example(self):
        """The sentence tells what to type."""
        with pytest.raises(InvalidInput) as refused:
            imports.layout(["Nummer", "Name"], how(Kind.PATIENTS))

        assert str(refused.value) == (
            "The file has no column for: patient_id. Its columns are: Nummer, Name. Say which column it is, like "
            '--map "Nummer=patient_id", or give every row the same value, like --set "patient_id=…".'
        )

    def test_two_columns_that_may_be_one_field_have_to_be_told_apart(self):
        """Nothing is guessed between two aliases."""
        with pytest.raises(InvalidInput, match="sex may be 'Sex' and 'sex'"):
            imports.layout(["id", "name", "Sex", "sex"], how(Kind.PATIENTS))

        found = imports.layout(["id", "name", "Sex", "sex"], how(Kind.PATIENTS, map_=["sex=sex", "Sex=ignore"]))
        assert found.columns["sex"] == 3

    def test_a_mapped_column_that_is_not_there_is_named(self):
        """A slip of the pen in --map stops the import."""
        with pytest.raises(InvalidInput, match="no column 'Pateint'"):
            imports.layout(["Patient", "name"], how(Kind.PATIENTS, map_=["Pateint=patient_id"]))

    def test_a_constant_takes_the_place_of_a_recognised_column(self):
        """--set wins over an alias, but not over a --map of the same field."""
        found = imports.layout(["id", "name", "sex"], how(Kind.PATIENTS, set_=["sex=female"]))
        assert found.value("sex", ["1", "A", "M"]) == "female"
        assert found.ignored == ("sex",)

        with pytest.raises(InvalidInput, match="keep one of them"):
            imports.layout(["id", "name", "s"], how(Kind.PATIENTS, map_=["s=sex"], set_=["sex=female"]))

    @pytest.mark.parametrize("bad", ["sex", "=sex", "Gender=", "Gender=gendre"])
    def test_a_mapping_that_cannot_be_read_is_refused(self, bad):
        """With an example, or the list of fields."""
        with pytest.raises(InvalidInput, match=r"write it like|fields are"):
            how(map_=[bad])

    def test_a_column_may_hold_an_equals_sign(self):
        """The last sign counts in --map, the first in --set."""
        assert how(map_=["a=b=sex"]).columns == (("a=b", "sex"),)
        assert how(set_=["service=a=b"]).constants == (("service", "a=b"),)
        assert how(value=["status:a=b=noshow"]).codes == (("status", "a=b", "noshow"),)

    def test_what_is_given_now_comes_on_top_of_a_saved_mapping(self):
        """A saved mapping is a start, not a cage."""
        saved = how(map_=["A=sex", "B=age"], set_=["practitioner=X"], value=["status:No=noshow"])
        given = how(map_=["C=sex"], set_=["practitioner=Y"], value=["status:no=fulfilled"])

        both = imports.merged(saved, given)

        assert both.columns == (("B", "age"), ("C", "sex"))
        assert both.constants == (("practitioner", "Y"),)
        assert both.codes == (("status", "no", "fulfilled"),)

    def test_no_alias_stands_for_two_fields_of_one_kind(self):
        """Otherwise the order of the table would decide."""
        for fields in FIELDS.values():
            known = [import_values.letters(a) for one in fields for a in {one.name, *one.aliases}]
            assert len(known) == len(set(known))


class TestDates:
    """Days in every usual writing; day and month are never taken for each other."""

    @pytest.mark.parametrize(
        ("text", "order", "day"),
        [
            ("2026-03-31", DateOrder.MDY, date(2026, 3, 31)),
            ("2026/3/1", DateOrder.MDY, date(2026, 3, 1)),
            ("03/04/2026", DateOrder.DMY, date(2026, 4, 3)),
            ("03/04/2026", DateOrder.MDY, date(2026, 3, 4)),
            ("3.4.26", DateOrder.DMY, date(2026, 4, 3)),
            ("26-03-04", DateOrder.YMD, date(2026, 3, 4)),
            ("3 Mar 2026", DateOrder.MDY, date(2026, 3, 3)),
            ("3-March-26", DateOrder.MDY, date(2026, 3, 3)),
            ("Mar 3, 2026", DateOrder.DMY, date(2026, 3, 3)),
            ("٢٠٢٦-٠٣-٣١", DateOrder.DMY, date(2026, 3, 31)),
        ],
    )
    def test_usual_writings(self, text, order, day):
        """A year in front or a month in letters leaves no choice."""
        assert import_values.read_moment(text, order).day == day

    @pytest.mark.parametrize("text", ["31/02/2026", "2026-13-01", "yesterday", "45123", "", "12/2026", "3 Mai 2026"])
    def test_what_is_no_date_is_refused(self, text):
        """Never a date near it."""
        with pytest.raises(InvalidInput):
            import_values.read_moment(text, DateOrder.DMY)

    def test_a_birth_date_needs_its_whole_year(self):
        """26 may be 1926 or 2026."""
        with pytest.raises(InvalidInput, match="four digits"):
            import_values.read_moment("03/04/26", DateOrder.DMY, two_digit_years=False)

    def test_midnight_utc_is_a_day_and_does_not_shift(self):
        """Exports write a day as an instant at midnight; no zone may move it."""
        moment = import_values.read_moment("2016-04-29T00:00:00Z", DateOrder.DMY)

        for zone in (KOLKATA, ZoneInfo("America/Los_Angeles"), ZoneInfo("Pacific/Kiritimati")):
            assert moment.local_day(zone) == date(2016, 4, 29)
        assert moment.instant(KOLKATA) == datetime(2016, 4, 28, 18, 30, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("text", "instant"),
        [
            ("2026-03-02T18:38:08Z", datetime(2026, 3, 2, 18, 38, 8, tzinfo=UTC)),
            ("2026-03-02 18:38:08.123+02:00", datetime(2026, 3, 2, 16, 38, 8, tzinfo=UTC)),
            ("02/03/2026 2:30 pm", datetime(2026, 3, 2, 9, 0, tzinfo=UTC)),
            ("02.03.2026, 14.30", datetime(2026, 3, 2, 9, 0, tzinfo=UTC)),
        ],
    )
    def test_a_time_without_an_offset_is_the_clinics(self, text, instant):
        """One with an offset is an instant."""
        assert import_values.read_moment(text, DateOrder.DMY).instant(KOLKATA) == instant

    def order_of(self, *texts: str) -> DateOrder | None:
        evidence = OrderEvidence()
        for row, text in enumerate(texts, start=2):
            evidence.add(row, text)
        return evidence.order

    def test_one_clear_date_tells_the_order_of_its_column(self):
        """25 is no month."""
        assert self.order_of("03/04/2026", "25/03/2026", "") is DateOrder.DMY
        assert self.order_of("03/04/2026", "03/25/2026") is DateOrder.MDY

    def test_without_one_the_order_must_be_asked(self):
        """Even when every date could be read one way or the other."""
        assert self.order_of("03/04/2026", "01/02/2026") is None

    def test_dates_that_contradict_each_other_must_be_asked_about(self):
        """And the rows are named."""
        evidence = OrderEvidence()
        evidence.add(5, "25/03/2026")
        evidence.add(9, "03/25/2026")

        assert evidence.order is None
        assert evidence.why == (
            "its dates contradict each other: row 5 (25/03/2026) is day first, row 9 (03/25/2026) is month first"
        )

    def test_dates_that_mean_the_same_either_way_need_no_answer(self):
        """4 April is 04/04 everywhere."""
        assert self.order_of("04/04/2026", "2026-03-31", "rubbish") is not None


class TestAmounts:
    """Decimal points and commas by the clinic's locale; what may mean two things is refused."""

    @pytest.mark.parametrize(
        ("text", "locale", "minor"),
        [
            ("1250.50", "en_IN", 125_050),
            ("1,250.50", "en_IN", 125_050),
            ("1,25,000.00", "en_IN", 12_500_000),
            ("1,250", "en_IN", 125_000),
            ("₹ 1,250.50", "en_IN", 125_050),
            ("Rs. 600", "en_IN", 60_000),
            ("600 INR", "en_IN", 60_000),
            ("12,5", "en_IN", 1_250),
            ("1.250,50 €", "de_DE", 125_050),
            ("1250,5", "de_DE", 125_050),
            ("1250.50", "de_DE", 125_050),
            ("1.250", "de_DE", 125_000),
            ("1 250,50", "fr_FR", 125_050),
            ("1\u202f250,50", "fr_FR", 125_050),
            ("1’250.50", "de_CH", 125_050),
            ("1.250.000", "en_IN", 125_000_000),
        ],
    )
    def test_usual_writings(self, text, locale, minor):
        """In whole minor units."""
        assert import_values.read_amount(text, "INR", locale) == minor

    @pytest.mark.parametrize("text", ["1.250", "-5", "(12.00)", "0", "12.345,6.7", "1,2,3", "ten", "", "1e3", "12.005"])
    def test_what_is_not_clear_is_refused(self, text):
        """1.250 may be a thousand or one and a quarter; refunds are no payments."""
        with pytest.raises(InvalidInput):
            import_values.read_amount(text, "INR", "en_IN")

    def test_three_decimals_where_the_currency_has_them(self):
        """Kuwaiti dinars have 1000 fils."""
        assert import_values.read_amount("1.250", "KWD", "en") == 1_250


class TestCodes:
    """Words and letters become FHIR codes; others need --value."""

    @pytest.mark.parametrize(
        ("text", "sex"), [("F", "female"), ("Male", "male"), ("weiblich", "female"), ("X", "other")]
    )
    def test_sex(self, text, sex):
        """The first letters and some languages."""
        assert import_values.read_sex(text) == Sex(sex)

    @pytest.mark.parametrize(
        ("text", "status"), [("No-show", "noshow"), ("Canceled", "cancelled"), ("Completed", "fulfilled")]
    )
    def test_status(self, text, status):
        """Common words for what became of a visit."""
        assert import_values.read_status(text) is AppointmentStatus(status)

    def test_an_unknown_code_says_how_to_translate_it(self):
        """ISO 5218 numbers could as well be something else."""
        with pytest.raises(InvalidInput, match='--value "sex:…=…"'):
            import_values.read_sex("1")

    def test_methods_and_contacts(self):
        """Brands are methods, too."""
        assert import_values.read_method("Google Pay") is PaymentMethod.UPI
        assert import_values.read_contact("WhatsApp") is ContactBy.WHATSAPP

    def test_consent_is_not_guessed(self):
        """Somebody would be written to who never agreed: what is neither yes nor no warns, and counts as no."""
        header, cells = "patient_id|name|language|outreach_consent", "7|Asha|hi|{}"
        patient, _ = read(Kind.PATIENTS, header, cells.format("Yes"))
        doubtful, warned = read(Kind.PATIENTS, header, cells.format("perhaps"))

        assert (patient.language, patient.outreach_consent) == ("hi", True)
        assert doubtful.outreach_consent is False
        assert [f.column for f in warned] == ["outreach_consent"]

    @pytest.mark.parametrize(("text", "age"), [("45", 45), ("45.0", 45), ("3 years", 3), ("8 months", 0), ("0", 0)])
    def test_ages(self, text, age):
        """Completed years."""
        assert import_values.read_age(text) == age

    @pytest.mark.parametrize("text", ["-1", "199", "old", "4.5"])
    def test_what_is_no_age(self, text):
        """Nothing is rounded or bent."""
        with pytest.raises(InvalidInput):
            import_values.read_age(text)


class TestPatients:
    """A patient's row."""

    def test_everything_in_its_place(self):
        """Text stays as it is, ids are opaque."""
        row, found = read(
            Kind.PATIENTS,
            "id|Full name|DOB|Gender|Mobile|Email|City|Allergies",
            " 39217.84439 | Zoë  Müller|25/12/1980|f|98765 43210|z@example.org|Panaji|Latex",
        )

        assert found == []
        assert isinstance(row, import_rows.PatientRow)
        assert row.source_id == "39217.84439"
        assert row.person == import_rows.Person(
            name="Zoë Müller",
            birth_date=date(1980, 12, 25),
            sex=Sex.FEMALE,
            phone="+919876543210",
            email="z@example.org",
            address="Panaji",
        )
        assert row.allergies == "Latex"

    def test_optional_values_that_cannot_be_used_are_warned_about(self):
        """The patient goes in without them; the warning never repeats a phone."""
        row, found = read(Kind.PATIENTS, "id|name|phone|sex|birth_date", "7|A B|77|?|01.01.1890")

        assert row is not None
        assert [(f.column, f.refused) for f in found] == [("birth_date", False), ("sex", False), ("phone", False)]
        assert "77" not in found[2].problem

    def test_a_name_in_two_columns(self):
        """Given name first."""
        row, _ = read(Kind.PATIENTS, "id|Surname|First name", "7|Naik|Asha")
        assert isinstance(row, import_rows.PatientRow)
        assert row.person.name == "Asha Naik"

    def test_without_a_name_the_row_is_refused(self):
        """Nobody becomes "Unknown Patient"."""
        row, found = read(Kind.PATIENTS, "id|name", "7|  ")
        assert row is None
        assert [(f.row, f.column, f.problem) for f in found] == [(2, "name", "is empty")]

    def test_an_age_counts_on_the_day_of_registration(self):
        """And the birth date says that it is estimated."""
        row, _ = read(Kind.PATIENTS, "id|name|age|registered_on", "7|A|40|2020-06-01")
        assert isinstance(row, import_rows.PatientRow)
        assert (row.person.birth_date, row.person.birth_date_estimated) == (date(1980, 6, 1), True)


VISIT = "id|patient_id|practitioner|status|day"


class TestVisits:
    """A visit's row: past ones have an end, those to come have a time."""

    def test_a_past_day(self):
        """Its day only: no time, and the age gives a birth date."""
        row, found = read(
            Kind.APPOINTMENTS, f"{VISIT}|age|booked_at", "1|2|Dr A|noshow|2016-04-29T00:00:00Z|62|2016-04-29T18:38:08Z"
        )

        assert found == []
        assert isinstance(row, import_rows.VisitRow)
        assert (row.day, row.start, row.status) == (date(2016, 4, 29), None, AppointmentStatus.NOSHOW)
        assert row.booked_at == datetime(2016, 4, 29, 18, 38, 8, tzinfo=UTC)
        assert row.person.birth_date == date(1954, 4, 29)

    @pytest.mark.parametrize("age", ["-1", "199"])
    def test_an_impossible_age_does_not_lose_the_visit(self, age):
        """Attendance stays that of the file; the value is left out with a warning."""
        row, found = read(Kind.APPOINTMENTS, f"{VISIT}|age", f"1|2|Dr A|fulfilled|2016-04-29|{age}")
        assert row is not None
        assert [(f.column, f.refused) for f in found] == [("age", False)]

    @pytest.mark.parametrize(
        ("status", "day", "problem"),
        [
            ("booked", "2026-03-01", "past day"),
            ("booked", "2026-03-03", "needs its time"),
            ("noshow", "2026-03-03", "lies in the future"),
            ("arrived", "2026-03-02", "cannot be imported"),
            ("booked", "2026-03-03 10:02", "multiple of five minutes"),
            ("perhaps", "2026-03-01", "not one of booked"),
            ("booked", "tomorrow", "is no date"),
        ],
    )
    def test_what_cannot_be_is_refused(self, status, day, problem):
        """With the reason."""
        row, found = read(Kind.APPOINTMENTS, VISIT, f"1|2|Dr A|{status}|{day}")
        assert row is None
        assert problem in found[0].problem

    def test_a_time_in_its_own_column(self):
        """Joined with the day, on the clinic's clock."""
        row, _ = read(Kind.APPOINTMENTS, f"{VISIT}|time", "1|2|Dr A|booked|2026-03-03|2:30 pm")
        assert isinstance(row, import_rows.VisitRow)
        assert row.start == datetime(2026, 3, 3, 9, 0, tzinfo=UTC)

    def test_booked_after_the_visits_day_is_kept_with_a_warning(self):
        """As in the file, and compared as written: a zone must not make more of them."""
        _, found = read(Kind.APPOINTMENTS, f"{VISIT}|booked_at", "1|2|Dr A|noshow|2016-04-29|2016-04-30T00:00:00Z")
        assert [f.refused for f in found] == [False]

        _, found = read(Kind.APPOINTMENTS, f"{VISIT}|booked_at", "1|2|Dr A|noshow|2016-04-29|2016-04-29T23:00:00Z")
        assert found == []

    def test_our_own_number_in_place_of_their_id(self):
        """In a field of its own: another system's P-000123 is not ours."""
        row, _ = read(Kind.APPOINTMENTS, "id|clinic_number|practitioner|status|day", "1|p-123|A|noshow|2016-04-29")
        assert isinstance(row, import_rows.VisitRow)
        assert row.patient == import_rows.PatientRef(number="P-000123")


class TestPayments:
    """A payment's row."""

    def test_money_in_minor_units_on_a_day(self):
        """Whole paise."""
        row, found = read(Kind.PAYMENTS, "receipt no|patient|amount|mode|date", "7|42|1,250.50|Card|28/02/2026")
        assert found == []
        assert isinstance(row, import_rows.PaymentRow)
        assert (row.amount_minor, row.method, row.received_on) == (125_050, PaymentMethod.CARD, date(2026, 2, 28))

    @pytest.mark.parametrize(
        "cells", ["7|42|x|cash|2026-02-28|INR", "7|42|5|cheque|2026-02-28|INR", "7|42|5|cash|2026-03-03|INR",
                  "7|42|5|cash|2026-02-28|USD", "7||5|cash|2026-02-28|INR", "|42|5|cash|2026-02-28|INR"]
    )  # fmt: skip
    def test_what_cannot_be_is_refused(self, cells):
        """Amount, method, a day to come, another currency, nobody's, without an id."""
        row, found = read(Kind.PAYMENTS, "id|patient_id|amount|method|received_on|currency", cells)
        assert row is None
        assert len(found) == 1
