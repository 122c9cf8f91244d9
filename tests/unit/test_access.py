"""Who may do what: the whole matrix, and that every service asks it before anything else."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pytest

from clinic_core import services
from clinic_core.domain.access import OWN_ONLY, RULES, STAFF_ROLES, Actor, Role, allows, require
from clinic_core.errors import Forbidden
from tests import make

# Action, and who may: Admin, Manager, Receptionist, Doctor, System; d is a doctor on their own patients' visits only.
MATRIX = """
    patient.search            . M R D .
    patient.read              . M R D .
    patient.write             . M R . S
    appointment.read          . M R d .
    appointment.book          . M R . S
    appointment.move          . M R . .
    appointment.cancel        . M R . S
    appointment.confirm       . M R . S
    appointment.arrive        . M R . .
    appointment.noshow        . M R . .
    appointment.check_in      . M R d .
    appointment.fulfil        . . . d .
    encounter.read            . . . D .
    encounter.write           . . . d .
    invoice.read              . M R . .
    invoice.write             . M R . S
    invoice.draft_from_visit  . M R d .
    invoice.issue             . M R . .
    invoice.cancel            . M . . .
    payment.take              . M R . S
    payment.refund            . M . . .
    payment.transfer          . M . . .
    invoice.credit            . M . . .
    invoice.write_off         . M . . .
    invoice.reverse           . M . . .
    invoice.assign            . M R . .
    account.read              . M R . .
    account.deposit           . M R . .
    account.apply             . M R . .
    account.refund            . M . . .
    statement.read            . M R . .
    till.use                  . M R . .
    till.read_all             . M . . .
    till.close_any            . M . . .
    day.close                 . M . . .
    report.read               A M . . .
    report.export             A M . . .
    receivable.read           A M . . .
    recall.read               . M . . .
    planning.open             A M R . .
    planning.read             . M R . .
    planning.model            A M . . .
    message.send              . M R . .
    message.read              . M R . .
    message.answer            . M R . .
    directory.read            A M R D S
    settings.write            A M . . .
    user.read                 A . . . S
    user.write                A . . . S
    audit.read                A . . . .
    data.import               . . . . S
    job.read                  A M . . S
    job.run                   A . . . S
    maintenance.plan          A . . . .
    backup.read               A M . . .
"""
COLUMNS = (Role.ADMIN, Role.MANAGER, Role.RECEPTIONIST, Role.DOCTOR, Role.SYSTEM)

# What no person asks for: jobs and commands of whoever runs the machine, signing in itself, and pure computations.
NOBODY_ASKS = {
    "alerts.clear",
    "alerts.raise_alert",
    "alerts.tell",
    "appointments.draft",  # a record in memory; `book` asks
    "appointments.next_free",  # names nobody
    "appointments.release_past",
    "backfill.run",
    "report_files.label_of",  # words
    "report_names.names_of",
    "reports.owed_on",  # for services that have asked
    "reports.facts_asked",
    "reports.not_known",  # words
    "listings.ageing",  # tables of what a service found that has asked; saving one asks
    "listings.calls",
    "listings.cohorts",
    "listings.hours_by_practitioner",
    "listings.hours_by_square",
    "listings.lapsed",
    "listings.lead_times",
    "listings.new_and_returning",
    "listings.open_items",
    "listings.patients_seen",
    "listings.rows",
    "returns.firsts_of",  # for services that have asked
    "receivables.of_ages",  # a part of what was found with leave
    "billing.may_cancel",
    "billing.require_posted",  # what follows these asks
    "ledger.current",
    "ledger.current_invoice",
    "ledger.held_minor",
    "ledger.open_day",
    "ledger.post",
    "ledger.post_issue",
    "ledger.require_same",
    "ledger.settle",
    "check.run",
    "demo.is_empty",
    "demo.is_loaded",
    "demo.load",
    "delivery.report",  # signed by the carrier
    "facts.fold",
    "facts.prepare",
    "facts.rebuild",
    "facts.rebuild_month",
    "imports.plan",
    "jobs.health",
    "jobs.silent_since",
    "maintenance.announced",  # what everybody is told
    "maintenance.headline",
    "maintenance.span",
    "upkeep.check_data",
    "watch.heard",
    "watch.look",
    "upkeep.look_at_certificate",
    "upkeep.look_at_indexes",
    "upkeep.look_at_versions",
    "upkeep.prune",
    "upkeep.sample_size",
    "messages.after",  # parts of the verbs of visits and bills, which have asked
    "messages.ask_on",
    "messages.bill_due",
    "messages.owed_by_patient",
    "messages.plan",
    "messages.plan_visit",
    "messages.policy_of",
    "messages.mark_patient",
    "messages.replan_patient",
    "messages.rules_of",
    "patients.patient_number",
    "planning.train",
    "reports.for_export",  # what follows a question that was allowed
    "reports.selected",
    "reports.shifted",
    "reports.titles",
    "replies.complete",
    "replies.fetch",  # what the carrier keeps
    "replies.finish",
    "replies.receive",  # signed by the carrier
    "sending.reconcile",
    "sending.send_due",
    "sending.watch",
    "sessions.check",
    "sessions.check_cookie",
    "sessions.sign_in",
    "sessions.sign_out",
    "sessions.sign_out_cookie",
    "sessions.touch",
    "tills.session",  # a part of what has asked
    "statements.ages",  # sums of what was read with leave
}
# Parts of services that no page or command calls.
PARTS = {
    "answers",
    "charging",
    "check_inbound",
    "check_ledger",
    "check_messages",
    "check_packages",
    "composing",
    "fact_columns",
    "fact_memory",
    "fact_parts",
    "fact_tables",
    "fact_words",
    "fees",
    "free_times",
    "import_files",
    "import_payments",
    "import_people",
    "import_visits",
    "job_engine",
    "noshow_training",
    "passwords",
    "past",
    "recent",
    "send_results",
}


def matrix() -> Iterator[tuple[str, Role, str]]:
    """Every action with every role, and the letter in the table."""
    for line in MATRIX.split("\n"):
        action, *letters = line.split() or [""]
        yield from ((action, role, letter) for role, letter in zip(COLUMNS, letters, strict=False))


def modules() -> list[ModuleType]:
    """The services that are called from outside."""
    names = [module.name for module in pkgutil.iter_modules(services.__path__)]
    return [importlib.import_module(f"{services.__name__}.{name}") for name in names if name not in PARTS]


def functions() -> dict[str, Callable[..., Any]]:
    """Every public function of the services, by module and name."""
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}": function
        for module in modules()
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and function.__module__ == module.__name__
    }


def asks_for_an_actor(function: Callable[..., Any]) -> bool:
    """Whether the function is `verb(clinic, actor, ...)`."""
    return list(inspect.signature(function).parameters)[:2] == ["clinic", "actor"]


@pytest.mark.parametrize(("action", "role", "letter"), list(matrix()))
def test_the_matrix(action: str, role: Role, letter: str) -> None:
    """What the table says, for a record of one's own, of somebody else's, and of nobody's."""
    who = make.actor(role, practitioner_id=make.DR_A if role is Role.DOCTOR else None)
    own, others, nobodys = (allows(who, action, practitioner_id=p) for p in (make.DR_A, make.DR_B, None))
    assert (own, others, nobodys) == {
        ".": (False, False, False),
        "d": (True, False, False),
    }.get(letter, (True, True, True))


