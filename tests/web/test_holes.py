"""The holes of a plain Streamlit app: each is shown to be open there and closed behind our gate."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from twilio.request_validator import RequestValidator
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clinic_core.clinic import Clinic
from clinic_core.domain.users import token_id
from clinic_core.services import sessions
from tests.web import rig

HEADER = "X-Clinic-Session"
CARRIER = {
    "APP_URL": "https://clinic.example.org",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "1" * 32,
    "TWILIO_PHONE_NUMBER": "+15005550006",
}


def test_a_fresh_process_serves_pages_unguarded_without_us(running: Clinic, tmp_path: Path) -> None:
    """The hole: `pages/` beside the script, and the first request runs a page without the script's guard."""
    folder = rig.small_app(tmp_path / "app", rig.OPEN_APP)
    with rig.serving(folder, running.settings.database_url) as url, rig.tab(url) as tab:
        assert "the page ran by itself" in tab.run(page_name="secret").texts


def test_a_fresh_process_of_ours_refuses_a_forbidden_page_first_thing(running: Clinic) -> None:
    """The very first request of a new process is a doctor asking for billing."""
    with rig.serving(rig.ROOT, running.settings.database_url) as url:
        cookie = rig.sign_in(url, "doctor")
        with rig.tab(url, cookie) as tab:
            tab.run(page_name="billing")

            assert any("Your role (doctor) may not open this page" in text for text in tab.texts)
            assert "Billing" not in tab.menu and "Today" in tab.menu
            assert not any("Billing" in text for text in tab.texts), "the page itself must not run"


def test_a_fresh_process_of_ours_runs_nothing_for_strangers(running: Clinic) -> None:
    """Its very first request comes from nobody. The carrier's webhooks are open, and refuse what is not signed."""
    with rig.serving(rig.ROOT, running.settings.database_url, **CARRIER) as url:
        with pytest.raises(InvalidStatus), rig.tab(url) as tab:
            tab.run(page_name="billing")
        answer = rig.fetch(f"{url}/billing?id=7")

        assert (answer.status, answer.headers["location"]) == (303, "/auth/sign-in?next=/billing%3Fid%3D7")
        written = {"MessageSid": "SM" + "0" * 32, "From": "+15005550001", "Body": "X"}
        assert rig.fetch(f"{url}/twilio/inbound", form=written).status == 403
        address = f"{CARRIER['APP_URL']}/twilio/inbound"
        signed = RequestValidator(CARRIER["TWILIO_AUTH_TOKEN"]).compute_signature(address, written)
        answer = rig.fetch(f"{url}/twilio/inbound", form=written, headers={"X-Twilio-Signature": signed})
        assert (answer.status, running.inbound.count_open()) == (200, 1)


def test_files_need_a_session(gated: str, ungated: str) -> None:
    """The hole: whoever has the address of a download has the file."""
    with rig.tab(ungated) as tab:
        path = tab.run().media[0]
        assert rig.fetch(ungated + path).body == b"the patient's record"

    cookie = rig.sign_in(gated, "reception")
    with rig.tab(gated, cookie) as tab:
        path = tab.run().media[0]
        assert rig.fetch(gated + path).status == 403
        assert rig.fetch(gated + path, headers={"Cookie": "clinic_session=" + "x" * 43}).status == 403
        mine = rig.fetch(gated + path, headers={"Cookie": cookie})
        assert (mine.status, mine.body) == (200, b"the patient's record")
        assert mine.headers["cache-control"] == "no-store"


def test_nobody_empties_the_caches(gated: str, ungated: str) -> None:
    """The hole: any client may send `clear_cache`, and everybody's caches are gone."""
    clear = BackMsg(clear_cache=True)
    with rig.tab(ungated) as tab:
        before = tab.run().value("shared")
        tab.send(clear)
        assert tab.run().value("shared") != before

    with rig.tab(gated, rig.sign_in(gated, "reception")) as tab:
        before = tab.run().value("shared")
        tab.send(clear)
        assert tab.run().value("shared") == before


@pytest.mark.parametrize("kind", ["load_git_info", "set_run_on_save", "debug_shutdown_runtime"])
def test_whatever_else_is_not_of_use_is_dropped(gated: str, kind: str) -> None:
    """The tab goes on as if nothing had been said."""
    with rig.tab(gated, rig.sign_in(gated, "reception")) as tab:
        tab.run()
        tab.send(BackMsg(**{kind: True}))
        assert tab.run().value("shared")


