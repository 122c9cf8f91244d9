"""What `streamlit run app.py` starts: the screens behind the gate, and the routes beside them."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from clinic_core import logs, process
from ui.errors import keep_error_texts_out_of_the_log, show_unexpected
from web.auth import Auth
from web.gate import Gate
from web.headers import SecurityHeaders
from web.health import Health
from web.twilio import Twilio
from web.warm import lifespan

SCRIPT = Path(__file__).resolve().parent / "ui" / "main.py"
# Streamlit puts the script's folder first on the path during each run unless it is there already: as the last one it
# cannot hide a library behind a module of ours (ui/calendar.py).
sys.path.append(str(SCRIPT.parent))

settings = process.settings()
logs.configure(settings, process="app")
keep_error_texts_out_of_the_log()

# The script lies in ui/ and not beside pages/: Streamlit would serve a pages/ folder next to its script by itself,
# without running the script, to the first visitor of every new process.
app = st.App(
    SCRIPT,
    routes=[
        *Auth(settings=settings, clinic=process.clinic).routes(),
        *Health(process.clinic).routes(),
        *Twilio(settings=settings, clinic=process.clinic).routes(),
    ],
    middleware=[
        Middleware(SecurityHeaders, settings=settings),
        Middleware(Gate, settings=settings, clinic=process.clinic, hosts=tuple(st.get_option("server.allowedHosts"))),
    ],
    lifespan=lifespan,
    on_script_error=show_unexpected,
)
