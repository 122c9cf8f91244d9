"""Files that are made when their button is pressed ask again who is there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic_core.clinic import Clinic
from clinic_core.domain.access import Role
from clinic_core.domain.users import Session
from clinic_core.errors import Forbidden
from tests.web import rig
from ui import session

SESSION_ID = "5" * 64


def test_a_download_asks_again_who_is_there(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """A button that was drawn while the session lived gives nothing once it has ended."""
    rig.staff(clinic)
    now = clinic.now()
    clinic.sessions.add(
        Session(
            id=SESSION_ID,
            user_id="user-reception",
            epoch=0,
            created_at=now,
            seen_at=now,
            ends_at=now + timedelta(hours=1),
        )
    )
    monkeypatch.setattr(session.st, "session_state", {})
    monkeypatch.setattr(session.st, "user", {"session": SESSION_ID})

    there = session.asked_later(clinic)
    assert there().role is Role.RECEPTIONIST

    clinic.sessions.remove(SESSION_ID)
    with pytest.raises(Forbidden, match="Sign in again"):
        there()
