"""The frame round every page: who sees which menu, who is turned away, and how the process is set up."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from clinic_core.clinic import Clinic
from clinic_core.domain import access
from clinic_core.domain.access import Actor, Role
from clinic_core.domain.users import token_id
from clinic_core.errors import Unavailable
from clinic_core.settings import ROOT
from tests import make
from tests.web import rig
from ui import navigation

MENUS = {
    Role.RECEPTIONIST: ["today", "appointments", "patients", "messages", "billing", "cash", "planning"],
    Role.DOCTOR: ["today", "patients", "visit"],
    Role.MANAGER: [
        "today",
        "appointments",
        "patients",
        "messages",
        "billing",
        "cash",
        "reports",
        "planning",
        "settings",
        "operations",
    ],
    Role.ADMIN: ["reports", "planning", "settings", "operations", "users", "audit"],
}


def someone(role: Role) -> Actor:
    return make.actor(role, practitioner_id=make.DR_A if role is Role.DOCTOR else None)


@pytest.mark.parametrize("role", MENUS)
def test_each_role_sees_its_own_pages(role: Role) -> None:
    """And begins with one of them."""
    actor = someone(role)
    assert [screen.name for screen in navigation.open_to(actor)] == MENUS[role]
    assert navigation.landing(actor).name == ("settings" if role is Role.ADMIN else "today")


def test_every_page_has_its_file_and_asks_for_its_own_action() -> None:
    """The menu and the guard in the page cannot drift apart; no page lies about without an entry."""
    for screen in navigation.PAGES:
        text = (ROOT / "pages" / f"{screen.name}.py").read_text(encoding="utf-8")
        assert "session.open_page(" in text and f'action="{screen.action}"' in text, screen.name
        assert screen.action in access.RULES
    files = {path.stem for path in (ROOT / "pages").glob("*.py")} - {"__init__"}
    assert files == {screen.name for screen in navigation.PAGES}


def test_a_page_refuses_by_itself_however_it_was_reached(clinic: Clinic) -> None:
    """Even when Streamlit runs the file without the router."""
    for screen in navigation.PAGES:
        for role in (role for role, menu in MENUS.items() if screen.name not in menu):
            page = AppTest.from_file(str(ROOT / "pages" / f"{screen.name}.py"), default_timeout=20)
            page.session_state["clinic"], page.session_state["actor"] = clinic, someone(role)
            page.run()
            assert [f"Your role ({role})" in error.value for error in page.error] == [True], (screen.name, role)
            assert not page.button and not page.text_input and not page.dataframe


PAGE = """
import streamlit as st
from ui import session

clinic, actor = session.open_page("Page", action="patient.search")

def act():
    with session.show_errors():
        st.session_state["did"] = session.require_actor(clinic).username

st.button("Act", on_click=act)

@st.fragment
def part():
    if st.button("Part"):
        st.session_state["part"] = session.require_actor(clinic).username

part()
st.text("all of it")
"""


@pytest.fixture
def page(clinic: Clinic) -> Iterator[AppTest]:
    """A page as somebody who is signed in sees it."""
    rig.staff(clinic)
    cookie = _session_of(clinic, "reception")
    at = AppTest.from_string(PAGE, default_timeout=20)
    at.session_state["clinic"] = clinic
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(st, "user", {"session": token_id(cookie)})
        yield at


def _session_of(clinic: Clinic, username: str) -> str:
    from clinic_core.services import sessions  # noqa: PLC0415

    return sessions.sign_in(clinic, username=username, password=rig.PASSWORD, address="192.0.2.1")


def test_a_page_asks_on_every_run(page: AppTest, clinic: Clinic) -> None:
    """The second run of the same tab finds the session gone: it leads away and draws nothing."""
    page.run()
    assert page.text[0].value == "all of it"

    clinic.database["sessions"].delete_many({})
    page.run()
    assert not page.text and not page.title and not page.exception
    assert "/auth/sign-in?why=ended" in page.get("html")[0].proto.body


def test_a_callback_asks_before_it_acts(page: AppTest, clinic: Clinic) -> None:
    """It runs before the page and its guard."""
    page.run()
    page.button[0].click().run()
    assert page.session_state["did"] == "reception"

    del page.session_state["did"]
    clinic.users.save(clinic.users.get("user-reception").__class__(**_disabled(clinic)))
    page.button[0].click().run()
    assert "did" not in page.session_state and not page.exception


def _disabled(clinic: Clinic) -> dict[str, Any]:
    user = clinic.users.get("user-reception")
    return {name: getattr(user, name) for name in user.__dataclass_fields__} | {"active": False}


def test_a_fragment_asks_before_it_acts(page: AppTest, clinic: Clinic) -> None:
    """It reruns without the page and its guard."""
    page.run()
    page.button[1].click().run()
    assert page.session_state["part"] == "reception"

    del page.session_state["part"]
    clinic.database["sessions"].delete_many({})
    page.button[1].click().run()
    assert "part" not in page.session_state and not page.exception


def test_while_the_database_is_down_a_page_says_so(
    page: AppTest, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And offers to try again; it neither crashes nor signs anybody out."""

    def down(*_: object) -> None:
        raise Unavailable("The database does not answer at the moment.")

    monkeypatch.setattr("clinic_core.services.sessions.check", down)
    page.run()
    assert page.error[0].value == "The database does not answer at the moment."
    assert [button.label for button in page.button] == ["Try again"] and not page.text and not page.exception


