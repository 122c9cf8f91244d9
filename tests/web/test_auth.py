"""The sign-in and sign-out pages over HTTP."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Role
from clinic_core.domain.maintenance import MaintenanceWindow
from clinic_core.services import maintenance, sessions
from clinic_core.settings import Settings
from tests import make
from tests.cli.house import eventually
from tests.web import rig
from web import cookie
from web.limits import RateLimit


@pytest.fixture(autouse=True)
def forgotten(running: Clinic) -> None:
    """No test inherits another one's failures."""
    running.database["sign_in_failures"].delete_many({})


def post(url: str, headers: dict[str, str] | None = None, **form: str) -> rig.Answer:
    given = {"username": "reception", "password": rig.PASSWORD, **form}
    return rig.fetch(f"{url}/auth/sign-in", form=given, headers={"Origin": url} if headers is None else headers)


def test_the_page_works_for_keyboards_and_password_managers(gated: str) -> None:
    """Labels, autocomplete, focus; nothing from elsewhere; nobody may keep it or frame it."""
    answer = rig.fetch(f"{gated}/auth/sign-in?next=/billing")
    page = answer.body.decode()

    assert answer.status == 200 and "Sunrise Clinic" in page
    for needed in (
        '<label for="username">',
        '<label for="password">',
        'autocomplete="username"',
        'autocomplete="current-password"',
        'name="next" value="/billing"',
        '<html lang="en">',
    ):
        assert needed in page
    assert len(re.findall(r"\bautofocus\b", page)) == 1
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "unsafe-inline" not in answer.headers["content-security-policy"]


def test_signing_in_sets_a_cookie_that_scripts_cannot_read(gated: str) -> None:
    """And leads to the page that was wanted."""
    answer = post(gated, next="/billing?id=7")

    assert (answer.status, answer.headers["location"]) == (303, "/billing?id=7")
    set_cookie = answer.headers["set-cookie"].lower()
    assert all(part in set_cookie for part in ("httponly", "samesite=strict", "path=/"))
    assert "secure" not in set_cookie and "max-age" not in set_cookie and "domain" not in set_cookie
    assert rig.fetch(gated, headers={"Cookie": answer.cookie}).status == 200


def test_with_https_the_cookie_is_bound_to_it(running: Clinic, tmp_path: Any) -> None:
    """APP_URL says so: Secure, the __Host- prefix, and HSTS."""
    folder = rig.small_app(tmp_path / "app", rig.GATED_APP)
    with rig.serving(folder, running.settings.database_url, APP_URL="https://clinic.example") as url:
        answer = post(url, headers={"Origin": "https://clinic.example"})

        assert answer.headers["set-cookie"].startswith("__Host-clinic_session=")
        assert "secure" in answer.headers["set-cookie"].lower()
        assert answer.headers["strict-transport-security"]
        plain = {"Cookie": answer.cookie.removeprefix("__Host-")}
        assert rig.fetch(url, headers=plain).status == 303, "the same cookie without its prefix is nobody's"


def test_a_refusal_keeps_the_name_and_loses_the_password(gated: str) -> None:
    """Whatever was typed comes back as text, not as markup."""
    answer = post(gated, username='"><script>alert(1)</script>', password="guess-the-secret", next="/today")
    page = answer.body.decode()

    assert answer.status == 401 and 'role="alert"' in page and sessions.REFUSED in page
    assert "&quot;&gt;&lt;script&gt;alert(1)" in page and "<script>alert" not in page
    assert "guess-the-secret" not in page and 'value="/today"' in page
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "/auth/sign-out"])
def test_a_sign_in_never_leads_elsewhere(gated: str, wanted: str) -> None:
    """The address may have come in a mail."""
    assert post(gated, next=wanted).headers["location"] == "/"
    assert wanted not in rig.fetch(f"{gated}/auth/sign-in?next={wanted}").body.decode()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1"])
