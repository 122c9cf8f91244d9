"""Operations: how each job went, alerts with what to do, and who may run, pause and plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.alerts import Severity
from clinic_core.domain.backups import BackupEvent, Step
from clinic_core.domain.changes import ChainState, Gap, Restored
from clinic_core.domain.jobs import Job, daily, every
from clinic_core.domain.upkeep import SizeSample
from clinic_core.errors import InvalidInput
from clinic_core.services import alerts, jobs, upkeep
from clinic_core.sidecar import Sidecar
from clinic_core.store.changes import STATE
from tests import make
from tests.conftest import World
from tests.pages import screen


def full(_: Clinic) -> None:
    """A job that fails and says why."""
    raise InvalidInput("The folder is full: make room.")


@pytest.fixture
def worked(world: World, clock: make.Clock) -> Iterator[Sidecar]:
    """A sidecar that has run two jobs, of which one failed."""
    table = [
        Job("fold facts", every(seconds=20), lambda _: 7, "Brings the figures of the reports up to date"),
        Job("backup", daily("08:10"), full, "Makes a backup"),
    ]
    sidecar = Sidecar(world.clinic, table)
    sidecar.start()
    sidecar.stop()
    clock.set("08:10")
    for job in table:
        sidecar.run_here(job)
    sidecar.beat()
    yield sidecar


def cells(page: AppTest, key: str) -> list[str]:
    """Everything in a table's cells."""
    found = screen.component(page, key)["rows"]
    return [cell if isinstance(cell, str) else cell["text"] for row in found for cell in row["cells"]]


def test_it_helps_before_any_sidecar_ran(clinic: Clinic, admin: Actor) -> None:
    """Nothing works in the background then, and only this page says so."""
    page = screen.open_page("operations", clinic, admin)

    assert "No sidecar runs" in screen.errors(page)[0]
    assert "python scheduler.py" in screen.errors(page)[0]
    assert "nothing was done yet" in screen.said(page)


def test_it_shows_each_job_and_what_is_wrong(worked: Sidecar, world: World, manager: Actor) -> None:
    """The failure with its reason, since when, the alert with advice; the manager may look and not touch."""
    alerts.raise_alert(
        world.clinic,
        "disk",
        severity=Severity.CRITICAL,
        summary="The disk is full.",
        advice="Run `df -h`, then *tidy* up.",
    )
    page = screen.open_page("operations", world.clinic, manager, operations__job="backup")
    reference = next(run.reference for run in jobs.history(world.clinic, manager, "backup"))

    assert f"The folder is full: make room. · reference {reference}" in cells(page, "operations.jobs")
    assert {"Backup", "Failed", "Fold facts", "Well", "7"} <= set(cells(page, "operations.jobs"))
    said = screen.said(page)
    assert "The disk is full.**  \nRun `df -h`, then *tidy* up." in said
    assert 'The job "backup" fails' in said
    assert "Nobody is told of alerts outside this page" in said
    assert "Makes a backup; daily at 08:10 (Asia/Kolkata)." in said
    assert "Failing since Mon 2 Mar 08:10; it never went well" in said
    assert "One sidecar runs" in said
    assert [b.label for b in page.button if b.label != "Close"] == []


def test_the_administrator_runs_pauses_and_resumes(worked: Sidecar, world: World, admin: Actor) -> None:
    """Each is a request that the sidecars see; the screen says what comes next."""
    page = screen.open_page("operations", world.clinic, admin, operations__job="fold facts")
    page = screen.click(page, "Run now")
    assert "asked for, at once" in cells(page, "operations.jobs")
    page = screen.click(page, "Pause")
    state = world.clinic.jobs.get("fold facts")
    assert state is not None
    assert (state.paused, state.run_now_at) == (True, world.clinic.now())
    page = screen.click(page, "Resume")
    assert "Paused" not in cells(page, "operations.jobs")
    page = screen.click(page, "Close")
    assert "Run now" not in [b.label for b in page.button]


def test_a_sidecar_that_fell_silent_is_missed(worked: Sidecar, world: World, admin: Actor, clock: make.Clock) -> None:
    """With when it was heard last; what is late says so."""
    clock.pass_(minutes=5)
    page = screen.open_page("operations", world.clinic, admin)

    assert "The last one was heard Mon 2 Mar 08:10" in screen.said(page)
    assert "Nothing is done in the background" not in screen.said(page), "five minutes are a restart, perhaps"
    assert "Late" in cells(page, "operations.jobs")
    assert "in the background.** The last one" in screen.errors(page)[-1], "without the space no bold text"