def test_errors_are_shown_as_people_can_read_them() -> None:
    """A ClinicError as it stands; a bug as a reference, without its text."""
    script = """
import streamlit as st
from clinic_core.errors import Conflict
from ui.session import show_errors
with show_errors():
    raise Conflict("Somebody else was quicker.")
with show_errors():
    raise KeyError("Asha Rao, +91 98765 43210")
st.text("goes on")
"""
    at = AppTest.from_string(script).run()
    assert at.error[0].value == "Somebody else was quicker."
    assert "reference" in at.error[1].value and "Asha" not in at.error[1].value
    assert at.text[0].value == "goes on" and not at.exception


def test_every_option_exists_in_this_streamlit() -> None:
    """An unknown option would be ignored with a warning that nobody reads."""
    found = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    names = {f"{section}.{key}" for section, options in _flat(found) for key in options}
    assert names and not names - set(config._config_options_template)


def _flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, options in table.items():
        yield f"{prefix}{name}", {key: value for key, value in options.items() if not isinstance(value, dict)}
        inner = {key: value for key, value in options.items() if isinstance(value, dict)}
        yield from _flat(inner, f"{prefix}{name}.")


IN_A_PROCESS = """
import gc, sys
from streamlit import config
from streamlit.web import bootstrap
bootstrap.load_config_options({})
import app, asyncio
from streamlit.runtime.scriptrunner.exec_code import modified_sys_path
sys.modules.pop("calendar")
with modified_sys_path("ui/main.py"):
    import calendar
assert "site-packages" not in calendar.__file__ and "/ui/" not in calendar.__file__, calendar.__file__
assert config.get_option("runner.postScriptGC") is False
assert config.get_option("client.showErrorDetails") == "none"
assert config.get_option("browser.gatherUsageStats") is False
assert config.get_option("server.trustedUserHeaders") == {"X-Clinic-Session": "session"}

from web.warm import lifespan
async def warm():
    async with lifespan(None):
        assert gc.get_freeze_count() > 100_000
        assert gc.get_threshold()[0] >= 50_000
asyncio.run(warm())

import uvicorn
chosen = uvicorn.Config("app:app", ws="websockets-sansio")
chosen.load()
assert chosen.get_loop_factory().__module__ == "uvloop"
assert "httptools" in chosen.http_protocol_class.__module__
from plotly.io._json import config as json_config
import plotly.io, orjson
assert json_config.default_engine == "auto"
print("as expected")
"""


def test_the_process_is_set_up_for_speed_and_quiet() -> None:
    """The options take effect, uvloop and httptools are chosen, the garbage is settled, no library is hidden."""
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "DATABASE_URL": "mongodb://127.0.0.1:1/none"}
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.stdout == "as expected\n", done.stderr


def test_injected_values_must_be_the_real_thing(clinic: Clinic) -> None:
    """What only looks like a clinic or an actor in session_state is ignored."""
    script = """
import streamlit as st
from ui import session
clinic, actor = session.open_page("Page", action="patient.search")
st.text("let in")
"""
    at = AppTest.from_string(script, default_timeout=20)
    at.session_state["clinic"] = clinic
    at.session_state["actor"] = SimpleNamespace(role=Role.ADMIN, username="admin")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(st, "user", {})
        at.run()
    assert not at.text
