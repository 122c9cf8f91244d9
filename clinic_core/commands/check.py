"""``check``: verifies the whole database."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from clinic_core import memory
from clinic_core.commands import clinic_for

NAME = "check"
HELP = "Verify every record: no overlaps, gapless numbers, balances as in the ledger. Exit status 1 if one is wrong."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How to print the result."""
    parser.add_argument("--json", action="store_true", help="print the violations as JSON")


def run(args: argparse.Namespace) -> int:
    """Print a line per violation, to be read by a person or (``--json``) by a program."""
    from clinic_core.services import check  # noqa: PLC0415 - the driver is slow to import

    with clinic_for(args, writes=False) as clinic:
        violations = check.run(clinic, say=_say)
    if args.json:
        told = {"violations": [asdict(violation) for violation in violations], "rss_peak_mb": memory.peak_mb()}
        print(json.dumps(told, indent=2))
    else:
        for violation in violations:
            print(f"{violation.rule}: {violation.record_id} {violation.message}")
        _say(f"{len(violations)} violations." if violations else "All is well.")
    return 1 if violations else 0


def _say(text: str) -> None:
    """Progress goes to stderr: what is on stdout may be read by a program."""
    print(text, file=sys.stderr, flush=True)