def test_that_nothing_works_in_the_background_is_said_on_every_page(
    worked: Sidecar, world: World, manager: Actor, reception: Actor, clock: make.Clock
) -> None:
    """To who can do something about it; before, reminders would stay away and nobody would know why."""
    clock.pass_(minutes=6)
    world.clinic.forget_directory()

    assert "Nothing is done in the background since Mon 2 Mar 08:10" in screen.said(
        screen.open_page("today", world.clinic, manager)
    )
    assert "background" not in screen.said(screen.open_page("today", world.clinic, reception))
    worked.run_here(next(job for job in worked.table if job.name == "fold facts"))
    world.clinic.forget_directory()
    assert "background" not in screen.said(screen.open_page("today", world.clinic, manager))


def test_the_desk_is_refused(world: World, reception: Actor) -> None:
    """The page says so and draws nothing else."""
    page = screen.open_page("operations", world.clinic, reception)
    assert "may not open" in screen.errors(page)[0]
    assert not page.button


def section(page: AppTest, name: str) -> AppTest:
    """Go to another part of the page."""
    page.segmented_control(key="operations.section").set_value(name)
    return screen.run(page)


def test_the_database_with_its_trend(world: World, manager: Actor, clock: make.Clock) -> None:
    """First how to get a figure; then size, growth, when the disk is full, and what the reviews said."""
    page = section(screen.open_page("operations", world.clinic, manager), "Database")
    assert "measured every night" in screen.said(page)
    for night in range(8):
        at = clock.instant - timedelta(days=7 - night)
        world.clinic.upkeep.save_sample(
            SizeSample(
                id=at.date().isoformat(),
                at=at,
                disk_bytes=100_000_000 + night * 1_000_000,
                free_bytes=90_000_000,
                documents={"patients": 2},
            )
        )
    upkeep.look_at_indexes(world.clinic)
    said = screen.said(screen.run(page))
    assert "107.0 MB" in said
    assert "+1.0 MB" in said
    assert "full about 31 May 2026 at this pace" in said
    assert "not known without the internet" in said


def test_a_maintenance_is_planned_and_everybody_reads_it(
    world: World, admin: Actor, reception: Actor, clock: make.Clock
) -> None:
    """In the clinic's local time; the manager sees the plan without the form."""
    page = section(screen.open_page("operations", world.clinic, admin), "Maintenance")
    assert "No maintenance is planned" in screen.said(page)
    screen.field(page, "date_input", "Day").set_value(make.TUESDAY)
    screen.fill(page, What_people_read="We install *an* update.")
    page = screen.click(page, "Announce")
    assert "Tue 3 Mar 02:00 to 04:00" in screen.said(page)

    desk = screen.said(screen.open_page("today", world.clinic, reception))
    assert "Maintenance Tue 3 Mar 02:00 to 04:00.** Save your work before it begins." in desk
    assert "We install *an* update." in desk
    clock.set("02:30", make.TUESDAY)
    assert "Maintenance until 04:00" in screen.said(screen.open_page("today", world.clinic, reception))
    screen.click(screen.run(page), "Call off")
    assert "Maintenance" not in screen.said(screen.open_page("today", world.clinic, reception))


def test_the_manager_sees_the_plan_without_the_form(world: World, manager: Actor) -> None:
    """Planning is the administrator's."""
    page = section(screen.open_page("operations", world.clinic, manager), "Maintenance")
    assert "No maintenance is planned" in screen.said(page)
    assert not page.button


def test_how_far_every_change_is_kept(world: World, manager: Actor, clock: make.Clock) -> None:
    """Who needs a moment back must know which ones there are, and that messages of a restored clinic are held."""
    clinic, now = world.clinic, clock()
    event = BackupEvent(id="e", at=now, step=Step.CREATED, backup_id="b", size=1, documents=1)
    clinic.backups.add(event)
    gap = Gap(since=now - timedelta(hours=2), until=now - timedelta(hours=1), reason="much was loaded at once")
    chain = ChainState(
        id=STATE,
        chain="c",
        database=clinic.database.name,
        started_at=gap.until,
        sequence=1,
        token="",
        covers_to=now,
        shipped_at=now,
        gaps=(gap,),
        behind=1,
    )
    clinic.changes.restored(Restored(restored_at=now, restored_to=gap.since, held=3))
    clinic.changes.begin(chain, instead_of=None)

    page = section(screen.open_page("operations", clinic, manager), "Backups")
    told = screen.said(page) + str([each.value for each in [*page.warning, *page.info]])
    assert "as it was on 02 Mar 2026 06:00:00. 3 messages were put on hold" in told
    assert "Every change is kept up to 02 Mar 2026 08:00:00. It serves from the next good backup on" in told
    assert "The folder or the bucket refuses" in told
    assert "02 Mar 2026 06:00:00 | 02 Mar 2026 07:00:00 | much was loaded at once" in told

    clock.set("08:04")
    page = section(screen.open_page("operations", clinic, manager), "Backups")
    assert "Nothing was added since" in str([each.value for each in page.warning])
