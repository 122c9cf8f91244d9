"""A page as somebody sees it, without a browser."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Actor

PAGES = Path(__file__).resolve().parent.parent.parent / "pages"


def open_page(name: str, clinic: Clinic, actor: Actor, **state: Any) -> AppTest:
    """The page `name` drawn for `actor`; `state` is put into `session_state` first, dots written as two underscores."""
    page = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=20)
    page.session_state["clinic"], page.session_state["actor"] = clinic, actor
    for key, value in state.items():
        page.session_state[key.replace("__", ".")] = value
    return run(page)


def run(page: AppTest) -> AppTest:
    """Run the page once more; an error that nobody expected fails the test."""
    page.run()
    assert not page.exception, [f"{e.message}" for e in page.exception]
    return page


def click(page: AppTest, label: str) -> AppTest:
    """Press the one button of that label."""
    (button,) = [b for b in page.button if b.label == label]
    button.click()
    return run(page)


def field(page: AppTest, kind: str, label: str) -> Any:
    """The one widget of that kind (``"text_input"`` …) and label."""
    (found,) = [w for w in getattr(page, kind) if w.label == label]
    return found


def fill(page: AppTest, **values: Any) -> None:
    """Type into the text fields of these labels, spaces written as underscores; nothing runs yet."""
    for label, value in values.items():
        field(page, "text_input", label.replace("_", " ")).set_value(value)


def said(page: AppTest) -> str:
    """Everything that the page says, as it is read: without the backslashes that keep text from being Markdown."""
    kinds = ("markdown", "caption", "info", "warning", "error", "success", "toast", "subheader", "title")
    found = [str(element.value) for kind in kinds for element in getattr(page, kind)]
    found += [unescape(re.sub(r"<[^>]*>", " ", element.proto.body)) for element in page.get("html")]
    return re.sub(r"\\([^\w\s])", r"\1", "\n".join(found))


def errors(page: AppTest) -> list[str]:
    """The error messages on the page."""
    return [error.value for error in page.error]


def primary(page: AppTest) -> list[str]:
    """The labels of the buttons that stand out: there is one next step."""
    return [b.label for b in page.button if b.proto.type == "primary"]


def component(page: AppTest, key: str) -> dict[str, Any]:
    """What the component of that key was given to draw."""

    for element in page.get("bidi_component"):
        if key in element.proto.id:
            return json.loads(element.proto.json)
    raise AssertionError(f"no component {key}")
