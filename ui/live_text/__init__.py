"""A text area that tells what is typed while it is typed, with buttons that insert words where the cursor is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import streamlit as st

_HERE: Final = Path(__file__).resolve().parent
_mount: Final = st.components.v2.component(
    "clinic_live_text",
    html='<label><span class="label"></span><textarea></textarea></label><div class="marks"></div>',
    css=(_HERE / "live_text.css").read_text(encoding="utf-8"),
    js=(_HERE / "live_text.js").read_text(encoding="utf-8"),
)


def live_text(
    label: str,
    value: str,
    *,
    key: str,
    revision: int,
    on_text: Callable[[str], None],
    marks: Mapping[str, str],
    most: int,
    rows: int = 6,
) -> None:
    """Draw it inside a fragment: each pause in typing runs that, after a call of `on_text` with all that is typed.

    Args:
        label: Above the area.
        value: What it holds at first, and again when `revision` changes; in between the browser knows better.
        key: Of the widget.
        revision: Another one puts `value` in place of what was typed.
        on_text: A callback.
        marks: What can be inserted, and what each stands for.
        most: How many characters can be typed.
        rows: Its height in lines.
    """
    data = {
        "label": label,
        "value": value,
        "revision": revision,
        "marks": [{"text": text, "help": meaning} for text, meaning in marks.items()],
        "most": most,
        "rows": rows,
    }

    def changed() -> None:
        text = st.session_state[key].get("text")
        if isinstance(text, str):
            on_text(text[:most])

    _mount(key=key, data=data, on_text_change=changed)
