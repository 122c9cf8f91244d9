"""By which ways messages travel, as the settings say. One line here is one channel."""

from __future__ import annotations

from clinic_core.domain.carriers import Carrier
from clinic_core.domain.messages import Channel
from clinic_core.gateways.email import EmailCarrier
from clinic_core.gateways.sms import TwilioCarrier
from clinic_core.settings import Settings


def carriers(settings: Settings) -> dict[Channel, Carrier]:
    """What carries each channel; one that was not set up is not there."""
    ways: dict[Channel, Carrier] = {}
    if settings.twilio_phone_number:
        ways[Channel.SMS] = TwilioCarrier(settings, Channel.SMS, settings.twilio_phone_number)
    if settings.twilio_whatsapp_number:
        ways[Channel.WHATSAPP] = TwilioCarrier(settings, Channel.WHATSAPP, settings.twilio_whatsapp_number)
    if settings.smtp_host and (settings.smtp_from or settings.smtp_user):
        ways[Channel.EMAIL] = EmailCarrier(settings)
    return ways
