"""``web``: the app alone, as a container or a platform runs it."""

from __future__ import annotations

import argparse
import os
import sys

from clinic_core import streamlit_server
from clinic_core.commands import clinic_for, port_number
from clinic_core.errors import SettingsError
from clinic_core.settings import ROOT, Settings

NAME = "web"
HELP = "Run the app alone, for containers and platforms; the sidecar (python scheduler.py) runs beside it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The address to listen on."""
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: every one)")  # noqa: S104
    parser.add_argument("--port", type=port_number, metavar="N", help="port to listen on (default: PORT, or 8501)")


def run(args: argparse.Namespace) -> int:
    """Check the settings and the database, make missing indexes, and become the app's server."""

    settings = Settings.from_env()
    if not settings.database_url:
        raise SettingsError(
            "DATABASE_URL is missing: the app alone starts no database. "
            "Example: DATABASE_URL=mongodb://localhost:27017/clinic; or use the command `up`."
        )
    with clinic_for(args):
        pass
    program = streamlit_server.program(settings, host=args.host, port=args.port or settings.port)
    os.chdir(ROOT)
    command = [sys.executable, *program]
    os.execve(sys.executable, command, {**os.environ, **streamlit_server.environment(settings)})  # noqa: S606
    return 0
