"""What is wrong at the clinic now, since when, and what to do."""

from __future__ import annotations

import re

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor
from clinic_core.domain.alerts import Alert, Severity
from clinic_core.services import alerts
from ui import widgets
from ui.text import plain

_COMMAND = re.compile(r"(`[^`]+`)")
_TOLD = {"email": "by e-mail", "chat": "in the chat"}


def show(clinic: Clinic, actor: Actor) -> None:
    """Draw the open alerts, the worst first; a line where all is well."""
    found = sorted(alerts.open_alerts(clinic, actor), key=lambda alert: alert.severity is not Severity.CRITICAL)
    if not found:
        st.success("No open alerts.", icon=":material/check_circle:")
    for alert in found:
        draw = st.error if alert.severity is Severity.CRITICAL else st.warning
        draw(_text(clinic, alert), icon=":material/notification_important:")
    if found and not clinic.notifiers:
        st.caption(
            "Nobody is told of alerts outside this page: set ALERT_EMAIL with SMTP_HOST, or ALERT_SLACK_URL "
            "(docs/settings.md)."
        )


def _text(clinic: Clinic, alert: Alert) -> str:
    since = f"Since {widgets.moment(clinic, alert.first_seen_at)}"
    times = f", {alert.count:,} times, last {widgets.moment(clinic, alert.last_seen_at)}" if alert.count > 1 else ""
    lines = [
        f"**{plain(alert.summary)}**",
        _with_commands(alert.advice),
        f":small[{plain(since + times + _told(alert))}]",
    ]
    return "  \n".join(line for line in lines if line)


def _with_commands(advice: str) -> str:
    """Plain text, but for what stands in backticks: a command to type."""
    return "".join(part if _COMMAND.fullmatch(part) else _spaced(part) for part in _COMMAND.split(advice))


def _spaced(part: str) -> str:
    """Plain text that keeps its distance from what stands before and after it."""
    return f"{' ' * part[:1].isspace()}{plain(part)}{' ' * part[-1:].isspace()}"


def _told(alert: Alert) -> str:
    ways = [_TOLD.get(channel, channel) for channel in alert.told_by]
    failed = [_TOLD.get(channel, channel) for channel, telling in alert.tellings.items() if telling.retry_at]
    told = f"; told {' and '.join(ways)}" if ways else ""
    return told + (f"; could not be told {' and '.join(failed)}, tried again" if failed else "")
