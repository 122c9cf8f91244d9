"""What may still be sent: so many messages a second from each number, and so much money a month.

One record that all senders share, changed by guarded writes. A message is counted once, however often it is tried: the
last ones that were counted are remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from clinic_core.domain.messages import MessagePolicy

REMEMBERED: Final = 1_000
WARN_PERCENT: Final = 80
_BURST_SECONDS: Final = 2  # what was not sent in so many seconds may be made up for at once
_WHOLE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How far the senders are."""

    id: str = "allowance"
    month: str = ""  # the clinic's local month, "2026-11"
    spent_micros: int = 0  # in that month, of what was sent or is about to be
    counted: tuple[str, ...] = ()  # the messages that were counted last
    ready_at: Mapping[str, datetime] = field(default_factory=dict)  # by sending number: when it has caught up
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A message that is ready: from which number ("" where no rate holds), and what it should cost."""

    id: str
    sender: str
    cost_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """Which messages may go now; `over` are those that the budget does not allow, the rest waits for its turn."""

    allowance: Allowance
    ids: frozenset[str]
    over: frozenset[str]


def take(before: Allowance, wants: Sequence[Want], policy: MessagePolicy, *, now: datetime, month: str) -> Granted:
    """Let go what may, in order."""
    current = (
        before if before.month == month else Allowance(month=month, ready_at=before.ready_at, version=before.version)
    )
    counted, spent, ready = set(current.counted), current.spent_micros, dict(current.ready_at)
    fresh, ids, over = [], set(), set()
    for want in wants:
        cost = 0 if want.id in counted else want.cost_micros
        if policy.monthly_budget_micros and cost and spent + cost > policy.monthly_budget_micros:
            over.add(want.id)
            continue
        if not _may_go(ready, want.sender, policy.messages_per_second, now):
            continue
        ids.add(want.id)
        spent += cost
        if cost:
            fresh.append(want.id)
    kept = (*current.counted, *fresh)[-REMEMBERED:]
    after = replace(current, spent_micros=spent, counted=kept, ready_at=ready)
    return Granted(allowance=after, ids=frozenset(ids), over=frozenset(over))


def give_back(before: Allowance, unsent: Iterable[Want], month: str) -> Allowance:
    """What was counted and never sent after all."""
    if before.month != month:
        return before
    back = {want.id: want.cost_micros for want in unsent if want.id in before.counted}
    kept = tuple(one for one in before.counted if one not in back)
    return replace(before, spent_micros=max(before.spent_micros - sum(back.values()), 0), counted=kept)


def is_nearly_spent(allowance: Allowance, policy: MessagePolicy) -> bool:
    """Whether somebody should hear that the month's money comes to its end."""
    limit = policy.monthly_budget_micros
    return bool(limit) and allowance.spent_micros * _WHOLE >= limit * WARN_PERCENT


def _may_go(ready: dict[str, datetime], sender: str, per_second: int, now: datetime) -> bool:
    """Take one place of a number's token bucket; a bucket refills at `per_second` and holds two seconds' worth."""
    if not sender:
        return True
    at = max(ready.get(sender, now), now)
    burst = timedelta(seconds=_BURST_SECONDS) - timedelta(seconds=1) / per_second
    if at > now + burst:
        return False
    ready[sender] = at + timedelta(seconds=1) / per_second
    return True