def test_the_matrix_is_whole() -> None:
    """Every action of the rules is in the table, and the other way round."""
    assert {action for action, _, _ in matrix()} == set(RULES)
    assert len(list(matrix())) == len(RULES) * len(Role)
    assert set(OWN_ONLY) == {action for action, _, letter in matrix() if letter == "d"}
    assert set(STAFF_ROLES) == set(Role) - {Role.SYSTEM}


def test_what_is_not_in_the_rules_is_forbidden_to_everybody() -> None:
    """Default deny."""
    for role in Role:
        assert not allows(make.actor(role), "appointment.delete")
        with pytest.raises(Forbidden, match="may not do this"):
            require(make.actor(role), "appointment.delete")


def test_a_doctor_without_a_practitioner_owns_nothing() -> None:
    """A link that was never made gives no rights to records without a practitioner."""
    unlinked = make.actor(Role.DOCTOR)
    assert not any(allows(unlinked, action, practitioner_id=None) for action in OWN_ONLY)


class Written(Exception):
    """A service wrote before it asked."""


def clinic_that_must_not_be_written() -> MagicMock:
    """Anything may be read from it; whatever writes raises."""
    clinic = MagicMock(name="clinic")
    writers = ("add", "add_many", "add_history", "save", "change", "issue", "take_payment", "take", "release", "remove")
    stores = ("appointments", "catalogue", "counters", "encounters", "imports", "invoices", "organization_store")
    for store in (*stores, "patients", "practitioners", "schedules", "sessions", "users"):
        for name in writers:
            getattr(getattr(clinic, store), name).side_effect = Written(f"{store}.{name}")
    clinic.audit.record.side_effect = Written("audit.record")
    clinic.audit.record_read.side_effect = Written("audit.record_read")
    return clinic


@pytest.mark.parametrize("name", sorted(n for n, f in functions().items() if asks_for_an_actor(f)))
def test_every_service_asks_before_it_does_anything(name: str) -> None:
    """Somebody whose role may nothing gets Forbidden from each of them, and nothing is written."""
    function = functions()[name]
    nobody = Actor(user_id="x", username="x", name="X", role="nobody", practitioner_id=None)  # type: ignore[arg-type]
    parameters = list(inspect.signature(function).parameters.values())[2:]
    needed = {p.name: MagicMock(name=p.name) for p in parameters if p.default is inspect.Parameter.empty}
    by_place = [needed.pop(p.name) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name in needed]

    with pytest.raises(Forbidden):
        function(clinic_that_must_not_be_written(), nobody, *by_place, **needed)


def test_every_service_has_an_actor_or_a_reason() -> None:
    """A new function that asks for nobody's leave is named in `NOBODY_ASKS`, where a reviewer sees it."""
    without = {name for name, function in functions().items() if not asks_for_an_actor(function)}
    assert without == NOBODY_ASKS


def test_every_action_is_asked_for() -> None:
    """A rule that no code asks about is a rule that nobody keeps."""
    sources = "".join(inspect.getsource(module) for module in modules())
    asked_elsewhere = {"directory.read"}  # the directory is read by every screen, which asks for its own action
    assert {action for action in RULES if f'"{action}"' not in sources} <= asked_elsewhere
