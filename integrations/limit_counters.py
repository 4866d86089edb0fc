"""Where the calls of a window are counted out: by PostgreSQL in lots, and from these by Redis, one by one.

`reserved` in a window's row is how many calls were ever given out of it. A lot is written down there before Redis may
hand out its calls, so whatever Redis forgets (it was emptied, restarted, replaced by a replica that lags) is lost, and
no call is given twice. With Redis away each call is a lot of one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from . import signals
from .connection_state import LIFE_SECONDS, RedisAway, key_of, run_script
from .models import Connection, RateLimit

LOTS = 20  # of a window: what is lost with Redis is the lot it has and the one on its way
_FULL = -1


@dataclass(frozen=True)
class Window:
    """One stretch of a limit."""

    limit_type: str
    max_requests: int
    start: datetime
    end: datetime

    @property
    def start_second(self) -> int:
        return int(self.start.timestamp())


@dataclass(frozen=True)
class Lot:
    """Calls given out of the window that began at `start`: the row's, which a clock that is ahead may have moved on."""

    limit_type: str
    start: datetime
    calls: int


@transaction.atomic
def give_out(
    connection: Connection, windows: Sequence[Window], wanted: Collection[str], *, one: bool = False
) -> list[Lot] | Window:
    """Write down a lot (or `one` call) of each wanted window and return them, or the window that has none left."""
    rows = _locked_rows(connection, windows)
    given: list[Lot] = []
    for window in windows:
        row = rows[window.limit_type]
        if row.window_start is None or row.window_start < window.start:
            if row.is_exceeded:
                transaction.on_commit(partial(tell_recovered, connection, row.limit_type), robust=True)
            row.reserved = row.current_usage = 0
            row.is_exceeded, row.exceeded_at = False, None
            row.window_start, row.window_end, row.reset_at = window.start, window.end, window.end
        if window.limit_type not in wanted:
            continue
        room = window.max_requests - row.reserved
        if room <= 0:
            return window
        calls = min(room, 1 if one else max(1, window.max_requests // LOTS))
        given.append(Lot(window.limit_type, row.window_start, calls))
        row.reserved += calls
        row.current_usage += calls if one else 0
    changed = ["reserved", "current_usage", "window_start", "window_end", "reset_at", "is_exceeded", "exceeded_at"]
    RateLimit.objects.bulk_update(rows.values(), changed)
    return given


def hand_to_redis(connection: Connection, lots: Sequence[Lot]) -> None:
    """Let Redis hand out what was given. If this is never reached, the calls are lost, not given twice."""
    arguments: list[str | int] = [LIFE_SECONDS]
    for lot in lots:
        arguments += [lot.limit_type, int(lot.start.timestamp()), lot.calls]
    run_script(_HAND, [key_of(connection.pk)], arguments)


def close_in_redis(connection: Connection, window: Window) -> None:
    """Let Redis refuse without asking PostgreSQL, until the window or the limit is another one."""
    hand_to_redis(connection, [Lot(window.limit_type, window.start, _FULL)])


def take_back(limit: RateLimit) -> None:
    """Before a changed limit counts: what Redis has not handed out of the window counts as never given."""
    try:
        left = max(0, int(run_script(_TAKE_BACK, [key_of(limit.connection_id)], [limit.limit_type])))
    except RedisAway:
        return
    if left:
        RateLimit.objects.filter(pk=limit.pk).update(reserved=Greatest(F("reserved") - left, 0))


def mark_roomy(limit: RateLimit) -> None:
    """After a limit was raised: one that has room again is exceeded no longer."""
    roomy = RateLimit.objects.filter(pk=limit.pk, is_exceeded=True, reserved__lt=F("max_requests"))
    if roomy.update(is_exceeded=False, exceeded_at=None):
        transaction.on_commit(partial(tell_recovered, limit.connection, limit.limit_type), robust=True)


def tell_recovered(connection: Connection, limit_type: str) -> None:
    """By whoever has taken the mark of an exceeded window off: the next call, or the sweep that was there before it."""
    signals.rate_limit_recovered.send_robust(sender=Connection, connection=connection, window=limit_type)


def mark_exceeded(connection: Connection, window: Window) -> bool:
    """Whether this is the first to find the window full."""
    row = RateLimit.objects.filter(
        connection=connection, limit_type=window.limit_type, window_start=window.start, is_exceeded=False
    )
    now = timezone.now()
    return bool(row.update(is_exceeded=True, exceeded_at=now, current_usage=F("reserved"), updated_at=now))


def _locked_rows(connection: Connection, windows: Sequence[Window]) -> dict[str, RateLimit]:
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
                    is_documented=True,
                )
                for window in windows
            ],
            ignore_conflicts=True,
        )
        rows = list(in_order.all())
    return {row.limit_type: row for row in rows}


# Arguments: the hash's life; then of each window its type, its start and the calls given; the run.
_HAND = """
local run = ARGV[#ARGV]
if redis.call('HGET', KEYS[1], 'run') ~= run then
    for _, window in ipairs({'per_minute', 'per_hour', 'per_day', 'per_month'}) do
        redis.call('HDEL', KEYS[1], window .. ':start', window .. ':left')
    end
    redis.call('HSET', KEYS[1], 'run', run)
end
for i = 2, #ARGV - 1, 3 do
    local given, start = tonumber(ARGV[i + 2]), ARGV[i] .. ':start'
    local left, held = ARGV[i] .. ':left', tonumber(redis.call('HGET', KEYS[1], start) or '0')
    if held < tonumber(ARGV[i + 1]) then
        redis.call('HSET', KEYS[1], start, ARGV[i + 1], left, given)
    elseif held == tonumber(ARGV[i + 1]) then
        local now = math.max(0, tonumber(redis.call('HGET', KEYS[1], left)))
        if given > 0 then
            redis.call('HSET', KEYS[1], left, now + given)
        elseif now == 0 then
            redis.call('HSET', KEYS[1], left, given)
        end
    end
end
redis.call('HDEL', KEYS[1], 'fetched_until')
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""

_TAKE_BACK = """
local left = redis.call('HGET', KEYS[1], ARGV[1] .. ':left')
local counts = redis.call('HGET', KEYS[1], 'run') == ARGV[2]
redis.call('HDEL', KEYS[1], ARGV[1] .. ':start', ARGV[1] .. ':left')
return counts and left or '0'
"""