def test_another_site_cannot_sign_anybody_in_or_out(gated: str, origin: str) -> None:
    """Login CSRF would have a desk work under a stranger's name."""
    signed_in = rig.sign_in(gated, "reception")
    assert post(gated, headers={"Origin": origin}).status == 403
    assert post(gated, headers={"Sec-Fetch-Site": "cross-site"}).status == 403
    out = rig.fetch(f"{gated}/auth/sign-out", form={}, headers={"Origin": origin, "Cookie": signed_in})
    assert out.status == 403
    assert rig.fetch(gated, headers={"Cookie": signed_in}).status == 200


def test_other_kinds_of_messages_are_refused(gated: str) -> None:
    """Only the form: no JSON that could carry a query, no upload, nothing long."""
    url, headers = f"{gated}/auth/sign-in", {"Origin": gated}
    json = {**headers, "Content-Type": "application/json"}
    assert rig.fetch(url, data=b'{"username": "reception", "password": {"$ne": null}}', headers=json).status == 400
    multipart = {**headers, "Content-Type": "multipart/form-data; boundary=x"}
    assert rig.fetch(url, data=b"--x--", headers=multipart).status == 400
    assert post(gated, password="x" * 10_000).status == 400
    bare = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"", b"username=reception", b"password[$ne]=", b"username=a&username=b&password=c", b"\xff\xfe"):
        assert rig.fetch(url, data=body, headers=bare).status in {400, 401}


def test_whoever_is_signed_in_skips_the_form(gated: str) -> None:
    """A second click on a bookmark of the sign-in page."""
    signed_in = rig.sign_in(gated, "reception")
    answer = rig.fetch(f"{gated}/auth/sign-in?next=/today", headers={"Cookie": signed_in})
    assert (answer.status, answer.headers["location"]) == (303, "/today")


def test_the_sign_in_page_announces_a_maintenance(gated: str, running: Clinic) -> None:
    """Who comes in the morning and cannot sign in has to know why; what is done then is nobody's business outside."""
    start = running.now() + timedelta(hours=3)
    window = MaintenanceWindow(id="night", start=start, end=start + timedelta(hours=1), text="A disk <b>fails</b>.")
    planned = maintenance.plan(running, make.actor(Role.ADMIN), window)
    words = maintenance.headline(running, planned)
    eventually(lambda: words in rig.fetch(f"{gated}/auth/sign-in").body.decode(), what="the announcement")
    assert "A disk" not in rig.fetch(f"{gated}/auth/sign-in").body.decode()
    maintenance.call_off(running, make.actor(Role.ADMIN), window.id)


def test_the_page_that_led_here_is_the_way_back(gated: str) -> None:
    """A tab whose session ended comes without `next`."""
    page = rig.fetch(f"{gated}/auth/sign-in?why=ended", headers={"Referer": f"{gated}/billing?id=7"}).body.decode()
    assert 'name="next" value="/billing?id=7"' in page and "You were signed out" in page
    elsewhere = rig.fetch(f"{gated}/auth/sign-in", headers={"Referer": "https://evil.example/billing"}).body.decode()
    assert 'name="next" value="/"' in elsewhere


def test_signing_out_ends_the_session_everywhere(gated: str) -> None:
    """Looking at the address changes nothing; sending the form does, and the cookie is worthless."""
    signed_in = {"Cookie": rig.sign_in(gated, "reception")}
    assert b"Reception" in rig.fetch(f"{gated}/auth/sign-out", headers=signed_in).body
    assert rig.fetch(gated, headers=signed_in).status == 200

    answer = rig.fetch(f"{gated}/auth/sign-out", form={}, headers={**signed_in, "Origin": gated})
    assert (answer.status, answer.headers["location"]) == (303, "/auth/sign-in?why=out")
    assert 'clinic_session=""' in answer.headers["set-cookie"]
    assert rig.fetch(gated, headers=signed_in).status == 303


def test_signing_in_again_ends_the_session_before(gated: str) -> None:
    """A desk that changes hands keeps no second key."""
    first = rig.sign_in(gated, "reception")
    second = post(gated, headers={"Origin": gated, "Cookie": first}, username="manager")

    assert rig.fetch(gated, headers={"Cookie": first}).status == 303
    assert rig.fetch(gated, headers={"Cookie": second.cookie}).status == 200


