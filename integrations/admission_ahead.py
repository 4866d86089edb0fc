"""What `admission` needs of many connections, had for all of them at once: before a sweep calls each.

Limits and credentials are known to this process afterwards, and Redis has calls of their windows to give. What is
missed here (a row that somebody else has, a window that is full) is met by the call itself.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.db import connection as database
from django.utils import timezone

from .admission import GOOD_FOR_SECONDS, Known, keep
from .connection_state import RedisAway, generations, read
from .limit_counters import LOTS, Lot, Window, hand_to_redis
from .limits import windows_of
from .models import Connection, Credential, RateLimit
from .providers.registry import get_provider

# As `limit_counters.give_out` writes down a lot, of many windows at once. Exceeded ones are left to it: that they are
# no longer has to be told.
_GIVE_OUT = """
WITH wanted AS (
    SELECT * FROM unnest(%(connections)s::uuid[], %(types)s::text[], %(starts)s::timestamptz[],
                         %(ends)s::timestamptz[]) AS w(connection_id, limit_type, starts, ends)
), locked AS (
    SELECT r.id, w.starts, w.ends, r.max_requests, state.*
    FROM rate_limits r JOIN wanted w USING (connection_id, limit_type)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN r.window_start = w.starts THEN r.reserved ELSE 0 END AS gone,
               CASE WHEN r.window_start = w.starts THEN r.current_usage ELSE 0 END AS used
    ) AS state
    WHERE NOT r.is_exceeded AND (r.window_start IS NULL OR r.window_start <= w.starts)
    FOR UPDATE OF r SKIP LOCKED
), lots AS (
    SELECT *, least(greatest(1, max_requests / %(lots)s), max_requests - gone) AS calls FROM locked
)
UPDATE rate_limits r SET
    reserved = gone + calls, current_usage = used, window_start = starts, window_end = ends, reset_at = ends
FROM lots WHERE lots.id = r.id AND calls > 0
RETURNING r.connection_id, r.limit_type, r.window_start, calls
"""


def read_ahead(connections: Sequence[Connection]) -> dict[uuid.UUID, dict[str, Credential]]:
    """The usable credentials of each connection, by key. In a few statements and round trips for all of them."""
    keys = [connection.pk for connection in connections]
    try:
        known_by = generations(keys)  # before the rows are read: what is read is never kept under a later one
    except RedisAway:
        known_by = {}
    credentials, limits = _credentials(keys), _limits(connections)
    good_until = time.monotonic() + GOOD_FOR_SECONDS
    for key in known_by:
        keep(key, Known(known_by[key], good_until, limits[key], tuple(credentials[key])))
    if known_by:
        _fill_windows(connections, limits)
    return {key: {one.credential_key: one for one in reversed(credentials[key])} for key in keys}


def _credentials(keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Credential]]:
    """Of each key of a connection the newest comes first."""
    found: dict[uuid.UUID, list[Credential]] = {key: [] for key in keys}
    for credential in Credential.objects.filter(connection__in=keys).usable():
        found[credential.connection_id].append(credential)
    return found


def _limits(connections: Sequence[Connection]) -> dict[uuid.UUID, dict[str, int]]:
    limits = {one.pk: dict(get_provider(one.provider.slug).rate_limits) for one in connections}
    own = RateLimit.objects.filter(connection__in=list(limits), is_documented=False)
    for key, limit_type, most in own.values_list("connection_id", "limit_type", "max_requests"):
        limits[key][limit_type] = most
    return limits


def _fill_windows(connections: Sequence[Connection], limits: Mapping[uuid.UUID, Mapping[str, int]]) -> None:
    """Have Redis hold calls of each window."""
    now = timezone.now()
    windows = [(one, window) for one in connections for window in windows_of(one, limits[one.pk], now)]
    with suppress(RedisAway):
        empty = _empty(windows)
        by_connection = {one.pk: one for one, _ in empty}
        for key, lots in _given_out(empty).items():
            hand_to_redis(by_connection[key], lots)


def _empty(windows: Sequence[tuple[Connection, Window]]) -> list[tuple[Connection, Window]]:
    """Those of which Redis has no calls to give, and does not know that there are none."""
    kinds = sorted({window.limit_type for _, window in windows})
    keys = list({one.pk: None for one, _ in windows})
    fields = [f"{kind}:{part}" for kind in kinds for part in ("start", "left")]
    held = dict(zip(keys, read(keys, fields), strict=True)) if keys else {}
    return [(one, window) for one, window in windows if _is_empty(held[one.pk], kinds.index(window.limit_type), window)]


def _is_empty(held: Sequence[bytes | None], place: int, window: Window) -> bool:
    start, left = held[2 * place], held[2 * place + 1]
    return start is None or int(start) < window.start_second or int(left or 0) == 0


def _given_out(windows: Sequence[tuple[Connection, Window]]) -> dict[uuid.UUID, list[Lot]]:
    if not windows:
        return {}
    wanted: dict[str, Any] = {
        "connections": [one.pk for one, _ in windows],
        "types": [window.limit_type for _, window in windows],
        "starts": [window.start for _, window in windows],
        "ends": [window.end for _, window in windows],
        "lots": LOTS,
    }
    given: dict[uuid.UUID, list[Lot]] = {}
    with database.cursor() as cursor:
        cursor.execute(_GIVE_OUT, wanted)
        for key, limit_type, start, calls in cursor.fetchall():
            given.setdefault(key, []).append(Lot(limit_type, start, calls))
    return given
