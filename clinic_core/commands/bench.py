"""``bench``: measure a running clinic and print JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from clinic_core.commands import settings_for
from clinic_core.errors import InvalidInput
from clinic_core.folder import DataFolder

NAME = "bench"
HELP = "measure a running clinic and print JSON"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``bench pages`` and its options."""
    kinds = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    pages = kinds.add_parser("pages", help="drive real websocket sessions through the main screens")
    pages.add_argument("--url", help="where the app answers (that of the running clinic)")
    pages.add_argument("--sessions", default="1,10,50,100", help="how many at once, in turn (%(default)s)")
    pages.add_argument("--think", type=float, default=5.0, help="mean seconds between two actions (%(default)s)")
    pages.add_argument("--reruns", type=int, default=5, help="runs after each opened screen (%(default)s)")
    pages.add_argument("--password", default="clinic-demo", help="of the demo users (the demo's own)")
    pages.add_argument("--seed", type=int, default=1, help="of the think times (%(default)s)")
    pages.add_argument("--data-dir", type=Path, help="the running clinic's data folder: finds its address and its CPU")


def run(args: argparse.Namespace) -> int:
    """Measure and print; 1 when any run showed an error."""
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
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 1 if any(level["errors"] for level in result["levels"]) else 0


def _levels(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InvalidInput("--sessions takes whole numbers with commas, like 1,10,50,100.") from error
