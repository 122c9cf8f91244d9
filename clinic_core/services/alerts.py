"""Alerts: raised and cleared by whoever notices, shown on Operations, told by e-mail and chat.

Raising only writes. Telling is a job of its own, so that a mail server that hangs holds nobody up, and what could
not be told is tried again.
"""

from __future__ import annotations

import logging
from datetime import datetime

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor
from clinic_core.domain.alerts import Alert, Severity, Telling, notice_of
from clinic_core.errors import ClinicError

log = logging.getLogger("clinic_core.alerts")


def raise_alert(clinic: Clinic, key: str, *, severity: Severity, summary: str, advice: str = "") -> None:
    """Say that something is wrong; again and again is fine, people are told once and then daily.

    `summary` and `advice` leave the building: nothing of a patient in them. Backticks in `advice` are commands.
    """
    now = clinic.server_now()
    alert = Alert(
        id=key, severity=severity, summary=summary, advice=advice, first_seen_at=now, last_seen_at=now, tellings={}
    )
    if clinic.alerts.raise_(alert):
        log.error("alert opened", extra={"fields": {"alert": key, "severity": severity.value, "summary": summary}})


def clear(clinic: Clinic, key: str) -> None:
    """Say that it is well again; nothing happens where it was not open."""
    if clinic.alerts.clear(key, at=clinic.server_now()):
        log.warning("alert cleared", extra={"fields": {"alert": key}})


def open_alerts(clinic: Clinic, actor: Actor) -> list[Alert]:
    """What is wrong now, the oldest first. Raises Forbidden."""
    access.require(actor, "job.read")
    return clinic.alerts.open()


def tell(clinic: Clinic, *, only: str | None = None) -> int:
    """Send what is due to be told, or of that `only` one alert; how many notices went out. No actor asks for it.

    A channel that fails is in the log and is tried again later; the others are told all the same.
    """
    now, sent = clinic.server_now(), 0
    for alert in clinic.alerts.open():
        if only not in (None, alert.id):
            continue
        for channel in clinic.notifiers:
            if alert.telling(channel).is_due(now, opened_at=alert.first_seen_at):
                sent += _tell(clinic, alert, channel, now)
    return sent


def _tell(clinic: Clinic, alert: Alert, channel: str, now: datetime) -> bool:
    """Whether it went out. The try is written before it is made, so that of two processes one makes it."""
    was = alert.telling(channel)
    trying = was.after_failure(now)
    if not clinic.alerts.tell(alert, channel, trying, was=was) or not _send(clinic, alert, channel):
        return False
    clinic.alerts.tell(alert, channel, Telling(told_at=now), was=trying)
    return True


def _send(clinic: Clinic, alert: Alert, channel: str) -> bool:
    since = clinic.local(alert.first_seen_at)
    notice = notice_of(alert, clinic_name=clinic.organization().name, since=f"{since:%d %b %Y %H:%M}")
    try:
        clinic.notifiers[channel](notice)
    except Exception as error:  # noqa: BLE001 - the other ways, and the other alerts, must still be tried
        why = str(error) if isinstance(error, ClinicError) else type(error).__name__
        log.error("alert not told", extra={"fields": {"alert": alert.id, "channel": channel, "text": why}})  # noqa: TRY400
        return False
    return True
