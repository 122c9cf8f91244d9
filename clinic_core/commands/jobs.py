"""``jobs``: what the sidecar does in the background, on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from clinic_core.commands import clinic_for
from clinic_core.domain.access import SYSTEM
from clinic_core.errors import NotFound

if TYPE_CHECKING:
    from clinic_core.clinic import Clinic
    from clinic_core.domain.jobs import Job, JobState

NAME = "jobs"
HELP = "list the sidecar's jobs, run one here and now, pause and resume one"

FAILED: Final = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One subcommand per act."""
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    _act(acts, "list", "show every job: when it is due and how it went last", _list, name=False)
    _act(acts, "run", "run a job here and now, due or not, and say how it went", _run)
    _act(acts, "pause", "let a job rest", _pause)
    _act(acts, "resume", "let a paused job go on", _resume)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    with clinic_for(args) as clinic:
        act: Callable[[Clinic, argparse.Namespace], int] = args.do
        return act(clinic, args)


def _list(clinic: Clinic, args: argparse.Namespace) -> int:
    from clinic_core.services import jobs  # noqa: PLC0415 - it imports the database driver

    found = jobs.overview(clinic, SYSTEM)
    for state in found.jobs:
        print(f"{state.id:<22}  {state.schedule:<42}  {_next(clinic, state):<17}  {_last(clinic, state)}")
    if not found.jobs:
        print("No sidecar has run yet: `python -m clinic_core up` starts one, or `python scheduler.py`.")
    return 0


def _run(clinic: Clinic, args: argparse.Namespace) -> int:
    from clinic_core.jobs import JOBS  # noqa: PLC0415
    from clinic_core.sidecar import Sidecar  # noqa: PLC0415

    job = _named(JOBS, args.name)
    outcome = Sidecar(clinic, JOBS).run_here(job)
    if outcome is None:
        print(f'"{job.name}" is being run by a sidecar at this moment. Nothing was done; see `jobs list`.')
        return FAILED
    if not outcome.ok:
        print(f'"{job.name}" failed: {outcome.result or "a bug"} (reference {outcome.reference} in the log).')
        return FAILED
    print(f'"{job.name}" went well: {outcome.result.rstrip(".") or "nothing was to be done"}.')
    return 0


def _pause(clinic: Clinic, args: argparse.Namespace) -> int:
    from clinic_core.services import jobs  # noqa: PLC0415

    jobs.pause(clinic, SYSTEM, args.name)
    print(f'"{args.name}" rests until `jobs resume "{args.name}"`.')
    return 0


def _resume(clinic: Clinic, args: argparse.Namespace) -> int:
    from clinic_core.services import jobs  # noqa: PLC0415

    jobs.resume(clinic, SYSTEM, args.name)
    print(f'"{args.name}" goes on.')
    return 0


def _act(
    acts: argparse._SubParsersAction[argparse.ArgumentParser],
    act: str,
    text: str,
    do: Callable[[Clinic, argparse.Namespace], int],
    *,
    name: bool = True,
) -> None:
    parser = acts.add_parser(act, help=text, description=text)
    if name:
        parser.add_argument("name", help="the job's name, as `jobs list` shows it")
    parser.set_defaults(do=do)


def _named(table: tuple[Job, ...], name: str) -> Job:
    for job in table:
        if job.name == name:
            return job
    raise NotFound(f'There is no job "{name}". There are: {", ".join(job.name for job in table)}.')


def _next(clinic: Clinic, state: JobState) -> str:
    return "paused" if state.paused else f"next {_at(clinic, state.next_at)}"


def _last(clinic: Clinic, state: JobState) -> str:
    if state.holder:
        return f"at work since {_at(clinic, state.started_at)}"
    if state.finished_at is None:
        return "never ran"
    if not state.ok:
        return f"failed at {_at(clinic, state.finished_at)}, {state.failures} times in a row, {_why(state)}"
    return f"went well at {_at(clinic, state.finished_at)} {state.result}".rstrip()


def _why(state: JobState) -> str:
    return state.result or f"reference {state.reference}"


def _at(clinic: Clinic, instant: datetime | None) -> str:
    return f"{clinic.local(instant):%d %b %H:%M}" if instant else "soon"
