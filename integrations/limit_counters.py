"""Where calls are counted: Redis, by one atomic script, and while that is away PostgreSQL, under a lock.

Each begins where the other left off, as far as that was written down: usage goes to the rows every few seconds, and a
count in Redis that is missing or behind (Redis was emptied, or was away) is raised to what the row says.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from .models import Connection, RateLimit
from .redis_client import redis_client

logger = logging.getLogger(__name__)

_REST_SECONDS = 1.0  # after a failure Redis is not asked for this long: its time-outs must not add to every call
_TOUCHED = "hub:limits:touched"

# Takes one call from every window, or from none. Answers the window that is used up (counted from 1), or 0.
# Keys: a counter for each window; the set of touched connections. Arguments: for each window the calls allowed, the end
# of the counter's life and the calls known to have been made; the connection.
_TAKE = """
local used = {}
for i = 1, #KEYS - 1 do
    used[i] = math.max(tonumber(redis.call('GET', KEYS[i]) or '0'), tonumber(ARGV[3 * i]))
    if used[i] >= tonumber(ARGV[3 * i - 2]) then return i end
end
for i = 1, #KEYS - 1 do
    redis.call('SET', KEYS[i], string.format('%d', used[i] + 1), 'EXAT', ARGV[3 * i - 1])
end
redis.call('SADD', KEYS[#KEYS], ARGV[#ARGV])
return 0
"""


@dataclass(frozen=True)
class Window:
    """One stretch of a limit. `at_least` calls were made in it according to its row, which lags behind by seconds."""

    limit_type: str
    max_requests: int
    start: datetime
    end: datetime
    at_least: int = 0

    def key(self, connection_id: uuid.UUID) -> str:
        return f"hub:limit:{connection_id}:{self.limit_type}:{int(self.start.timestamp())}"


def take(connection: Connection, windows: Sequence[Window]) -> Window | None:
    """Count one call in every window, or in none: then the window that is full is returned."""
    if _redis_is_asked():
        try:
            return _take_in_redis(connection, windows)
        except redis.RedisError:
            _let_redis_rest()
            logger.warning("Redis does not answer; limits are counted in PostgreSQL.")
    return _take_in_postgresql(connection, windows)


def used(connection: Connection, windows: Sequence[Window]) -> list[int]:
    """The calls made in each window."""
    if windows and _redis_is_asked():
        try:
            counts: Any = _redis().mget([window.key(connection.pk) for window in windows])
        except redis.RedisError:
            _let_redis_rest()
        else:
            return [max(int(count or 0), window.at_least) for count, window in zip(counts, windows, strict=True)]
    rows = RateLimit.objects.filter(connection=connection)
    usage = {(row.limit_type, row.window_start): row.current_usage for row in rows}
    return [usage.get((window.limit_type, window.start), 0) for window in windows]


def is_first_to_tell(connection: Connection, window: Window) -> bool:
    """Whether nobody has told yet that the window is full; with Redis away rather twice than never."""
    if not _redis_is_asked():
        return True
    try:
        told = window.key(connection.pk) + ":told"
        return bool(_redis().set(told, 1, nx=True, exat=int(window.end.timestamp()) + 1))
    except redis.RedisError:
        _let_redis_rest()
        return True


def take_touched(at_most: int = 1000) -> list[uuid.UUID]:
    """The connections that were counted since the last time, each once."""
    try:
        touched: Any = _redis().spop(_TOUCHED, at_most)
    except redis.RedisError:
        return []
    return [uuid.UUID(key.decode()) for key in touched]


def _take_in_redis(connection: Connection, windows: Sequence[Window]) -> Window | None:
    arguments: list[str | int] = []
    for window in windows:
        # A minute longer than the window, so that its last usage can still be written to its row.
        arguments += [window.max_requests, int(window.end.timestamp()) + 60, window.at_least]
    keys = [window.key(connection.pk) for window in windows]
    full: Any = _script(settings.REDIS_URL)(keys=[*keys, _TOUCHED], args=[*arguments, str(connection.pk)])
    return windows[full - 1] if full else None


@transaction.atomic
def _take_in_postgresql(connection: Connection, windows: Sequence[Window]) -> Window | None:
    rows = _locked_rows(connection, windows)
    by_type = {row.limit_type: row for row in rows}
    for window in windows:
        row = by_type[window.limit_type]
        if row.window_start != window.start:
            row.current_usage, row.is_exceeded, row.exceeded_at = 0, False, None
            row.window_start, row.window_end, row.reset_at = window.start, window.end, window.end
        if row.current_usage >= window.max_requests:
            return window
    for window in windows:
        row = by_type[window.limit_type]
        row.current_usage += 1
        row.is_exceeded = row.current_usage >= window.max_requests
        row.exceeded_at = timezone.now() if row.is_exceeded else None
    RateLimit.objects.bulk_update(
        rows, ["current_usage", "window_start", "window_end", "reset_at", "is_exceeded", "exceeded_at"]
    )
    return None


def _locked_rows(connection: Connection, windows: Sequence[Window]) -> list[RateLimit]:
    """The windows' rows, made where a provider's own limit has none yet."""
    wanted = RateLimit.objects.filter(connection=connection, limit_type__in=[window.limit_type for window in windows])
    # One order for all, so that two processes never wait for each other.
    in_order = wanted.select_for_update().order_by("limit_type")
    rows = list(in_order)
    if len(rows) < len(windows):
        RateLimit.objects.bulk_create(
            [
                RateLimit(
                    connection=connection,
                    organization_id=connection.organization_id,
                    limit_type=window.limit_type,
                    max_requests=window.max_requests,
                )
                for window in windows
            ],
            ignore_conflicts=True,
        )
        rows = list(in_order.all())
    return rows


# Until when Redis, by its address, is left alone after it failed.
_resting_until: dict[str, float] = {}


def _redis_is_asked() -> bool:
    return time.monotonic() >= _resting_until.get(settings.REDIS_URL, 0.0)


def _let_redis_rest() -> None:
    _resting_until[settings.REDIS_URL] = time.monotonic() + _REST_SECONDS


def _redis() -> redis.Redis:
    return redis_client(settings.REDIS_URL)


@cache
def _script(url: str) -> Any:
    return redis_client(url).register_script(_TAKE)
