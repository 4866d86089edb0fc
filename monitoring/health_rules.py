"""What checks in a row say about a connection. Nothing here asks anybody: it follows from the checks that it is given.

failures in a row, as many as the rule says    → down
fewer                                          → degraded: a single failure is often chance
answers after that, fewer than the rule says   → still down
answered, but much slower than usual           → degraded
failing and answering by turns                 → degraded
answered                                       → healthy
no webhooks where there used to be many        → degraded
skipped, or failed in a maintenance window     → nothing is concluded from it
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from .models import HealthCheck

Status = HealthCheck.Status
Outcome = HealthCheck.Outcome

FEWEST_FOR_BASELINE = 5
BASELINE_OF = 20
FLAPS = 4  # turns from well to failing or back
FLAPS_WITHIN = timedelta(minutes=30)
REMEMBERED = 40  # checks of a kind: the most that any of the rules looks back on
REMEMBERED_FOR = timedelta(days=2)
INTERVAL_UNWELL = timedelta(minutes=1)
JITTER = 0.2
_FASTER_THAN_NOTICED_MS = 200.0  # however much slower than usual

_BAD = frozenset({Outcome.FAILED, Outcome.REFUSED})
SLOW = "slow"
FLAPPING = "flapping"
RECOVERING = "recovering"
_SEVERITY = {Status.HEALTHY: 0, Status.DEGRADED: 1, Status.DOWN: 2}


@dataclass(frozen=True)
class Rule:
    """By what a connection is judged; the fields are those of `HealthRule`."""

    interval_seconds: int = 300
    failures_until_down: int = 2
    successes_until_recovery: int = 2
    slow_ms: int = 2000
    slow_times: float = 3.0
    baseline_ms: int | None = None


@dataclass(frozen=True)
class Seen:
    """A check of one kind, and what was concluded after it."""

    at: datetime
    outcome: Outcome
    took_ms: int | None = None
    status: Status = Status.HEALTHY
    in_maintenance: bool = False

    @property
    def counts(self) -> bool:
        """A failure in a maintenance window says nothing; that it answers there is as good as anywhere."""
        return self.outcome == Outcome.ANSWERED or not (self.in_maintenance or self.outcome == Outcome.SKIPPED)

    @property
    def is_bad(self) -> bool:
        return self.outcome in _BAD


@dataclass(frozen=True)
class Verdict:
    """`is_refused`: it is down since the provider refuses the credentials. `reason`: why it is not healthy although
    the check was answered."""

    status: Status
    is_refused: bool = False
    reason: str = ""


def conclude(newest: Seen, before: Sequence[Seen], rule: Rule) -> Verdict:
    """The state after a check, from it and those of its kind before it, newest first."""
    counted = [seen for seen in before if seen.counts]
    previous = counted[0].status if counted else None
    if not newest.counts:
        return Verdict(previous or Status.HEALTHY)
    if newest.outcome == Outcome.SILENT:
        return Verdict(Status.DEGRADED)
    row = [newest, *counted]
    if newest.is_bad:
        failures = _length(row, bad=True)
        is_down = failures >= rule.failures_until_down or previous == Status.DOWN
        latest = row[: rule.failures_until_down]
        refused = len(latest) == rule.failures_until_down and all(s.outcome == Outcome.REFUSED for s in latest)
        return Verdict(Status.DOWN if is_down else Status.DEGRADED, is_refused=is_down and refused)
    if previous == Status.DOWN and _length(row, bad=False) < rule.successes_until_recovery:
        return Verdict(Status.DOWN, reason=RECOVERING)
    if _is_slow(newest, counted, rule):
        return Verdict(Status.DEGRADED, reason=SLOW)
    if _turns(row) >= FLAPS:
        return Verdict(Status.DEGRADED, reason=FLAPPING)
    return Verdict(Status.HEALTHY)


def worst(statuses: Sequence[Status]) -> Status:
    """A connection is as well as the least well of its kinds of check."""
    return max(statuses, key=lambda status: _SEVERITY[status])


def usual_ms(before: Sequence[Seen], rule: Rule) -> float | None:
    """A connection's baseline: the rule's own, else the median of its latest good checks; None while they are few.

    Where it has long been slower than it was, slow has become usual.
    """
    if rule.baseline_ms is not None:
        return float(rule.baseline_ms)
    answered = [seen for seen in before if seen.outcome == Outcome.ANSWERED and seen.took_ms is not None]
    good = [seen for seen in answered if seen.status == Status.HEALTHY]
    chosen = good if len(good) >= FEWEST_FOR_BASELINE else answered
    times = [seen.took_ms for seen in chosen[:BASELINE_OF] if seen.took_ms is not None]
    return statistics.median(times) if len(times) >= FEWEST_FOR_BASELINE else None


def pause_after(status: Status, rule: Rule, chance: float) -> timedelta:
    """Until the next check; `chance`, from 0 to 1, shakes it, so that connections made together drift apart."""
    usual = timedelta(seconds=rule.interval_seconds)
    pause = usual if status == Status.HEALTHY else min(usual, INTERVAL_UNWELL)
    return pause * (1 + JITTER * (2 * chance - 1))


def _length(row: Sequence[Seen], *, bad: bool) -> int:
    """How many in a row, from the newest on, were bad, or were not."""
    return next((place for place, seen in enumerate(row) if seen.is_bad != bad), len(row))


def _is_slow(newest: Seen, before: Sequence[Seen], rule: Rule) -> bool:
    if newest.took_ms is None:
        return False
    usual = usual_ms(before, rule)
    slower = usual is not None and newest.took_ms > max(_FASTER_THAN_NOTICED_MS, rule.slow_times * usual)
    return newest.took_ms > rule.slow_ms or slower


def _turns(row: Sequence[Seen]) -> int:
    since = row[0].at - FLAPS_WITHIN
    recent = [seen.is_bad for seen in row if seen.at >= since]
    return sum(now != then for now, then in pairwise(recent))
