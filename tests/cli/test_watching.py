"""A child that dies again and again is restarted after longer and longer pauses, and each time that is said."""

from __future__ import annotations

import time
from pathlib import Path

from clinic_core.children import Child
from clinic_core.folder import DataFolder
from clinic_core.gateways import email
from clinic_core.services import sending
from clinic_core.supervisor import SIDECAR_SECONDS, Watched


def test_a_crash_loop_slows_down(tmp_path: Path):
    """At once, then after half a second, then after one."""
    folder = DataFolder(tmp_path)
    folder.prepare()
    child = Child("clock", ["-m", "this"], folder)  # a module that prints and ends
    watched = Watched(child, child.start, lambda: False)
    said: list[str] = []
    records: list[float] = []

    child.start()
    deadline = time.monotonic() + 20
    while len(said) < 3 and time.monotonic() < deadline:
        watched.look(said.append, lambda: records.append(time.monotonic()))
        time.sleep(0.02)

    assert [line.split(";")[1].split(". ")[0].strip() for line in said] == [
        "restarting it now",
        "restarting it in 0.5 s",
        "restarting it in 1 s",
    ]
    assert records[1] - records[0] >= 0.5
    assert child.last_words() == "Namespaces are one honking great idea -- let's do more of those!"


def test_a_log_that_grew_too_long_keeps_one_predecessor(tmp_path: Path):
    """The disk does not fill up, and the process goes on writing to the same file."""
    folder = DataFolder(tmp_path)
    folder.prepare()
    child = Child("talker", ["-m", "this"], folder)
    child.log.write_bytes(b"x" * 20_000_001)

    child.trim_log()

    assert child.log.stat().st_size == 0
    assert child.log.with_suffix(".log.1").stat().st_size == 20_000_001


def test_a_sidecar_may_finish_what_it_sends():
    """Ended in the middle of an e-mail, it would send it again: a mail server does not tell what it took."""
    assert SIDECAR_SECONDS > sending.RUN_SECONDS + email._PATIENCE
