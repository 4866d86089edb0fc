"""How often a connection may call: every window checked and taken in one atomic Redis script.

When Redis is away the same question is put to the connection's `rate_limits` rows in PostgreSQL, locked while they are
counted, so that the limit holds all the same, from the last usage that was written there.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import redis
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from . import signals
from .errors import RateLimited
from .models import Connection, RateLimit
from .providers.registry import get_provider

logger = logging.getLogger(__name__)

_CACHED_SECONDS = 5.0
_REDIS_REST_SECONDS = 1.0  # after a failure Redis is not asked for this long: its time-outs must not add to every call
_TOUCHED = "hub:limits:touched"

# Takes one call from every window, or from none. Answers the window that is used up (counted from 1), or 0.
_TAKE = """
for i = 1, #KEYS - 1 do
    if tonumber(redis.call('GET', KEYS[i]) or '0') >= tonumber(ARGV[2 * i - 1]) then return i end
end
for i = 1, #KEYS - 1 do
    redis.call('INCR', KEYS[i])
    redis.call('EXPIREAT', KEYS[i], ARGV[2 * i])
end
redis.call('SADD', KEYS[#KEYS], ARGV[#ARGV])
return 0
"""


@dataclass(frozen=True)
class Window:
    limit_type: str
    max_requests: int
    start: datetime
    end: datetime

    def key(self, connection_id: uuid.UUID) -> str:
        return f"hub:limit:{connection_id}:{self.limit_type}:{int(self.start.timestamp())}"


@dataclass(frozen=True)
class WindowUsage:
    limit_type: str
    max_requests: int
    used: int
    reset_at: datetime

    @property
    def remaining(self) -> int:
        return max(0, self.max_requests - self.used)

    @property
    def allowed(self) -> bool:
        return self.remaining > 0


def acquire(connection: Connection) -> None:
    """Count one call against every window of the connection. Raises RateLimited, counting nothing, when one is full."""
    windows = list(_windows(connection, timezone.now()))
    if not windows:
        return
    full = _take(connection, windows)
    if full is not None:
        _announce(connection, full)
        wait = max(1.0, (full.end - timezone.now()).total_seconds())
        raise RateLimited(
            f"The limit of {full.max_requests} calls {full.limit_type.replace('_', ' ')} is used up.", retry_after=wait
        )


def check(connection: Connection) -> list[WindowUsage]:
    """What is left of each window, counting nothing."""
    windows = list(_windows(connection, timezone.now()))
    return [
        WindowUsage(window.limit_type, window.max_requests, used, window.end)
        for window, used in zip(windows, _used(connection, windows), strict=True)
    ]


def flush_usage() -> int:
    """Write the usage of the connections that were counted since the last time to their rows; returns how many."""
    client = _redis()
    try:
        touched: Any = client.spop(_TOUCHED, 1000)
    except redis.RedisError:
        return 0
    connections = Connection.objects.filter(pk__in=[uuid.UUID(key.decode()) for key in touched or ()])
    for connection in connections.select_related("organization", "provider"):
        _write_usage(connection)
    return len(touched or ())


def forget(connection_id: uuid.UUID) -> None:
    """Read the connection's limits anew at the next call; other processes do within seconds."""
    _limits_cache.pop(connection_id, None)


def _write_usage(connection: Connection) -> None:
    now = timezone.now()
    for usage, window in zip(check(connection), _windows(connection, now), strict=True):
        limit, _ = RateLimit.objects.get_or_create(
            connection=connection,
            limit_type=window.limit_type,
            defaults={"organization_id": connection.organization_id, "max_requests": window.max_requests},
        )
        exceeded = not usage.allowed
        limit.current_usage = usage.used
        limit.window_start, limit.window_end, limit.reset_at = window.start, window.end, window.end
        limit.exceeded_at = (limit.exceeded_at if limit.is_exceeded else now) if exceeded else None
        limit.is_exceeded = exceeded
        limit.save(update_fields=[
            "current_usage", "window_start", "window_end", "reset_at", "exceeded_at", "is_exceeded", "updated_at",
        ])  # fmt: skip


# The connection's own limits, read at most every few seconds: (good until, [(limit type, calls allowed)]).
_limits_cache: dict[uuid.UUID, tuple[float, list[tuple[str, int]]]] = {}


def _limits(connection: Connection) -> list[tuple[str, int]]:
    """The connection's rows, and for the windows that it has none of, what the provider documents."""
    cached = _limits_cache.get(connection.pk)
    if cached and cached[0] > time.monotonic():
        return cached[1]
    documented = dict(get_provider(connection.provider.slug).rate_limits)
    own = dict(RateLimit.objects.filter(connection=connection).values_list("limit_type", "max_requests"))
    limits = sorted((documented | own).items())
    _limits_cache[connection.pk] = (time.monotonic() + _CACHED_SECONDS, limits)
    return limits


def _windows(connection: Connection, now: datetime) -> Iterator[Window]:
    for limit_type, max_requests in _limits(connection):
        start, end = _bounds(limit_type, now, connection)
        yield Window(limit_type, max_requests, start, end)


def _bounds(limit_type: str, now: datetime, connection: Connection) -> tuple[datetime, datetime]:
    """Minutes and hours by the clock; days and months by the organization's calendar."""
    if limit_type == RateLimit.Window.PER_MINUTE:
        start = now.astimezone(UTC).replace(second=0, microsecond=0)
        return start, start + timedelta(minutes=1)
    if limit_type == RateLimit.Window.PER_HOUR:
        start = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return start, start + timedelta(hours=1)
    local = now.astimezone(ZoneInfo(connection.organization.timezone))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if limit_type == RateLimit.Window.PER_DAY:
        return midnight, midnight + timedelta(days=1)
    first = midnight.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def _take(connection: Connection, windows: list[Window]) -> Window | None:
    """The window that is full, or None when the call was counted."""
    if _redis_rest.is_over:
        try:
            return _take_in_redis(connection, windows)
        except redis.RedisError:
            _redis_rest.begin()
            logger.warning("Redis does not answer; limits are counted in PostgreSQL.")
    return _take_in_postgresql(connection, windows)


def _take_in_redis(connection: Connection, windows: list[Window]) -> Window | None:
    arguments: list[str | int] = []
    for window in windows:
        # A minute longer than the window, so that its last usage can still be written to its row.
        arguments += [window.max_requests, int(window.end.timestamp()) + 60]
    keys = [window.key(connection.pk) for window in windows]
    full: Any = _script()(keys=[*keys, _TOUCHED], args=[*arguments, str(connection.pk)])
    return windows[full - 1] if full else None


def _take_in_postgresql(connection: Connection, windows: list[Window]) -> Window | None:
    for window in windows:
        RateLimit.objects.get_or_create(
            connection=connection,
            limit_type=window.limit_type,
            defaults={"organization_id": connection.organization_id, "max_requests": window.max_requests},
        )
    by_type = {window.limit_type: window for window in windows}
    with transaction.atomic():
        # One order for all, so that two processes never wait for each other.
        rows = list(
            RateLimit.objects.select_for_update()
            .filter(connection=connection, limit_type__in=by_type)
            .order_by("limit_type")
        )
        for row in rows:
            if row.window_start != by_type[row.limit_type].start:
                row.current_usage = 0
            if row.current_usage >= row.max_requests:
                return by_type[row.limit_type]
        for row in rows:
            window = by_type[row.limit_type]
            row.current_usage += 1
            row.window_start, row.window_end, row.reset_at = window.start, window.end, window.end
        RateLimit.objects.bulk_update(rows, ["current_usage", "window_start", "window_end", "reset_at"])
    return None


def _used(connection: Connection, windows: list[Window]) -> list[int]:
    if not windows:
        return []
    try:
        counts: Any = _redis().mget([window.key(connection.pk) for window in windows])
        return [int(count or 0) for count in counts]
    except redis.RedisError:
        rows = {row.limit_type: row for row in RateLimit.objects.filter(connection=connection)}
        return [
            row.current_usage if (row := rows.get(window.limit_type)) and row.window_start == window.start else 0
            for window in windows
        ]


def _announce(connection: Connection, window: Window) -> None:
    """Tell once a window that it is used up; with Redis away rather twice than never."""
    try:
        first = _redis().set(window.key(connection.pk) + ":told", 1, nx=True, exat=int(window.end.timestamp()) + 1)
    except redis.RedisError:
        first = True
    if first:
        signals.rate_limit_exceeded.send_robust(
            sender=Connection, connection=connection, window=window.limit_type, reset_at=window.end
        )


class _Rest:
    """A short rest that Redis is given after it failed."""

    def __init__(self) -> None:
        self._until = 0.0

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def begin(self) -> None:
        self._until = time.monotonic() + _REDIS_REST_SECONDS


_redis_rest = _Rest()


@cache
def redis_client(url: str) -> redis.Redis:
    """A client for counters: one pool a process, with time-outs so short that a dead Redis holds nobody up."""
    return redis.Redis.from_url(url, socket_connect_timeout=0.25, socket_timeout=0.5)


def _redis() -> redis.Redis:
    return redis_client(settings.REDIS_URL)


@cache
def _script_of(url: str) -> Any:
    return redis_client(url).register_script(_TAKE)


def _script() -> Any:
    return _script_of(settings.REDIS_URL)
