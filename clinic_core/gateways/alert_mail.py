"""Alerts by e-mail."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from clinic_core.domain.alerts import Notice
from clinic_core.domain.carriers import CarrierError
from clinic_core.errors import Unavailable
from clinic_core.gateways.email import hand_over
from clinic_core.settings import Settings


class AlertMail:
    """Writes to `ALERT_EMAIL` through the mail server of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def send(self, notice: Notice) -> None:
        """Send it once. Raises Unavailable when the server did not take it."""
        try:
            hand_over(self._settings, self._letter(notice), self._settings.alert_email)
        except CarrierError as error:
            raise Unavailable(f"The mail server of SMTP_HOST did not take the alert ({error}).") from None

    def _letter(self, notice: Notice) -> EmailMessage:
        letter = EmailMessage()
        sender = self._settings.smtp_from or self._settings.smtp_user or self._settings.alert_email
        letter["From"], letter["To"] = sender, self._settings.alert_email
        letter["Subject"] = " ".join(notice.subject.split())
        letter["Date"], letter["Message-ID"] = formatdate(), make_msgid(domain=sender.rpartition("@")[2] or None)
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(notice.text)
        return letter
