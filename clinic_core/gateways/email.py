"""E-mail through SMTP, with the visit as a calendar entry.

A mail server cannot be asked what it took. So a message goes at least once, always under the same Message-ID, and a
second time only where the server took it and then broke before it said so.
"""

from __future__ import annotations

import smtplib
import ssl
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from typing import Final

from clinic_core.domain.carriers import CalendarEntry, CarrierError, Fault, Outgoing, Taken
from clinic_core.domain.clock import utc
from clinic_core.settings import Settings

_PATIENCE: Final = 15.0  # seconds for each answer
_PERMANENT: Final = 500
_ADDRESS_CODES: Final = range(550, 554)


class EmailCarrier:
    """The mail server of the settings."""

    sender = ""  # no rate

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def send(self, message: Outgoing) -> Taken:
        """Hand it over. Raises CarrierError."""
        letter = letter_of(message, sender=self._settings.smtp_from or self._settings.smtp_user)
        hand_over(self._settings, letter, message.recipient)
        return Taken(provider_id=str(letter["Message-ID"]))

    def find(self, message: Outgoing, *, since: datetime) -> Taken | None:
        """Nothing: a mail server does not tell."""
        return None


def hand_over(settings: Settings, letter: EmailMessage, recipient: str) -> None:
    """Give an e-mail to the mail server of the settings. Raises CarrierError."""
    server = _connected(settings)
    try:
        refused = server.send_message(letter, to_addrs=[recipient])
    except smtplib.SMTPRecipientsRefused as error:
        raise _refused(error.recipients[recipient][0]) from None
    except smtplib.SMTPSenderRefused as error:  # the account, not the message: somebody has to repair it
        raise CarrierError(Fault.TEMPORARY, f"sender {error.smtp_code}") from None
    except smtplib.SMTPResponseException as error:  # of its content: the address was taken
        raise CarrierError(_fault(error.smtp_code), f"content {error.smtp_code}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise CarrierError(Fault.UNKNOWN, type(error).__name__) from None
    finally:
        server.close()  # a farewell could fail after it was taken
    if refused:
        raise _refused(refused[recipient][0])


def _connected(settings: Settings) -> smtplib.SMTP:
    """A session that is signed in. Whatever fails here, no message was sent."""
    host, port, context = settings.smtp_host, settings.smtp_port, ssl.create_default_context()
    try:
        if settings.smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=_PATIENCE, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=_PATIENCE)
            if settings.smtp_security == "starttls":
                server.starttls(context=context)
        if settings.smtp_user:
            server.login(settings.smtp_user, settings.smtp_pass)
    except (OSError, smtplib.SMTPException) as error:
        raise CarrierError(Fault.TEMPORARY, type(error).__name__) from None
    return server


def letter_of(message: Outgoing, *, sender: str) -> EmailMessage:
    """The e-mail of a message; the same message always has the same Message-ID."""
    letter = EmailMessage()
    letter["From"] = Address(message.sender_name, addr_spec=sender)
    letter["To"] = message.recipient
    letter["Subject"] = message.subject
    letter["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2] or 'clinic.invalid'}>"
    letter["Date"] = formatdate()
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(message.text)
    if message.calendar is not None:
        method = "CANCEL" if message.calendar.cancelled else "PUBLISH"
        letter.add_attachment(
            calendar_of(message.calendar),
            maintype="text",
            subtype="calendar",
            filename="visit.ics",
            params={"method": method, "charset": "utf-8"},
        )
    return letter


def calendar_of(entry: CalendarEntry) -> bytes:
    """A visit as a calendar file (RFC 5545, RFC 5546: PUBLISH, or CANCEL for one that does not take place)."""
    from icalendar import Calendar, Event  # noqa: PLC0415 - only e-mails carry one

    event = Event()
    event.add("uid", entry.uid)
    event.add("sequence", entry.sequence)
    event.add("dtstamp", utc(entry.at))
    event.add("dtstart", utc(entry.start))
    event.add("dtend", utc(entry.end))
    event.add("summary", entry.summary)
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    if entry.location:
        event.add("location", entry.location)
    calendar = Calendar()
    calendar.add("prodid", "-//Clinic//Messages//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if entry.cancelled else "PUBLISH")
    calendar.add_component(event)
    made: bytes = calendar.to_ical()
    return made


def _refused(code: int) -> CarrierError:
    return CarrierError(_fault(code), "550" if code in _ADDRESS_CODES else str(code))


def _fault(code: int) -> Fault:
    return Fault.PERMANENT if code >= _PERMANENT else Fault.TEMPORARY
