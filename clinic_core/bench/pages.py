"""How long the screens take with 1, 10, 50, 100 people at work.

Each session signs in, opens a tab and then visits its role's screens again and again: the first run of a screen is
an `open`, the runs that follow are `rerun`s, and fragments that refresh themselves run on their own timers as in a
browser (`fragment`). Between two actions a person thinks for a random, exponentially distributed time.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import requests

from clinic_core.bench.wire import Run, Tab, open_tab, within
from clinic_core.errors import InvalidInput

SCREENS: Final[dict[str, tuple[str, ...]]] = {
    "reception": ("today", "appointments", "billing", "patients"),
    "manager": ("today", "appointments", "billing", "reports"),
    "doctor": ("today", "visit", "patients"),
}
SHARES: Final = ("reception", "manager", "reception", "doctor")  # of every four people at work
_RUN_TIMEOUT: Final = 60.0
_SIGN_INS_AT_ONCE: Final = 2  # bcrypt costs 0.3 s of a core each


@dataclass(slots=True)
class Measured:
    """What one level of load gave: milliseconds by (kind, screen), faults by what they were."""

    times: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)

    def note(self, kind: str, screen: str, run: Run) -> None:
        """Keep one run."""
        if run.fault:
            self.faults[f"{screen}: {run.fault}"] += 1
        self.times.setdefault((kind, screen), []).append(run.milliseconds)

    def all(self, kind: str) -> list[float]:
        """Every time of a kind."""
        return [ms for (of, _), found in self.times.items() if of == kind for ms in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to drive: `think` seconds on average between two actions, `reruns` after each opened screen."""

    url: str
    password: str
    think: float
    reruns: int
    seed: int = 1
    processes: Mapping[str, int] = field(default_factory=dict)  # name -> process id, to count CPU


def run(plan: Plan, sessions: Sequence[int]) -> dict[str, Any]:
    """Measure each number of sessions in turn; the result is ready for JSON."""
    return {
        "url": plan.url,
        "think_s": plan.think,
        "reruns": plan.reruns,
        "cores": os.cpu_count(),
        "levels": [asyncio.run(_level(plan, count)) for count in sessions],
    }


def sign_in(url: str, username: str, password: str) -> str:
    """The cookie (``name=value``) of a new session; raises InvalidInput when sign-in is refused."""
    form = {"username": username, "password": password, "next": "/"}
    answer = requests.post(
        f"{url}/auth/sign-in", data=form, headers={"Origin": url}, timeout=_RUN_TIMEOUT, allow_redirects=False
    )
    if not answer.cookies:
        raise InvalidInput(f"{username} could not sign in (HTTP {answer.status_code}): is the demo clinic loaded?")
    return "; ".join(f"{name}={value}" for name, value in answer.cookies.items())


async def _level(plan: Plan, count: int) -> dict[str, Any]:
    people = [SHARES[i % len(SHARES)] for i in range(count)]
    gate = asyncio.Semaphore(_SIGN_INS_AT_ONCE)

    async def enter(username: str) -> str:
        async with gate:
            return await asyncio.to_thread(sign_in, plan.url, username, plan.password)

    cookies = await asyncio.gather(*(enter(username) for username in people))
    measured, before = Measured(), cpu_seconds(plan.processes)
    await asyncio.gather(
        *(
            _person(plan, name, cookie, random.Random(f"{plan.seed}/{i}"), measured)  # noqa: S311 - think times
            for i, (name, cookie) in enumerate(zip(people, cookies, strict=True))
        )
    )
    after = cpu_seconds(plan.processes)
    return _summary(count, measured, {name: after[name] - before[name] for name in after if name in before})


async def _person(plan: Plan, username: str, cookie: str, chance: random.Random, measured: Measured) -> None:
    await asyncio.sleep(chance.random() * plan.think)
    async with open_tab(plan.url, cookie) as tab:
        measured.note("first", "start", await within(_RUN_TIMEOUT, tab.run()))
        for screen in SCREENS[username]:
            if screen not in tab.pages:
                measured.faults[f"{screen}: not offered to {username}"] += 1
                continue
            await _think(plan, chance, tab, screen, measured)
            measured.note("open", screen, await within(_RUN_TIMEOUT, tab.open(screen)))
            for _ in range(plan.reruns):
                await _think(plan, chance, tab, screen, measured)
                measured.note("rerun", screen, await within(_RUN_TIMEOUT, tab.run()))


async def _think(plan: Plan, chance: random.Random, tab: Tab, screen: str, measured: Measured) -> None:
    """Wait as a person does; fragments with a timer run meanwhile, as the browser would ask for them."""
    rest = min(chance.expovariate(1 / plan.think), 4 * plan.think) if plan.think else 0.0
    due = dict(tab.timers)
    while due and (soonest := min(due, key=lambda name: due[name])) and due[soonest] <= rest:
        wait = due[soonest]
        await asyncio.sleep(wait)
        rest -= wait
        measured.note("fragment", screen, await within(_RUN_TIMEOUT, tab.run(fragment_id=soonest)))
        due = {name: left - wait for name, left in due.items()} | {soonest: tab.timers.get(soonest, 3600.0)}
    await asyncio.sleep(rest)


def _summary(count: int, measured: Measured, cpu: Mapping[str, float]) -> dict[str, Any]:
    runs = sum(len(found) for found in measured.times.values())
    kinds = sorted({kind for kind, _ in measured.times})
    return {
        "sessions": count,
        "runs": runs,
        "errors": sum(measured.faults.values()),
        "faults": dict(measured.faults),
        "cpu_per_run_ms": {name: round(seconds * 1000 / runs, 1) for name, seconds in cpu.items()} if runs else {},
        **{f"{kind}_ms": percentiles(measured.all(kind)) for kind in kinds},
        "screens": {f"{kind} {screen}": percentiles(found) for (kind, screen), found in sorted(measured.times.items())},
    }


def percentiles(times: Iterable[float]) -> dict[str, float]:
    """Count, p50, p95, p99 and the largest of some milliseconds."""
    found = sorted(times)
    cuts = quantiles(found, n=100, method="inclusive") if len(found) > 1 else found * 99
    return {
        "n": len(found),
        "p50": round(cuts[49], 1),
        "p95": round(cuts[94], 1),
        "p99": round(cuts[98], 1),
        "max": round(found[-1], 1),
    }


def cpu_seconds(processes: Mapping[str, int]) -> dict[str, float]:
    """User and system seconds that each process has used so far (Linux); none where that cannot be read."""
    ticks = os.sysconf("SC_CLK_TCK")
    used: dict[str, float] = {}
    for name, pid in processes.items():
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists():
            after_name = stat.read_text().rpartition(")")[2].split()
            used[name] = (int(after_name[11]) + int(after_name[12])) / ticks
    return used
