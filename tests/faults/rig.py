"""What fault tests share: processes that are killed and replaced, their logs on disk, and outages of the database."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from typing import Any

from clinic_core.bench.crew import Crew, Log
from clinic_core.embedded import Server

OUTAGES = ((1 / 3, 0.5), (2 / 3, 6.0))  # when, and for how long: the second one outlasts the driver's patience


def cut(server: Server, begin: float, seconds: float) -> int:
    """Kill the database in the middle of its work and start it again where it was, each time; how many times."""
    for part, away in OUTAGES:
        time.sleep(max(0.0, begin + seconds * part - time.monotonic()))
        assert server.child.pid is not None
        os.kill(server.child.pid, signal.SIGKILL)
        time.sleep(away)
        server.start()
    return len(OUTAGES)


def figures(lines: list[dict[str, Any]]) -> Counter[str]:
    """How often what happened, by change; a refusal by its reason."""
    found: Counter[str] = Counter()
    for line in lines:
        detail = line.get("why") if line["what"] == "refused" else line["change"]
        found[f"{line['what']} {detail}"] += 1
    return found


__all__ = ["OUTAGES", "Crew", "Log", "cut", "figures"]
