"""``python -m clinic_core jobs``: as an administrator types it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clinic_core import cli, jobs
from clinic_core.clinic import Clinic
from clinic_core.domain.jobs import Job, every
from clinic_core.errors import InvalidInput, NotFound

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(clinic: Clinic, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run it in this process; gives its status and what it printed."""
    monkeypatch.setenv("DATABASE_URL", clinic.settings.database_url)

    def run(*arguments: str) -> tuple[int, str]:
        args = cli.build_parser().parse_args(["jobs", *arguments])
        status: int = args.run(args)
        return status, capsys.readouterr().out

    return run


def test_run_list_pause_and_resume(command: Command) -> None:
    """A run here and now shows in the list like those of a sidecar."""
    assert command("list") == (
        0,
        "No sidecar has run yet: `python -m clinic_core up` starts one, or `python scheduler.py`.\n",
    )
    assert command("run", "release past holds") == (0, '"release past holds" went well: nothing was to be done.\n')
    assert command("pause", "release past holds")[0] == 0
    listed = command("list")[1]
    assert "every hour" in listed
    assert "paused" in listed
    assert "went well at" in listed
    assert command("resume", "release past holds")[0] == 0
    assert "paused" not in command("list")[1]


def test_a_failure_and_a_name_that_is_not_there(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both end with a sentence and a status for scripts."""

    def full(_: Clinic) -> None:
        raise InvalidInput("The folder is full.")

    monkeypatch.setattr(jobs, "JOBS", (Job("copy", every(hours=1), full, "Copies"),))
    status, said = command("run", "copy")
    assert (status, said.startswith('"copy" failed: The folder is full. (reference ')) == (1, True)
    assert "failed at" in command("list")[1]
    with pytest.raises(NotFound, match='no job "cpoy". There are: copy.'):
        command("run", "cpoy")
    with pytest.raises(NotFound, match="no job"):
        command("pause", "cpoy")