def test_operations_that_change_the_server_are_dropped(gated: str, ungated: str) -> None:
    """The hole: Streamlit considers installing files for agents when any client asks."""
    message = BackMsg()
    message.backend_operation_request.request_id = "1"
    message.backend_operation_request.install_skills.SetInParent()
    for url, cookie, answered in ((ungated, "", True), (gated, rig.sign_in(gated, "reception"), False)):
        with rig.tab(url, cookie) as tab:
            tab.run()
            tab.send(message)
            tab.send(BackMsg(app_heartbeat=True))
            kinds = []
            while "heartbeat_ack" not in kinds or (answered and "backend_operation_response" not in kinds):
                kinds.append(tab.next().WhichOneof("type"))
            assert ("backend_operation_response" in kinds) is answered


def test_another_persons_tab_cannot_be_taken_over(gated: str, ungated: str) -> None:
    """The hole: the id of a tab is a key to its state."""
    with rig.tab(ungated) as victim:
        own = victim.run().value("own")
        with rig.tab(ungated, resume=victim.session_id) as thief:
            assert thief.run().value("own") == own

    theirs, ours = rig.sign_in(gated, "manager"), rig.sign_in(gated, "reception")
    with rig.tab(gated, theirs) as victim:
        own = victim.run().value("own")
        with rig.tab(gated, ours, resume=victim.session_id) as thief:
            assert thief.run().value("own") != own
        assert victim.run().value("own") == own, "and the victim does not notice"
        tab_id = victim.session_id
    with rig.tab(gated, theirs, resume=tab_id) as back:
        assert back.run().value("own") == own, "while the owner resumes"


def test_who_one_is_cannot_be_claimed(gated: str, ungated: str) -> None:
    """The hole: the trusted header is trusted from anybody."""
    with rig.tab(ungated, headers={HEADER: "somebody"}) as tab:
        assert tab.run().value("session") == "somebody"

    manager, cookie = rig.sign_in(gated, "manager"), rig.sign_in(gated, "reception")
    claimed = token_id(manager.partition("=")[2])
    for name in (HEADER, HEADER.lower(), HEADER.upper()):
        with rig.tab(gated, cookie, headers={name: claimed}) as tab:
            assert tab.run().value("session") == token_id(cookie.partition("=")[2])
        with pytest.raises(InvalidStatus), rig.tab(gated, headers={name: claimed}):
            pytest.fail("let in")


def test_a_browser_cannot_inject_an_actor(gated: str) -> None:
    """Tests put a clinic and an actor into session_state; a widget value of that name stays out of it."""
    forged = [WidgetState(id="actor", string_value="admin"), WidgetState(id="clinic", json_value='{"role": "admin"}')]
    with rig.tab(gated, rig.sign_in(gated, "reception")) as tab:
        assert tab.run(widgets=forged).value("actor") == "NoneType"


def test_a_page_of_another_site_gets_no_websocket(gated: str) -> None:
    """Even with the cookie, which SameSite=Strict would keep away anyhow."""
    cookie = rig.sign_in(gated, "reception")
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", ""):
        with pytest.raises(InvalidStatus), rig.tab(gated, cookie, headers={"Origin": origin}):
            pytest.fail("let in")
    with rig.tab(gated, cookie, headers={"Origin": gated}) as tab:
        assert tab.run().value("own")


def test_a_tab_whose_session_ended_is_led_to_the_sign_in_page(gated: str, running: Clinic) -> None:
    """It is told where to go before Streamlit hears of it; without a cookie there is only a refusal."""
    cookie = rig.sign_in(gated, "reception")
    sessions.sign_out_cookie(running, cookie.partition("=")[2])

    with rig.tab(gated, cookie) as tab:
        assert tab.next().auth_redirect.url == "/auth/sign-in?why=ended"
        with pytest.raises(ConnectionClosed):
            tab.next()


def test_every_run_asks_again(running: Clinic) -> None:
    """A revoked session shows nothing on the next click, in the very same tab, and its files are gone."""
    with rig.serving(rig.ROOT, running.settings.database_url) as url:
        cookie = rig.sign_in(url, "manager")
        with rig.tab(url, cookie) as tab:
            assert tab.run(page_name="today").fragments
            running.sessions.remove(token_id(cookie.partition("=")[2]))
            for fragment_id in (*tab.fragments, ""):
                tab.run(page_name="today", fragment_id=fragment_id)
                assert len(tab.texts) == 1 and "window.location.replace" in tab.texts[0]
