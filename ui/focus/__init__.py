"""The cursor in the field where typing begins: Streamlit has no way to say so."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import streamlit as st

_HERE: Final = Path(__file__).resolve().parent
_mount: Final = st.components.v2.component(
    "clinic_focus", html="<span></span>\n", js=(_HERE / "focus.js").read_text(encoding="utf-8")
)


def focus(container: str, *, once: str) -> None:
    """Put the cursor into the first text field of the container with that key; again only for another `once`."""
    _mount(key=f"{container}.focus", data={"container": container, "once": once}, height=1)
