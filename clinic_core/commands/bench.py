"""``bench``: measure a running clinic and print JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from clinic_core.commands import settings_for
from clinic_core.errors import InvalidInput
from clinic_core.folder import DataFolder

NAME = "bench"
HELP = "measure pages, reports of many years, or reminders under faults, and print JSON"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the kinds of measurement with their options."""
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    pages = kinds.add_parser("pages", help="drive real websocket sessions through the main screens")
    pages.add_argument("--url", help="where the app answers (that of the running clinic)")
    pages.add_argument("--sessions", default="1,10,50,100", help="how many at once, in turn (%(default)s)")
    pages.add_argument("--think", type=float, default=5.0, help="mean seconds between two actions (%(default)s)")
    pages.add_argument("--reruns", type=int, default=5, help="runs after each opened screen (%(default)s)")
    pages.add_argument("--password", default="clinic-demo", help="of the demo users (the demo's own)")
    pages.add_argument("--seed", type=int, default=1, help="of the think times (%(default)s)")
    pages.add_argument("--data-dir", type=Path, help="the running clinic's data folder: finds its address and its CPU")
    many = kinds.add_parser("reports", help="make a clinic of many years when it is missing, and drive its reports")
    many.add_argument("--years", type=float, default=10.0, help="of the clinic that is made (%(default)s)")
    many.add_argument("--practitioners", type=int, default=12, help="of the clinic that is made (%(default)s)")
    many.add_argument("--clicks", type=int, default=300, help="selections, one after the other (%(default)s)")
    many.add_argument("--seed", type=int, default=1, help="of what is selected (%(default)s)")
    many.add_argument("--json", action="store_true", help="print JSON (which it always does)")
    many.add_argument("--data-dir", type=Path, help="a data folder of its own, in which nothing runs")
    backup = kinds.add_parser("backup", help="make a clinic when it is missing; back it up, prove and restore it")
    backup.add_argument("--documents", type=int, default=250_000, help="in the clinic, at least (%(default)s)")
    backup.add_argument("--data-dir", type=Path, help="a data folder of its own, in which nothing runs")
    sent = kinds.add_parser(
        "reminders", help="send reminders while sidecars, database and carrier fail, and count them"
    )
    sent.add_argument("--minutes", type=float, default=3.0, help="for how long things are killed (%(default)s)")
    sent.add_argument("--messages", type=int, default=2_000, help="reminders that come due meanwhile (%(default)s)")
    sent.add_argument("--seed", type=int, default=1, help="of faults and kills (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Measure and print; 1 when any run showed an error, or a reminder was lost, late or came twice."""
    kinds = {"pages": _pages, "reports": _reports, "reminders": _reminders, "backup": _backup}
    return kinds[args.what](args)


def _backup(args: argparse.Namespace) -> int:
    from clinic_core import measuring_backups  # noqa: PLC0415 - --help stays quick

    _print(measuring_backups.run(settings_for(args), args.documents))
    return 0


def _reminders(args: argparse.Namespace) -> int:
    from clinic_core import campaign  # noqa: PLC0415 - the carrier's library is slow to import

    result = campaign.run_alone(minutes=args.minutes, messages=args.messages, seed=args.seed)
    _print(result.shown())
    return 0 if result.is_clean else 1


def _reports(args: argparse.Namespace) -> int:
    from clinic_core import measuring  # noqa: PLC0415 - streamlit.proto and pandas are slow to import

    plan = measuring.Plan(years=args.years, practitioners=args.practitioners, clicks=args.clicks, seed=args.seed)
    _print(measuring.run(settings_for(args), plan))
    return 0


def _pages(args: argparse.Namespace) -> int:
    from clinic_core.bench import pages  # noqa: PLC0415 - streamlit.proto and httpx are slow to import

    levels = _levels(args.sessions)
    running = DataFolder(settings_for(args).data_dir).running()
    url = args.url or (running.app_url if running else "")
    if not url:
        raise InvalidInput("No clinic runs on this data folder. Start one with `make run`, or give --url.")
    plan = pages.Plan(
        url=url.rstrip("/"),
        password=args.password,
        think=args.think,
        reruns=args.reruns,
        seed=args.seed,
        processes=dict(running.children) if running else {},
    )
    result = pages.run(plan, levels)
    _print(result)
    return 1 if any(level["errors"] for level in result["levels"]) else 0


def _print(result: dict[str, Any]) -> None:
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _levels(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InvalidInput("--sessions takes whole numbers with commas, like 1,10,50,100.") from error
