"""Every job of the sidecar: one line in `JOBS` is one job.

What a job imports is imported when it first runs, so that nothing waits for the reports' libraries.
"""

from __future__ import annotations

from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain.jobs import Job, daily, every

FIGURES: Final = "figures"
ALERTS: Final = "alerts"
JOURNAL: Final = "journal"
MESSAGES: Final = "messages"


def fold_facts(clinic: Clinic) -> object:
    """Bring the figures behind the reports up to date."""
    from clinic_core.services import facts  # noqa: PLC0415 - slow to import

    return facts.fold(clinic)


def release_holds(clinic: Clinic) -> object:
    """Forget what visits of past days held, so that the index against double bookings stays small."""
    from clinic_core.services import appointments  # noqa: PLC0415

    return appointments.release_past(clinic)


def draft_fees(clinic: Clinic) -> object:
    """Draft the fees of visits whose desk died before it did."""
    from clinic_core.services import fees  # noqa: PLC0415

    return fees.complete(clinic)


def plan_messages(clinic: Clinic) -> object:
    """Plan the messages of visits whose desk died before it did, and of all when the policy changed."""
    from clinic_core.services import messages  # noqa: PLC0415

    return messages.plan(clinic)


def finish_replies(clinic: Clinic) -> object:
    """Finish what patients wrote where whoever received it died before it was done."""
    from clinic_core.services import replies  # noqa: PLC0415

    return replies.complete(clinic)


def train_no_show(clinic: Clinic) -> object:
    """Learn anew from past visits which patients are likely to miss one."""
    from clinic_core.services import planning  # noqa: PLC0415

    model = planning.train(clinic)
    return f"learnt from {model.visits} visits" if model.usable else "too little to learn from yet"


def post_history(clinic: Clinic) -> object:
    """Write the ledger of invoices that were issued before there was one; once for a database."""
    from clinic_core.services import backfill  # noqa: PLC0415

    return backfill.run(clinic)


def ship_journal(clinic: Clinic) -> object:
    """Write what changed in the last seconds beside the backups."""
    from clinic_core.backup import shipping  # noqa: PLC0415

    return shipping.run(clinic)


def tell_alerts(clinic: Clinic) -> object:
    """Send the alerts that were not told yet."""
    from clinic_core.services import alerts  # noqa: PLC0415

    return alerts.tell(clinic)


def tidy_jobs(clinic: Clinic) -> object:
    """Forget sidecars that died and jobs that are no more."""
    from clinic_core.services import job_engine  # noqa: PLC0415

    return job_engine.tidy(clinic, [job.name for job in JOBS])


# Lanes run side by side; what must not wait for anything slow gets one of its own.
JOBS: Final[tuple[Job, ...]] = (
    Job("tell alerts", every(seconds=30), tell_alerts, "Sends new alerts by e-mail and chat", lane=ALERTS),
    Job("ship journal", every(seconds=5), ship_journal, "Keeps every change beside the backups", lane=JOURNAL),
    Job("post history", every(hours=24), post_history, "Brings invoices of earlier releases into the ledger"),
    Job("fold facts", every(seconds=20), fold_facts, "Brings the figures of the reports up to date", lane=FIGURES),
    Job("draft fees", every(minutes=1), draft_fees, "Drafts the fees of missed visits where a desk was cut off"),
    Job("plan messages", every(seconds=30), plan_messages, "Makes and stops messages as visits change", lane=MESSAGES),
    Job("finish replies", every(minutes=1), finish_replies, "Finishes replies that were cut off", lane=MESSAGES),
    Job("release past holds", every(hours=1), release_holds, "Forgets which times past visits had taken"),
    Job("train no-show model", every(hours=24), train_no_show, "Learns which visits are likely missed", lane=FIGURES),
    Job("tidy jobs", daily("03:40"), tidy_jobs, "Forgets sidecars that died and jobs that are no more"),
)
