"""What is missing before messages really go out, and where it belongs."""

from __future__ import annotations

import streamlit as st

from clinic_core.clinic import Clinic

_TWILIO = "TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_PHONE_NUMBER"


def show(clinic: Clinic, *, brief: bool = False) -> None:
    """Say which channels go nowhere yet; nothing where all is set up. `brief` hides what to do behind one line."""
    settings = clinic.settings
    missing = []
    if not settings.twilio_account_sid:
        missing.append(
            f"SMS and WhatsApp: an administrator sets `{_TWILIO.replace(', ', '`, `').replace(' and ', '` and `')}`"
        )
    elif not settings.twilio_whatsapp_number:
        missing.append("WhatsApp: an administrator sets `TWILIO_WHATSAPP_NUMBER`")
    if not settings.smtp_host:
        missing.append("E-mail: an administrator sets `SMTP_HOST`, `SMTP_USER`, `SMTP_PASS` and `SMTP_FROM`")
    if missing:
        lines = "\n".join(f"- {one}." for one in missing)
        if brief:
            with st.expander("Not all messages reach patients yet: what to set up", icon=":material/cell_tower:"):
                st.markdown(f"So far they go to the sidecar's console.\n{lines}")
        else:
            st.info(f"Not set up; so far they go to the sidecar's console:\n{lines}", icon=":material/cell_tower:")
    elif not settings.is_production and not settings.messages_to:
        st.info(
            "Outside production nobody is written to: messages go to the sidecar's console. "
            "`MESSAGES_TO` names the numbers and addresses that may get some, for trying out.",
            icon=":material/cell_tower:",
        )
