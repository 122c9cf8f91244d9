"""Every job of the sidecar: one line in `JOBS` is one job.

What a job imports is imported when it first runs, so that nothing waits for the reports' libraries.
"""

from __future__ import annotations

import sys
from typing import Final

from clinic_core.clinic import Clinic
from clinic_core.domain.jobs import Job, daily, every, monthly, weekly

FIGURES: Final = "figures"
ALERTS: Final = "alerts"
BACKUPS: Final = "backups"
JOURNAL: Final = "journal"
CHECKS: Final = "checks"
MESSAGES: Final = "messages"
SENDING: Final = "sending"


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
    from clinic_core.services import messages, sending  # noqa: PLC0415

    sending.watch(clinic)
    return messages.plan(clinic)


def send_messages(clinic: Clinic) -> object:
    """Send what is due, and find out what became of what nobody knows of."""
    from clinic_core.services import sending  # noqa: PLC0415

    sending.reconcile(clinic)
    return sending.send_due(clinic)


def finish_replies(clinic: Clinic) -> object:
    """Finish what patients wrote where whoever received it died before it was done."""
    from clinic_core.services import replies  # noqa: PLC0415

    return replies.complete(clinic)


def fetch_replies(clinic: Clinic) -> object:
    """Do what patients wrote while the app could not be reached."""
    from clinic_core.services import replies  # noqa: PLC0415

    return replies.fetch(clinic)


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


def back_up(clinic: Clinic) -> object:
    """Make a backup, prove it by restoring it, prune, and copy what is good to the bucket."""
    from clinic_core.backup import nightly, work  # noqa: PLC0415

    return nightly.night(work.workshop(clinic)) if nightly.is_set_up(clinic) else nightly.NOT_SET_UP


def read_backups(clinic: Clinic) -> object:
    """Read every kept backup whole."""
    from clinic_core.backup import nightly, work  # noqa: PLC0415

    return nightly.week(work.workshop(clinic)) if nightly.is_set_up(clinic) else nightly.NOT_SET_UP


def export_records(clinic: Clinic) -> object:
    """Write everything as JSON lines and CSV for the clinic's own archive."""
    from clinic_core.backup import nightly, work  # noqa: PLC0415

    return nightly.month(work.workshop(clinic)) if nightly.is_set_up(clinic) else nightly.NOT_SET_UP


def watch_backups(clinic: Clinic) -> object:
    """Raise an alert while the newest good backup is too old."""
    from clinic_core.backup import nightly  # noqa: PLC0415

    return nightly.watch(clinic)


def tell_alerts(clinic: Clinic) -> object:
    """Send the alerts that were not told yet."""
    from clinic_core.services import alerts, watch  # noqa: PLC0415

    watch.heard(clinic)
    return alerts.tell(clinic)


def tidy_jobs(clinic: Clinic) -> object:
    """Forget sidecars that died and jobs that are no more."""
    from clinic_core.services import job_engine  # noqa: PLC0415

    return job_engine.tidy(clinic, [job.name for job in JOBS])


def check_certificate(clinic: Clinic) -> object:
    """Look when the certificate of the clinic's address ends."""
    from clinic_core.gateways.certificate import certificate_of  # noqa: PLC0415
    from clinic_core.services import alerts, upkeep  # noqa: PLC0415

    address = clinic.settings.public_url
    if not address.startswith("https://"):
        alerts.clear(clinic, upkeep.CERTIFICATE)
        return "not asked: APP_URL is no https address"
    return upkeep.look_at_certificate(clinic, certificate_of(address))


def check_versions(clinic: Clinic) -> object:
    """Compare what is installed with what is pinned."""
    from clinic_core import versions  # noqa: PLC0415
    from clinic_core.services import upkeep  # noqa: PLC0415

    return upkeep.look_at_versions(clinic, versions.differing(), sys.version_info[:2])


