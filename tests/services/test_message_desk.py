"""Messages as the front desk sees them: who is left out, what failed, and sending it again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.appointments import Appointment, AppointmentStatus
from clinic_core.domain.message_help import Gap
from clinic_core.domain.messages import (
    Channel,
    Communication,
    Delivery,
    MessageKind,
    MessagePolicy,
    MessageStatus,
    OptOut,
    Reason,
)
from clinic_core.domain.people import ContactBy
from clinic_core.errors import Conflict, IllegalTransition, SlotTaken
from clinic_core.services import directory, message_desk, message_figures
from clinic_core.services.message_figures import State
from tests import make
from tests.conftest import World

M = MessageStatus


def visit(world: World, hours: str = "10:00", **changes: Any) -> Appointment:
    made = make.appointment(**{"patient_id": world.asha.id, "start": make.at(hours, make.TUESDAY), **changes})
    world.clinic.appointments.add(made)
    return made


def message(world: World, about: Appointment, status: MessageStatus = M.PREPARATION, **changes: Any) -> Communication:
    made = make.reminder(about, status=status, **changes)
    world.clinic.communications.add_many([made])
    return made


def sent(world: World, about: Appointment, **changes: Any) -> Communication:
    at = make.at("08:00", make.MONDAY)
    given = {"sent_at": at, "sent_on": make.MONDAY, "segments": 1, "cost_micros": 180_000}
    return message(world, about, M.COMPLETED, **{**given, **changes})


def audit(clinic: Clinic) -> list[tuple[str, str]]:
    day = timedelta(days=1)
    return [(e.action, e.record_id) for e in clinic.audit.store.latest(since=make.NOW - day, until=make.NOW + day)]


class TestPlan:
    """Who gets what tomorrow, and whom to call."""

    def test_those_whom_nobody_reminds_are_named_with_the_reason(self, world: World, reception: Actor) -> None:
        """They are who does not come; a patient who confirmed or is reminded is not called for nothing."""
        silent = make.patient(contact_by=ContactBy.NONE)
        stopped = make.patient(contact_by=ContactBy.EMAIL, email="stopped@example.org")
        world.clinic.patients.add_many([silent, stopped])
        world.clinic.opt_outs.record(OptOut(id="o", recipient=stopped.email, stopped=True, at=make.NOW, source="desk"))
        reminded, first = visit(world, "09:00"), visit(world, "10:00", patient_id=silent.id)
        second, late = visit(world, "11:00", patient_id=stopped.id), visit(world, "12:00", patient_id=world.ben.id)
        visit(world, "15:00", confirmed_at=make.NOW)
        visit(world, "16:00", status=AppointmentStatus.CANCELLED)
        message(world, reminded)
        message(world, second)

        found = message_desk.plan(world.clinic, reception, make.TUESDAY)

        assert [(one.visit.id, one.gap) for one in found.unreminded] == [
            (first.id, Gap.NOT_WANTED),
            (second.id, Gap.OPTED_OUT),
            (late.id, Gap.LATE),
        ]
        assert found.expected == 4
        assert ("message.read", f"plan:{make.TUESDAY}") in audit(world.clinic)

    def test_the_messages_of_the_day_come_with_their_patients(self, world: World, reception: Actor) -> None:
        """By when they go out."""
        one = visit(world)
        later = message(world, one, due_at=make.at("12:00"), due_on=make.MONDAY, lead_minutes=120)
        sooner = message(world, one, due_at=make.at("10:00"), due_on=make.MONDAY)

        found = message_desk.plan(world.clinic, reception, make.MONDAY)

        assert [(line.message.id, line.patient) for line in found.lines] == [
            (sooner.id, world.asha),
            (later.id, world.asha),
        ]


class TestFailed:
    """Dead letters, and what waits after a restore."""

    def test_a_dead_letter_is_sent_again_once(self, world: World, reception: Actor) -> None:
        """It waits from now until the visit; a second click changes nothing."""
        dead = message(world, visit(world), M.NOT_DONE, reason=Reason.NO_ANSWER, attempts=8, error_code="30008")
        assert [line.message.id for line in message_desk.trouble(world.clinic, reception).failed] == [dead.id]

        after = message_desk.send_again(world.clinic, reception, dead.id)
        with pytest.raises(IllegalTransition):
            message_desk.send_again(world.clinic, reception, dead.id)

        assert (after.status, after.reason, after.attempts, after.error_code) == (M.PREPARATION, None, 0, "")
        assert (after.due_at, after.expires_at) == (make.NOW, dead.about_start)
        assert [one.id for one in world.clinic.communications.waiting(make.NOW, most=5)] == [dead.id]
        assert message_desk.trouble(world.clinic, reception).failed == ()

    def test_a_dead_letter_that_was_dealt_with_leaves_the_list(self, world: World, reception: Actor) -> None:
        """Or the list grows for ever, and nobody sees the new ones; the visit is still one that nobody reminds of."""
        about = visit(world)
        dead = message(world, about, M.NOT_DONE, reason=Reason.BAD_RECIPIENT)

        after = message_desk.put_aside(world.clinic, reception, dead.id)

        assert (after.status, after.reason) == (M.STOPPED, Reason.BAD_RECIPIENT)
        assert message_desk.waiting(world.clinic, reception) == (0, 0)
        (left,) = message_desk.plan(world.clinic, reception, make.TUESDAY).unreminded
        assert left.gap is Gap.FAILED

    def test_nothing_is_sent_about_a_visit_that_has_begun(self, world: World, reception: Actor) -> None:
        """The patient is there, or it is too late."""
        dead = message(world, visit(world, "08:00", start=make.at("08:00")), M.NOT_DONE, reason=Reason.NO_ANSWER)

        with pytest.raises(IllegalTransition, match="has begun"):
            message_desk.send_again(world.clinic, reception, dead.id)

    def test_what_is_on_hold_is_released_or_stopped(self, world: World, reception: Actor) -> None:
        """After a restore nobody knows what was sent before: a person decides, one by one or all."""
        about = visit(world)
        held = [message(world, about, M.ON_HOLD, reason=Reason.RESTORED, lead_minutes=n) for n in (60, 120, 180)]
        ids = [one.id for one in held]

        message_desk.stop(world.clinic, reception, ids[0])
        done = message_desk.each(world.clinic, reception, ids, message_desk.release)

        assert done == 2  # the first one is stopped
        found = {one.id: (one.status, one.reason) for one in world.clinic.communications.about(about.id)}
        assert found == {
            ids[0]: (M.STOPPED, Reason.RESTORED),
            ids[1]: (M.PREPARATION, None),
            ids[2]: (M.PREPARATION, None),
        }

    def test_two_desks_that_send_again_at_once_send_once(self, world: World, reception: Actor) -> None:
        """The second one finds it changed."""
        dead = message(world, visit(world), M.NOT_DONE, reason=Reason.NO_ANSWER)
        message_desk.send_again(world.clinic, reception, dead.id)

        with pytest.raises(Conflict):
            world.clinic.communications.change(dead, replace(dead, status=M.PREPARATION))


class TestOffer:
    """The time of a cancelled visit for somebody else."""

    @pytest.fixture
    def freed(self, world: World) -> Appointment:
        policy = MessagePolicy(kinds=(MessageKind.WAITLIST_OFFER,))
        directory.save_message_policy(world.clinic, make.actor(make.Role.MANAGER), policy)
        return visit(world, status=AppointmentStatus.CANCELLED)

    def test_it_is_offered_once_to_each(self, world: World, reception: Actor, freed: Appointment) -> None:
        """A double click is one message; it names the time, and holds no longer than one can come."""
        made = message_desk.offer_time(world.clinic, reception, freed, world.ben)
        message_desk.offer_time(world.clinic, reception, freed, world.ben)

        assert [one.id for one in world.clinic.communications.of_patient(world.ben.id)] == [made.id]
        assert (made.kind, made.about_start, made.expires_at < freed.start) == (
            MessageKind.WAITLIST_OFFER,
            freed.start,
            True,
        )

    def test_only_a_time_that_is_free_and_to_come(
        self, world: World, reception: Actor, freed: Appointment, clock: make.Clock
    ) -> None:
        """Two would come for one time."""
        with pytest.raises(IllegalTransition):
            message_desk.offer_time(world.clinic, reception, visit(world, "11:00"), world.ben)
        taken = visit(world, "11:00", status=AppointmentStatus.CANCELLED)
        with pytest.raises(SlotTaken):
            message_desk.offer_time(world.clinic, reception, taken, world.ben)
        clock.set("09:45", make.TUESDAY)
        with pytest.raises(IllegalTransition):
            message_desk.offer_time(world.clinic, reception, freed, world.ben)


class TestPatient:
    """What the record shows."""

    def test_a_patients_messages_and_whether_they_stopped(self, world: World, reception: Actor) -> None:
        """Only their own; and that somebody read them is in the audit trail."""
        mine = sent(world, visit(world))
        sent(world, visit(world, "11:00", patient_id=world.ben.id))
        line = OptOut(id="1", recipient=world.asha.phone, stopped=True, at=make.NOW, source="reply")
        world.clinic.opt_outs.record(line)

        found = message_desk.of_patient(world.clinic, reception, world.asha)

        assert [one.id for one in found.sent] == [mine.id]
        assert found.opted_out
        assert ("message.read", world.asha.id) in audit(world.clinic)


class TestFigures:
    """What it costs, whether it arrives, whether who confirms comes."""

    @pytest.fixture
    def month(self, world: World, clock: make.Clock) -> World:
        """A week later: two came who confirmed, of three who did not one stayed away; one was reminded by nobody."""
        S = AppointmentStatus
        directory.save_message_policy(
            world.clinic, make.actor(make.Role.MANAGER), MessagePolicy(monthly_budget_micros=10_000_000)
        )
        came = [
            visit(world, "09:00", status=S.FULFILLED, confirmed_at=make.NOW),
            visit(world, "10:00", status=S.FULFILLED, confirmed_at=make.NOW),
            visit(world, "11:00", status=S.FULFILLED),
            visit(world, "12:00", status=S.FULFILLED),
        ]
        missed = visit(world, "14:00", status=S.NOSHOW)
        visit(world, "15:00", status=S.NOSHOW)
        for one in came:
            sent(world, one, delivery=Delivery.DELIVERED)
        sent(world, missed, segments=3, cost_micros=540_000)
        sent(world, missed, lead_minutes=120, delivery=Delivery.UNDELIVERED, channel=Channel.WHATSAPP)
        sent(world, missed, kind=MessageKind.CONFIRMATION, channel=Channel.EMAIL, cost_micros=0)
        clock.pass_(days=7)
        return world

    def test_sums_and_rates(self, month: World, manager: Actor) -> None:
        """Segments are of text messages; what nobody reported counts neither as arrived nor as lost."""
        found = message_figures.figures(month.clinic, manager, make.MONDAY, make.SUNDAY)

        assert (len(found.sent), found.segments, found.cost_micros) == (7, 7, 4 * 180_000 + 540_000 + 180_000)
        assert found.arrival_rate == 4 / 5
        assert [one.state for one in found.sent].count(State.UNKNOWN) == 2
        assert len(found.visits) == 5
        assert found.noshow_rate(confirmed=True) == 0
        assert found.noshow_rate(confirmed=False) == 1 / 3

    def test_the_budget_and_where_it_leads(self, month: World, manager: Actor) -> None:
        """9 March: 1.44 was spent in seven days, and 22 days are left."""
        budget = message_figures.budget(month.clinic, manager)

        assert budget.spent_micros == 1_440_000
        assert budget.share == 0.144
        assert budget.forecast_micros == 1_440_000 + 22 * (1_440_000 // 7)

    def test_figures_are_for_managers(self, month: World, reception: Actor) -> None:
        """Reception sees the messages, not what they cost together."""
        with pytest.raises(Exception, match="may not"):
            message_figures.figures(month.clinic, reception, make.MONDAY, make.SUNDAY)

    def test_an_older_day_is_read_once(self, month: World, manager: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
        """A month of days read anew on each click would be a second of the database each time."""
        message_figures.figures(month.clinic, manager, make.MONDAY, make.MONDAY)
        asked = []
        store = type(month.clinic.communications)
        original = store.sent_on
        monkeypatch.setattr(store, "sent_on", lambda self, day: asked.append(day) or original(self, day))
        message_figures.figures(month.clinic, manager, make.MONDAY, make.MONDAY)

        assert make.MONDAY not in asked
