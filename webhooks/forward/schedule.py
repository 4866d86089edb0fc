"""When a delivery that failed is sent again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from integrations.errors import InvalidRequest

from ..models import WebhookDestination

# 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h: three days and a quarter in all.
SCHEDULE_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
_MOST_RETRIES = 20
_LONGEST_SECONDS = 604_800


def seconds_until_retry(destination: WebhookDestination, tries: int) -> float | None:
    """The pause after so many tries, or None when that was the last. A little longer at random, never shorter."""
    schedule = schedule_of(destination)
    if tries > len(schedule):
        return None
    return schedule[tries - 1] * random.uniform(1.0, 1.05)  # noqa: S311 - spreads load, guards nothing


def schedule_of(destination: WebhookDestination) -> tuple[int, ...]:
    """The destination's own schedule, or the usual: a row written by hand must not stop the queue."""
    policy = destination.retry_policy
    own = policy.get("schedule") if isinstance(policy, Mapping) else None
    return tuple(own) if own is not None and _is_schedule(own) else SCHEDULE_SECONDS


def check_retry_policy(policy: Any) -> None:
    """Raises InvalidRequest for what is no retry policy."""
    if not isinstance(policy, Mapping) or not policy.keys() <= {"schedule"}:
        raise InvalidRequest("A retry policy has {names}.", names="schedule", field="retry_policy")
    if "schedule" in policy and not _is_schedule(policy["schedule"]):
        raise InvalidRequest(
            "A schedule is a list of at most {most} pauses, each of 1 to {longest} seconds.",
            most=_MOST_RETRIES,
            longest=_LONGEST_SECONDS,
            field="retry_policy.schedule",
        )


def _is_schedule(schedule: Any) -> bool:
    return (
        isinstance(schedule, list)
        and len(schedule) <= _MOST_RETRIES
        and all(isinstance(one, int) and not isinstance(one, bool) and 1 <= one <= _LONGEST_SECONDS for one in schedule)
    )