def check_indexes(clinic: Clinic) -> object:
    """Look which indexes nobody reads."""
    from clinic_core.services import upkeep  # noqa: PLC0415

    return upkeep.look_at_indexes(clinic)


def sample_size(clinic: Clinic) -> object:
    """Write what the database takes."""
    from clinic_core.services import upkeep  # noqa: PLC0415

    return upkeep.sample_size(clinic)


def prune_sessions(clinic: Clinic) -> object:
    """Forget what is over of sessions and failed sign-ins."""
    from clinic_core.services import upkeep  # noqa: PLC0415

    return upkeep.prune(clinic)


def check_data(clinic: Clinic) -> object:
    """Check every rule on the live data."""
    from clinic_core.services import upkeep  # noqa: PLC0415

    return upkeep.check_data(clinic)


# Lanes run side by side; what must not wait for anything slow gets one of its own.
JOBS: Final[tuple[Job, ...]] = (
    Job("tell alerts", every(seconds=30), tell_alerts, "Sends new alerts by e-mail and chat", lane=ALERTS),
    Job(
        "ship journal",
        every(seconds=5),
        ship_journal,
        "Keeps every change beside the backups",
        lane=JOURNAL,
        lease_seconds=7,  # a sidecar that dies at it costs no more than 15 seconds of changes
    ),
    Job("post history", every(hours=24), post_history, "Brings invoices of earlier releases into the ledger"),
    Job("fold facts", every(seconds=20), fold_facts, "Brings the figures of the reports up to date", lane=FIGURES),
    Job("draft fees", every(minutes=1), draft_fees, "Drafts the fees of missed visits where a desk was cut off"),
    Job("send messages", every(seconds=2), send_messages, "Sends what is due to patients", lane=SENDING),
    Job("plan messages", every(seconds=30), plan_messages, "Makes and stops messages as visits change", lane=MESSAGES),
    Job("finish replies", every(minutes=1), finish_replies, "Finishes replies that were cut off", lane=MESSAGES),
    Job("fetch replies", every(minutes=15), fetch_replies, "Asks the carrier for replies missed", lane=MESSAGES),
    Job("release past holds", every(hours=1), release_holds, "Forgets which times past visits had taken"),
    Job("train no-show model", every(hours=24), train_no_show, "Learns which visits are likely missed", lane=FIGURES),
    Job("prune sessions", every(hours=1), prune_sessions, "Forgets sessions and failed sign-ins that are over"),
    Job("sample database size", daily("03:10"), sample_size, "Writes how large the database is, warns of a full disk"),
    Job("review indexes", monthly(1, "03:20"), check_indexes, "Looks which indexes nobody reads"),
    Job("review versions", weekly("Monday", "08:10"), check_versions, "Compares what is installed with what is pinned"),
    Job("check certificate", daily("08:05"), check_certificate, "Warns three weeks before the TLS certificate ends"),
    Job(
        "check the data",
        weekly("Sunday", "03:30"),
        check_data,
        "Checks every rule on the live data and each collection's files",
        lane=CHECKS,
        longest_minutes=240,
    ),
    Job(
        "back up",
        daily("02:00"),
        back_up,
        "Makes a backup, proves it by restoring it, and prunes old ones",
        lane=BACKUPS,
        longest_minutes=240,
    ),
    Job(
        "read backups",
        weekly("Sunday", "04:00"),
        read_backups,
        "Reads every kept backup whole",
        lane=BACKUPS,
        longest_minutes=240,
    ),
    Job(
        "export records",
        monthly(1, "04:30"),
        export_records,
        "Writes everything as JSON lines and CSV, sealed, for the clinic's own archive",
        lane=BACKUPS,
        longest_minutes=240,
    ),
    Job("watch backups", every(hours=1), watch_backups, "Raises an alert when the newest good backup is too old"),
    Job("tidy jobs", daily("03:40"), tidy_jobs, "Forgets sidecars that died and jobs that are no more"),
)
