"""By which ways alerts are told, as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from clinic_core.domain.alerts import Notice
from clinic_core.gateways.alert_mail import AlertMail
from clinic_core.gateways.slack import Slack
from clinic_core.settings import Settings

Notifier: TypeAlias = Callable[[Notice], None]


def notifiers(settings: Settings) -> dict[str, Notifier]:
    """The name of each way and what sends; a way that was not set up is not there."""
    ways: dict[str, Notifier] = {}
    if settings.alert_email and settings.smtp_host:
        ways["email"] = AlertMail(settings).send
    if settings.alert_slack_url:
        ways["chat"] = Slack(settings.alert_slack_url).send
    return ways
