"""What is missing before messages really go out, and where it belongs."""

from __future__ import annotations

from typing import Final

import streamlit as st

from clinic_core.clinic import Clinic
from clinic_core.domain.messages import Channel

_NEEDED: Final = {
    Channel.SMS: "`TWILIO_ACCOUNT_SID`, `TWILIO_AUTH_TOKEN` and `TWILIO_PHONE_NUMBER`",
    Channel.WHATSAPP: "`TWILIO_ACCOUNT_SID`, `TWILIO_AUTH_TOKEN` and `TWILIO_WHATSAPP_NUMBER`",
    Channel.EMAIL: "`SMTP_HOST`, `SMTP_USER`, `SMTP_PASS` and `SMTP_FROM`",
}
_ICON: Final = ":material/cell_tower:"


def show(clinic: Clinic, *, brief: bool = False) -> None:
    """Say which ways go nowhere yet, and what to do; nothing where all is set up. `brief` hides it behind one line."""
    told = _told(clinic)
    if told and brief:
        with st.expander("Not all messages reach patients yet: what to set up", icon=_ICON):
            st.markdown(told)
    elif told:
        st.info(told, icon=_ICON)


def _told(clinic: Clinic) -> str:
    settings = clinic.settings
    missing = [way for way in Channel if way not in clinic.carriers]
    where = "are not sent" if settings.is_production else "go to the sidecar's console"
    if missing:
        lines = "\n".join(f"- {way.label}: an administrator sets {_NEEDED[way]}." for way in missing)
        return f"Some ways are not set up; messages by them {where} so far.\n{lines}"
    if not settings.is_production and not settings.messages_to:
        return (
            "Outside production nobody is written to: messages go to the sidecar's console. "
            "`MESSAGES_TO` names the numbers and addresses that may get some, for trying out."
        )
    return ""
