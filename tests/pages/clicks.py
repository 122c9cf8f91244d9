"""Clicks inside the app's own components, and leaving for another page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.testing.v1 import AppTest

from tests.pages import screen


def send(page: AppTest, key: str, event: str, value: Any) -> AppTest:
    """What the component of that key sends when `event` happens in it."""
    (element,) = [e for e in page.get("bidi_component") if e.proto.id.endswith(f"-{key}")]
    states = page._tree.get_widget_states()
    state = states.widgets.add()
    state.id = _make_trigger_id(element.proto.id, "events")
    state.json_trigger_value = json.dumps([{"event": event, "value": value}])
    page._run(states)
    assert not page.exception, [e.message for e in page.exception]
    return page


def type_live(page: AppTest, key: str, text: str) -> AppTest:
    """Type into a live text area and pause."""
    (element,) = [e for e in page.get("bidi_component") if e.proto.id.endswith(f"-{key}")]
    states = page._tree.get_widget_states()
    state = states.widgets.add()
    state.id, state.json_value = element.proto.id, json.dumps({"text": text})
    page._run(states)
    assert not page.exception, [e.message for e in page.exception]
    return page


def step(page: AppTest, key: str, row: str, name: str) -> AppTest:
    """Press the button `name` of a card or row."""
    return send(page, key, "step", {"id": row, "step": name})


def slot(page: AppTest, practitioner_id: str, at: int) -> AppTest:
    """Press the grid `at` minutes below its upper edge."""
    return send(page, "calendar.grid", "slot", {"column": practitioner_id, "at": at})


def visit(page: AppTest, appointment_id: str) -> AppTest:
    """Press a visit on the grid."""
    return send(page, "calendar.grid", "visit", appointment_id)


def pick(page: AppTest, typed: str, name: str) -> AppTest:
    """Search for a patient in a dialog and choose the first of that name."""
    screen.field(page, "text_input", "Patient").set_value(typed)
    screen.run(page)
    next(b for b in page.button if name in b.label).click()
    return screen.run(page)


@pytest.fixture
def left_for(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, str]]]]:
    """Where the page led: names and query parameters. In a test only the one page is known to Streamlit."""
    found: list[tuple[str, dict[str, str]]] = []

    def switch(page: str | Path, *, query_params: dict[str, str] | None = None) -> None:
        found.append((Path(page).stem, dict(query_params or {})))

    monkeypatch.setattr(st, "switch_page", switch)
    yield found
