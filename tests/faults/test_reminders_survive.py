"""Reminders while sidecars and database are killed and the carrier fails: none lost, none twice, none late.

`REMINDER_SECONDS` says for how long, 8 if unset. The same as ``bench reminders``, which takes minutes.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from clinic_core import campaign
from clinic_core.clinic import open_clinic
from clinic_core.embedded import Server
from clinic_core.services import check_messages
from clinic_core.settings import Settings
from tests.conftest import fresh_database

SECONDS = float(os.environ.get("REMINDER_SECONDS", "8"))


@pytest.mark.faults
def test_no_reminder_is_lost_or_comes_twice(
    own_server: Server | None, tmp_path: Path, request: pytest.FixtureRequest, record_property: Any
) -> None:
    """Send-then-mark sends twice at a crash, mark-then-send loses; this counts at the carrier what patients got."""
    url = own_server.url if own_server else fresh_database(request.getfixturevalue("server_url"))
    messages = int(SECONDS * 14)
    plan = campaign.Plan(url=url, folder=tmp_path, messages=messages, seconds=SECONDS, server=own_server)

    result = campaign.run(plan)

    record_property("campaign", json.dumps(result.shown()))
    print("\n" + json.dumps(result.shown()))
    assert (result.lost, result.twice, result.late, result.after_change) == (0, 0, 0, 0)
    assert result.sent > messages * 0.8
    assert result.sidecars_killed >= 3
    assert result.database_killed == (2 if own_server else 0)
    assert _faults(url) == []
    assert {"429", "500 before", "500 after"} <= set(result.faults), "no faults: the test proves nothing"


def _faults(url: str) -> list[object]:
    """What is wrong with the outbox by itself."""
    clinic = open_clinic(Settings(database_url=url))
    found = list(check_messages.faults(clinic, [clinic.today(), clinic.today() + timedelta(days=1)], lambda _: True))
    clinic.close()
    return list(found)
