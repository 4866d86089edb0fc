"""How many calls an endpoint takes a minute, counted in Redis over all processes.

A process tells Redis of its calls in lots of a hundredth of the limit, so that counting costs the door next to nothing;
each process may so let through a hundredth too many. With Redis away events are let in rather than lost.
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings

from integrations.errors import RateLimited
from integrations.redis_client import redis_client

_LOTS = 100
_REST_SECONDS = 1.0  # after a failure Redis is not asked for this long: its time-outs must not add to every event
_MOST = 10_000


@dataclass
class _Minute:
    """One endpoint's minute: how many calls Redis knows of, and how many of ours it has not been told."""

    number: int
    told: int = 0
    untold: int = 0
    is_begun: bool = False  # its first call was told, or is just being


_lock = threading.Lock()
_minutes: dict[uuid.UUID, _Minute] = {}
_resting_until = 0.0


def count_call(endpoint_id: uuid.UUID, max_per_minute: int) -> None:
    """Count one call. Raises RateLimited, with the seconds until the next minute, when it is one too many."""
    now = time.time()
    number = int(now // 60)
    with _lock:
        minute = _minute_of(endpoint_id, number)
        minute.untold += 1
        used = minute.told + minute.untold
        lot = minute.untold if _is_lot(minute, max_per_minute) else 0
        if lot:
            minute.untold, minute.is_begun = 0, True
    if lot:
        used = _tell(endpoint_id, number, lot)
        minute.told = max(minute.told, used)  # another thread's answer may have overtaken ours
    if used > max_per_minute:
        raise RateLimited("This endpoint takes no more events this minute.", retry_after=60 - now % 60)


def _minute_of(endpoint_id: uuid.UUID, number: int) -> _Minute:
    minute = _minutes.get(endpoint_id)
    if minute is None or minute.number != number:
        if len(_minutes) >= _MOST:
            _minutes.clear()
        minute = _minutes[endpoint_id] = _Minute(number)
    return minute


def _is_lot(minute: _Minute, max_per_minute: int) -> bool:
    """Nothing is told of a minute that is used up: a flood is refused without asking anyone."""
    if minute.told > max_per_minute:
        return False
    return not minute.is_begun or minute.untold >= max_per_minute // _LOTS


def _tell(endpoint_id: uuid.UUID, number: int, calls: int) -> int:
    """Add our calls to everyone's; returns them all, or 0 while Redis is away."""
    global _resting_until
    if time.monotonic() < _resting_until:
        return 0
    key = f"hub:webhook:{endpoint_id}:{number}"
    try:
        client = redis_client(settings.REDIS_URL)
        total: Any = client.incrby(key, calls)
        if total == calls:
            client.expire(key, 120)
    except redis.RedisError:
        _resting_until = time.monotonic() + _REST_SECONDS
        return 0
    return int(total)
