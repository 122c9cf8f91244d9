"""``import``: patients, appointments or payments out of a foreign CSV file."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from clinic_core.commands import clinic_for
from clinic_core.errors import InvalidInput

if TYPE_CHECKING:
    from clinic_core.clinic import Clinic
    from clinic_core.domain.import_fields import Field
    from clinic_core.domain.import_rows import Finding
    from clinic_core.domain.imports import Mapping
    from clinic_core.services.imports import Plan, Summary

NAME = "import"
HELP = "Import patients, appointments or payments from a CSV file of another system."
_KINDS = ("patients", "appointments", "payments")
_ORDERS = ("dmy", "mdy", "ymd")
_REPEATED = (
    ("--map", "Theirs=ours", "their column is our field, or 'ignore'"),
    ("--set", "field=value", "a value for every row"),
    ("--value", "field:Theirs=ours", "their code is our code"),
)
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the file holds, and how it is to be read."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _epilog()
    parser.add_argument("kind", choices=_KINDS, help="what the file holds")
    parser.add_argument("file", type=Path, metavar="FILE.csv", help="the file")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen and write nothing")
    for option, example, said in _REPEATED:
        parser.add_argument(option, action="append", default=[], metavar=f'"{example}"', help=f"{said}; repeatable")
    parser.add_argument("--mapping", metavar="NAME", help="use a saved mapping; the options above come on top of it")
    parser.add_argument("--save-mapping", metavar="NAME", help="keep the mapping of this call under a name")
    parser.add_argument("--date-order", choices=_ORDERS, help="how the file writes dates, where that is not clear")
    parser.add_argument("--report", type=Path, metavar="FILE.csv", help="also write what does not go in to a file")


def run(args: argparse.Namespace) -> int:
    """Import the file; 0 when every row went in, 1 when some were refused."""
    from clinic_core.domain.access import SYSTEM  # noqa: PLC0415 - --help stays quick
    from clinic_core.services import imports  # noqa: PLC0415

    _check_report(args)
    with clinic_for(args, writes=not args.dry_run) as clinic:
        how = _mapping(clinic, args)
        plan = _planned(args.file, how)
        _say_plan(args, plan)
        if args.save_mapping and not args.dry_run:
            imports.save_mapping(clinic, SYSTEM, how, args.save_mapping)
        with _telling(args.report) as tell, _bar(args) as progress:
            summary = imports.run(clinic, SYSTEM, plan, dry_run=args.dry_run, tell=tell, progress=progress)
    _say_summary(args, summary)
    return 1 if summary.refused else 0


def _epilog() -> str:
    from clinic_core.domain.import_fields import FIELDS  # noqa: PLC0415 - argparse asks for it on --help only

    told = [f"{kind}:\n" + "\n".join(map(_told, fields)) for kind, fields in FIELDS.items()]
    example = (
        "example:\n  python -m clinic_core import appointments visits.csv --dry-run \\\n"
        '    --map "AppointmentDay=day" --set "practitioner=Dr Imported" --value "status:No=fulfilled"'
    )
    return "our fields, by what the file holds\n\n" + "\n\n".join(told) + "\n\n" + example


def _told(one: Field) -> str:
    needed = "" if not one.needed else " (needed)" if one.needed == one.name else f" (needed: {one.needed})"
    return f"  {one.name:15} {one.help}{needed}"


def _check_report(args: argparse.Namespace) -> None:
    if args.report and args.report.exists() and args.file.exists() and args.report.samefile(args.file):
        raise InvalidInput("The report would overwrite the file itself. Give it another name.")


def _mapping(clinic: Clinic, args: argparse.Namespace) -> Mapping:
    from clinic_core.domain import imports as rules  # noqa: PLC0415
    from clinic_core.domain.access import SYSTEM  # noqa: PLC0415
    from clinic_core.domain.import_fields import Kind  # noqa: PLC0415
    from clinic_core.domain.import_values import DateOrder  # noqa: PLC0415
    from clinic_core.services import imports  # noqa: PLC0415

    order = DateOrder(args.date_order) if args.date_order else None
    given = rules.mapping(Kind(args.kind), columns=args.map, constants=args.set, codes=args.value, order=order)
    if not args.mapping:
        return given
    return rules.merged(imports.saved_mapping(clinic, SYSTEM, args.mapping, given.kind), given)


def _planned(path: Path, how: Mapping) -> Plan:
    """The plan; a person at the keyboard is asked for the order of dates where the file does not tell."""
    from dataclasses import replace  # noqa: PLC0415

    from clinic_core.domain.import_values import DateOrder  # noqa: PLC0415
    from clinic_core.services import imports  # noqa: PLC0415

    try:
        return imports.plan(path, how)
    except imports.AmbiguousDates as question:
        if not sys.stdin.isatty():
            raise
        print(question, file=sys.stderr)
        answer = input("Is it dmy or mdy? ").strip().lower()
        if answer not in _ORDERS:
            raise
        return imports.plan(path, replace(how, date_order=DateOrder(answer)))


def _say_plan(args: argparse.Namespace, plan: Plan) -> None:
    print(f"{args.file.name}: {_many(plan.rows, 'row')} of {args.kind}.")
    for note in plan.notes:
        print(note)
    sys.stdout.flush()


@contextmanager
def _bar(args: argparse.Namespace) -> Iterator[Callable[[int, int], None]]:
    from clinic_core import progress  # noqa: PLC0415

    with progress.bar("Checking" if args.dry_run else "Importing") as move:
        yield move


@contextmanager
def _telling(report: Path | None) -> Iterator[Callable[[Finding], None]]:
    """What prints a finding, and writes it to the report."""
    from clinic_core import progress  # noqa: PLC0415

    if report is None:
        yield lambda finding: progress.tell(_line(finding))
        return
    try:
        file = report.open("w", encoding="utf-8-sig", newline="")
    except OSError as error:
        raise InvalidInput(f"The report {report} cannot be written: {(error.strerror or '').lower()}.") from error
    with file:
        writer = csv.writer(file)
        writer.writerow(["row", "column", "outcome", "problem"])

        def tell(finding: Finding) -> None:
            writer.writerow(_cells(finding))
            progress.tell(_line(finding))

        yield tell


def _line(finding: Finding) -> str:
    where = f"Row {finding.row}" + (f", {finding.column}" if finding.column else "")
    return f"{where}: {finding.problem}" + (" – not imported" if finding.refused else " – imported")


def _cells(finding: Finding) -> list[str]:
    """The finding as cells that no spreadsheet takes for a formula."""
    texts = [finding.column, "refused" if finding.refused else "warning", finding.problem]
    return [str(finding.row), *(f"'{text}" if text.startswith(_STARTS_FORMULA) else text for text in texts)]


def _say_summary(args: argparse.Namespace, summary: Summary) -> None:
    done = "would go in" if summary.dry_run else "went in"
    print(
        f"{_many(summary.read, 'row')} read: {summary.new} {done}, {summary.already} were there already, "
        f"{summary.repeated} repeated a row above, {summary.refused} refused; {_many(summary.warnings, 'warning')}."
    )
    if summary.blank:
        print(f"{_many(summary.blank, 'blank row')} skipped.")
    if summary.added:
        made = ", ".join(_many(how_many, what) for what, how_many in sorted(summary.added.items()))
        print(f"{'Would be added' if summary.dry_run else 'Added'} on the way: {made}.")
    if args.dry_run:
        print("Nothing was written. Run it again without --dry-run to import.")
    elif summary.refused:
        print("Correct the refused rows in the file and run it again: rows that went in are not taken twice.")


def _many(how_many: int, what: str) -> str:
    return f"{how_many} {what}" if how_many == 1 else f"{how_many} {what}s"