def test_two_cookies_of_our_name_are_nobodys(gated: str) -> None:
    """A neighbouring host may have planted one of them."""
    signed_in = rig.sign_in(gated, "reception")
    assert rig.fetch(gated, headers={"Cookie": f"{signed_in}; clinic_session=planted"}).status == 303


def test_a_link_on_another_site_opens_the_page_on_the_second_try(gated: str) -> None:
    """A browser leaves the strict cookie at home then; asked again from our own page it brings it along."""
    answer = rig.fetch(f"{gated}/billing", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 200 and b'http-equiv="refresh" content="0"' in answer.body


def test_racing_guesses_are_all_counted(gated: str, running: Clinic) -> None:
    """Thirty at once: five are looked at, and then the right password is refused as well."""
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda number: post(gated, password=f"guess {number}").status, range(30)))
    assert set(found) == {401}
    assert post(gated).status == 401
    assert running.database["audit_events"].count_documents({"action": "user.sign_in_refused", "record_id": "x"}) == 0


def test_a_flood_is_answered_without_looking(running: Clinic, tmp_path: Any) -> None:
    """RATE_LIMIT_*: the processor is spared."""
    folder = rig.small_app(tmp_path / "app", rig.GATED_APP)
    limits = {"RATE_LIMIT_WINDOW_MS": "60000", "RATE_LIMIT_MAX_REQUESTS": "3"}
    with rig.serving(folder, running.settings.database_url, **limits) as url:
        found = [post(url, username="nobody") for _ in range(5)]

    assert [answer.status for answer in found] == [401, 401, 401, 429, 429]
    assert int(found[-1].headers["retry-after"]) >= 1


def test_every_answer_carries_the_security_headers(gated: str) -> None:
    """Pages, files, refusals, unknown addresses."""
    for path in ("/", "/auth/sign-in", "/media/x", "/_stcore/metrics", "/static/x", "/api/health", "/favicon.png"):
        headers = rig.fetch(gated + path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["referrer-policy"] == "same-origin" and headers["permissions-policy"], path


def test_health_says_whether_the_database_answers(gated: str, running: Clinic) -> None:
    """As JSON, for anybody, without anything about patients."""
    answer = rig.fetch(f"{gated}/api/health")
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    assert b'"status":"ok"' in answer.body and b'"sidecar":{"ok":false' in answer.body


def test_without_a_database_nobody_is_let_in(tmp_path: Any) -> None:
    """Health says 503, pages ask to wait, the sign-in form stays with what was typed."""
    folder = rig.small_app(tmp_path / "app", rig.GATED_APP)
    with rig.serving(folder, "mongodb://127.0.0.1:1/nothing") as url:
        with ThreadPoolExecutor(3) as pool:
            asked = (
                pool.submit(rig.fetch, f"{url}/api/health"),
                pool.submit(rig.fetch, url, headers={"Cookie": "clinic_session=x"}),
                pool.submit(post, url),
            )
        health, page, form = (answer.result() for answer in asked)

    assert health.status == 503 and b'"status":"unavailable"' in health.body
    assert page.status == 503 and page.headers["retry-after"] == "5"
    assert form.status == 503 and b'value="reception"' in form.body


def test_a_bucket_fills_up_again() -> None:
    """Per address, evenly over the window."""
    now = [0.0]
    limit = RateLimit(most=2, seconds=10, clock=lambda: now[0])
    assert [limit.wait("a") for _ in range(3)] == [0, 0, 5]
    assert limit.wait("b") == 0
    now[0] = 5
    assert [limit.wait("a"), limit.wait("a")] == [0, 5]


def test_the_cookie_is_read_however_the_header_is_split() -> None:
    """HTTP/2 proxies send one header per cookie."""
    scope = {"headers": [(b"cookie", b"a=b; clinic_session=token"), (b"cookie", b"c=d")]}
    assert cookie.read(scope, Settings()) == "token"
    assert cookie.read({"headers": [(b"cookie", b"xclinic_session=token")]}, Settings()) is None
