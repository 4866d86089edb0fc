"""How often a connection may call: four windows, of the connection's own rows or of what its provider documents.

`admission` takes from them, `limit_counters` gives them out. Here is what they are, and how much of them is used.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from .connection_state import TOUCHED, RedisAway, key_of, read, run_script
from .limit_counters import Window, tell_recovered
from .models import Connection, RateLimit
from .providers.registry import get_provider

_FLUSHED_AT_MOST = 1000


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


def limits_of(connection: Connection) -> dict[str, int]:
    """The calls allowed in each window: the connection's rows, and where it has none what its provider documents."""
    own = RateLimit.objects.filter(connection=connection, is_documented=False).values_list("limit_type", "max_requests")
    return {**get_provider(connection.provider.slug).rate_limits, **dict(own)}


def windows_of(connection: Connection, limits: Mapping[str, int], now: datetime) -> list[Window]:
    """The windows that `now` lies in, in one order for all."""
    zone = connection.organization.timezone
    return [Window(name, limits[name], *_bounds(name, now, zone)) for name in sorted(limits)]


def check(connection: Connection) -> list[WindowUsage]:
    """What is left of each window, counting nothing."""
    windows = windows_of(connection, limits_of(connection), timezone.now())
    usage = _usage(connection, windows)
    return [WindowUsage(w.limit_type, w.max_requests, usage[w.limit_type], w.end) for w in windows]


def flush_usage() -> int:
    """Write the usage of the connections that have called since the last time to their rows; returns how many.

    Windows that are over are no longer exceeded, whether or not anyone has called since: that is told, once a window.
    """
    now = timezone.now()
    _end_windows(now)
    connections = Connection.objects.filter(pk__in=_take_touched()).select_related("organization", "provider")
    for connection in connections:
        windows = windows_of(connection, limits_of(connection), now)
        usage = _usage(connection, windows)
        for window in windows:
            used = usage[window.limit_type]
            row = RateLimit.objects.filter(
                connection=connection, limit_type=window.limit_type, window_start=window.start
            )
            # Never back within a window: some calls are counted in the row itself.
            row.update(current_usage=Greatest(F("current_usage"), used), updated_at=now)
    return len(connections)


def _end_windows(now: datetime) -> None:
    over = RateLimit.objects.filter(is_exceeded=True, window_end__lte=now)
    for limit in over.select_related("connection__provider", "connection__organization"):
        still = RateLimit.objects.filter(pk=limit.pk, is_exceeded=True, window_start=limit.window_start)
        if still.update(is_exceeded=False, exceeded_at=None, current_usage=0, reserved=0, updated_at=now):
            tell_recovered(limit.connection, limit.limit_type)


def _take_touched() -> list[uuid.UUID]:
    """The connections whose usage has changed since the last time, each once."""
    try:
        touched = run_script("return redis.call('SPOP', KEYS[1], ARGV[1])", [TOUCHED], [_FLUSHED_AT_MOST])
        found = [uuid.UUID(one.decode()) for one in touched]
        for one in found:
            run_script("redis.call('HDEL', KEYS[1], 'touched')", [key_of(one)], [])
    except RedisAway:
        return []
    return found


def _usage(connection: Connection, windows: list[Window]) -> dict[str, int]:
    """The calls made in each window: those given out, less those that Redis still has to hand out."""
    rows = RateLimit.objects.filter(connection=connection).values_list(
        "limit_type", "window_start", "reserved", "current_usage"
    )
    given = {(name, start): (reserved, counted) for name, start, reserved, counted in rows}
    left = _left(connection, windows)
    usage = {}
    for window in windows:
        reserved, counted = given.get((window.limit_type, window.start), (0, 0))
        usage[window.limit_type] = min(max(counted, reserved - left[window.limit_type]), window.max_requests)
    return usage


def _left(connection: Connection, windows: list[Window]) -> dict[str, int]:
    fields = ["run", *(f"{w.limit_type}:{part}" for w in windows for part in ("start", "left"))]
    try:
        ((_, *found),) = read([connection.pk], fields)
    except RedisAway:
        return dict.fromkeys((window.limit_type for window in windows), 0)
    held = {}
    for window, start, left in zip(windows, found[::2], found[1::2], strict=True):
        is_this = int(start or 0) == window.start_second
        held[window.limit_type] = max(0, int(left or 0)) if is_this else 0
    return held


def _bounds(limit_type: str, now: datetime, zone: str) -> tuple[datetime, datetime]:
    """Minutes and hours by the clock; days and months by the organization's calendar."""
    if limit_type == RateLimit.Window.PER_MINUTE:
        start = now.astimezone(UTC).replace(second=0, microsecond=0)
        return start, start + timedelta(minutes=1)
    if limit_type == RateLimit.Window.PER_HOUR:
        start = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return start, start + timedelta(hours=1)
    day = now.astimezone(_zone(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    if limit_type == RateLimit.Window.PER_DAY:
        return day, day + timedelta(days=1)
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
