"""``up``: database, sidecar and app together, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import sys

from clinic_core.commands import port_number, settings_for

NAME = "up"
HELP = "Start the database, the sidecar and the app on this machine and keep them running until Ctrl-C."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to listen, and what to leave out."""
    parser.add_argument("--port", type=port_number, metavar="N", help="port of the app (default: PORT, or 8501)")
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (default: this machine only)"
    )
    parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")


def run(args: argparse.Namespace) -> int:
    """Run until stopped."""
    from clinic_core import supervisor  # noqa: PLC0415 - it imports the database driver

    settings = settings_for(args)
    options = supervisor.Options(
        port=args.port or settings.port,
        host=args.host,
        demo=not args.no_demo,
        browser=not args.no_browser,
        terminal=sys.stdout.isatty(),
    )
    return supervisor.up(settings, options, say)


def say(text: str) -> None:
    """One line of progress. A terminal that has gone away does not stop the clinic."""
    with contextlib.suppress(OSError):
        print(text, flush=True)
