"""Alerts by e-mail."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final

from clinic_core.domain.alerts import Notice
from clinic_core.errors import Unavailable
from clinic_core.settings import Settings

_PATIENCE: Final = 20.0  # seconds
_STARTTLS: Final = "starttls"
_TLS: Final = "tls"


class AlertMail:
    """Writes to `ALERT_EMAIL` through the mail server of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def send(self, notice: Notice) -> None:
        """Send it once. Raises Unavailable when the server did not take it."""
        try:
            with self._connect() as server:
                if self._settings.smtp_user:
                    server.login(self._settings.smtp_user, self._settings.smtp_pass)
                server.send_message(self._message(notice))
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(
                f"The mail server of SMTP_HOST did not take the alert ({type(error).__name__})."
            ) from None

    def _connect(self) -> smtplib.SMTP:
        host, port = self._settings.smtp_host, self._settings.smtp_port
        context = ssl.create_default_context()
        if self._settings.smtp_security == _TLS:
            return smtplib.SMTP_SSL(host, port, timeout=_PATIENCE, context=context)
        server = smtplib.SMTP(host, port, timeout=_PATIENCE)
        if self._settings.smtp_security == _STARTTLS:
            server.starttls(context=context)
        return server

    def _message(self, notice: Notice) -> EmailMessage:
        message = EmailMessage()
        sender = self._settings.smtp_from or self._settings.smtp_user or self._settings.alert_email
        message["From"], message["To"] = sender, self._settings.alert_email
        message["Subject"] = " ".join(notice.subject.split())
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=sender.rpartition("@")[2])
        message.set_content(notice.text)
        return message
