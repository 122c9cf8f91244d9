"""``python -m clinic_core COMMAND``: reads the arguments, runs the command, turns its errors into sentences."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from clinic_core import logs
from clinic_core.commands import all_commands
from clinic_core.errors import ClinicError, SettingsError
from clinic_core.settings import Settings

REFUSED: Final = 2
FAILED: Final = 3
INTERRUPTED: Final = 130


def build_parser() -> argparse.ArgumentParser:
    """The parser with every command; each takes ``--data-dir``."""
    parser = argparse.ArgumentParser(prog="python -m clinic_core", description="Run and look after the clinic system.")
    choices = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in all_commands():
        child = choices.add_parser(command.NAME, help=command.HELP, description=command.HELP)
        command.add_arguments(child)
        _add_data_dir(child)
        child.set_defaults(run=command.run)
    return parser


def _add_data_dir(parser: argparse.ArgumentParser) -> None:
    """Let the option stand after the command and after each of its acts: ``user list --data-dir FOLDER``."""
    if "--data-dir" not in parser._option_string_actions:
        parser.add_argument(
            "--data-dir",
            type=Path,
            metavar="FOLDER",
            default=argparse.SUPPRESS,  # an act that was given none must not undo what its command was given
            help="folder of the embedded database (default: DATA_DIR, or ./data); unused when DATABASE_URL is set",
        )
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for act in dict.fromkeys(action.choices.values()):
                _add_data_dir(act)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    args = build_parser().parse_args(argv)
    try:
        logs.configure(Settings.from_env(), process="command")
        status: int = args.run(args)
    except ClinicError as error:
        print(_sentence(error), file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return _closed_pipe()
    except Exception as error:  # noqa: BLE001 - the outermost frame: anything else is a bug
        reference = logs.report(error)
        print(f"Something unexpected went wrong. Please report it with the reference {reference}.", file=sys.stderr)
        return FAILED
    return status


def _sentence(error: ClinicError) -> str:
    """The error's message; wrong settings are introduced, since they come one per line."""
    if isinstance(error, SettingsError) and "\n" in str(error):
        return f"The settings need mending:\n{error}"
    return str(error)


def _closed_pipe() -> int:
    """The reader of our output (``| head``) has gone: nothing is left to say."""
    sys.stderr.close()
    return 0
