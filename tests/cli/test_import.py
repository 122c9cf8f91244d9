"""``python -m clinic_core import`` as it is typed: what it prints, writes and answers."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from clinic_core.cli import main
from clinic_core.clinic import Clinic

PEOPLE = "Nr;Name;Alter\n1;Zoë Müller;45\n2;;30\n3;=HYPERLINK();200\n"


@pytest.fixture
def typed(clinic: Clinic, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs the command in a folder with the file."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text(PEOPLE, encoding="utf-8")
    return lambda *words: main(["import", *words])


MAPPED = ("--map", "Nr=patient_id", "--map", "Alter=age")


def test_refused_rows_are_told_and_the_status_is_one(typed, clinic: Clinic, capsys):
    """One line each, and the sums at the end."""
    assert typed("patients", "people.csv", *MAPPED) == 1

    out = capsys.readouterr().out
    assert "people.csv: 3 rows of patients." in out
    assert "Row 3, Name: is empty – not imported" in out
    assert "Row 4, Alter: an age of 200 is above 130; the value is left out – imported" in out
    assert "3 rows read: 2 went in, 0 were there already, 0 repeated a row above, 1 refused; 1 warning." in out
    assert clinic.patients.count() == 2


def test_a_dry_run_says_so_and_writes_nothing(typed, clinic: Clinic, capsys):
    """Not even the mapping."""
    assert typed("patients", "people.csv", *MAPPED, "--dry-run", "--save-mapping", "old") == 1

    assert "2 would go in" in (out := capsys.readouterr().out)
    assert "Nothing was written" in out
    assert (clinic.patients.count(), clinic.imports.names()) == (0, [])


def test_the_report_is_a_sheet_without_formulas(typed, capsys):
    """Row, column, outcome and problem."""
    (Path.cwd() / "odd.csv").write_text("id,=name\n1,\n", encoding="utf-8")
    assert typed("patients", "odd.csv", "--map", "=name=name", "--report", "report.csv") == 1

    with Path("report.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [
            ["row", "column", "outcome", "problem"],
            ["2", "'=name", "refused", "is empty"],
        ]


def test_a_saved_mapping_is_used_again(typed, clinic: Clinic):
    """The second call needs its name only."""
    assert typed("patients", "people.csv", *MAPPED, "--save-mapping", "old system") == 1
    assert typed("patients", "people.csv", "--mapping", "old system") == 1
    assert clinic.patients.count() == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("patients", "none.csv"), "cannot be read"),
        (("patients", "people.csv"), '--map "Nr=patient_id"'),
        (("patients", "people.csv", "--map", "X=age"), "no column 'X'"),
        (("patients", "people.csv", "--mapping", "unknown"), "no saved mapping"),
        (("patients", "people.csv", *MAPPED, "--report", "people.csv"), "overwrite the file itself"),
        (("patients", "dates.csv"), "--date-order dmy"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_status_two(typed, capsys, words, said):
    """Nothing is half done."""
    Path("dates.csv").write_text("id,name,dob\n1,A,01/02/1990\n", encoding="utf-8")

    assert typed(*words) == 2
    assert said in capsys.readouterr().err


def test_a_person_at_the_keyboard_is_asked_for_the_order_of_dates(
    typed, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
):
    """And answered to."""
    Path("dates.csv").write_text("id,name,dob\n1,A,01/02/1990\n", encoding="utf-8")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: "DMY")

    assert typed("patients", "dates.csv") == 0
    patient = clinic.patients.latest(1)[0]
    assert patient.birth_date is not None
    assert patient.birth_date.month == 2


def test_help_lists_every_field(capsys):
    """With what it is for."""
    with pytest.raises(SystemExit):
        main(["import", "--help"])
    out = capsys.readouterr().out
    assert all(name in out for name in ("booked_at", "received_on", "clinic_number", "(needed)"))
