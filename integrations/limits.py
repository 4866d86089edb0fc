"""How often a connection may call: four windows, checked and taken together (`integrations.limit_counters`)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Case, DateTimeField, F, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils import timezone

from . import signals
from .errors import RateLimited
from .limit_counters import Window, is_first_to_tell, take, take_touched, used
from .models import Connection, RateLimit
from .providers.registry import get_provider
from .redis_client import redis_client as redis_client

_CACHED_SECONDS = 5.0


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
    full = take(connection, windows) if windows else None
    if full is None:
        return
    if is_first_to_tell(connection, full):
        signals.rate_limit_exceeded.send_robust(
            sender=Connection, connection=connection, window=full.limit_type, reset_at=full.end
        )
    name = full.limit_type.replace("_", " ")
    wait = max(1.0, (full.end - timezone.now()).total_seconds())
    raise RateLimited(f"The limit of {full.max_requests} calls {name} is used up.", retry_after=wait)


def check(connection: Connection) -> list[WindowUsage]:
    """What is left of each window, counting nothing."""
    windows = list(_windows(connection, timezone.now()))
    return [
        WindowUsage(window.limit_type, window.max_requests, made, window.end)
        for window, made in zip(windows, used(connection, windows), strict=True)
    ]


def flush_usage() -> int:
    """Write the usage of the connections that were counted since the last time to their rows; returns how many."""
    now = timezone.now()
    # What is over is no longer exceeded, whether or not anyone has called since.
    over = RateLimit.objects.filter(is_exceeded=True, window_end__lte=now)
    over.update(is_exceeded=False, exceeded_at=None, current_usage=0, updated_at=now)
    connections = Connection.objects.filter(pk__in=take_touched()).select_related("organization", "provider")
    for connection in connections:
        _write_usage(connection, now)
    return len(connections)


def forget(connection_id: uuid.UUID) -> None:
    """Read the connection's limits anew at the next call; other processes do within seconds."""
    _known_limits.pop(connection_id, None)


def _write_usage(connection: Connection, now: datetime) -> None:
    windows = list(_windows(connection, now))
    for window, made in zip(windows, used(connection, windows), strict=True):
        limit, _ = RateLimit.objects.get_or_create(
            connection=connection,
            limit_type=window.limit_type,
            defaults={"organization_id": connection.organization_id, "max_requests": window.max_requests},
        )
        exceeded = made >= window.max_requests
        exceeded_at = Coalesce(F("exceeded_at"), Value(now, output_field=DateTimeField()))
        RateLimit.objects.filter(pk=limit.pk).update(
            # Never back within a window: another process may have no Redis, and count here meanwhile.
            current_usage=Case(When(window_start=window.start, then=Greatest("current_usage", made)), default=made),
            window_start=window.start,
            window_end=window.end,
            reset_at=window.end,
            is_exceeded=exceeded,
            exceeded_at=exceeded_at if exceeded else None,
            updated_at=now,
        )


@dataclass(frozen=True)
class _Limit:
    max_requests: int
    usage: int = 0
    usage_since: datetime | None = None


# What the rows say, read at most every few seconds: (good until, limits by their type).
_known_limits: dict[uuid.UUID, tuple[float, dict[str, _Limit]]] = {}


@receiver([post_save, post_delete], sender=RateLimit, dispatch_uid="hub.limits")
def _forget_changed(sender: object, instance: RateLimit, **kwargs: object) -> None:
    forget(instance.connection_id)


def _limits(connection: Connection) -> dict[str, _Limit]:
    """The connection's rows, and for the windows that it has none of, what the provider documents."""
    known = _known_limits.get(connection.pk)
    if known and known[0] > time.monotonic():
        return known[1]
    documented = get_provider(connection.provider.slug).rate_limits
    rows = RateLimit.objects.filter(connection=connection)
    own = {row.limit_type: _Limit(row.max_requests, row.current_usage, row.window_start) for row in rows}
    limits = {limit_type: _Limit(allowed) for limit_type, allowed in documented.items()} | own
    _known_limits[connection.pk] = (time.monotonic() + _CACHED_SECONDS, limits)
    return limits


def _windows(connection: Connection, now: datetime) -> Iterator[Window]:
    for limit_type, limit in sorted(_limits(connection).items()):
        start, end = _bounds(limit_type, now, connection)
        at_least = limit.usage if limit.usage_since == start else 0
        yield Window(limit_type, limit.max_requests, start, end, at_least)


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
