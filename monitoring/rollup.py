"""Calls and webhook events add up to hours, hours to days: each row once, whenever it comes.

What is new since the last run is told by the transactions that have ended since (`transactions`), not by the rows' own
times: a row that was kept while the database was away, and one whose transaction took its time, are added to their
hours when they are there. The cost is that of the new rows, and of the days that they fall into.

A stretch of time can be counted anew at any moment (`rollup_again`), from the rows that had been read by then: what has
not been is added by the run after. So both ways lead to the same sums.

Work goes in steps, each a transaction that moves the watermark: one that dies leaves nothing half, and two runs at once
take turns. Health probes count as calls, for they are; uptime is told by the checks themselves, by time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from integrations.operations.locks import AdvisoryLock

from .log_archive import oldest_call
from .models import CallLog, RollupWatermark
from .rollup_again import count_again
from .rollup_days import sum_up, sum_up_between
from .rollup_hours import Hour, Picked, add_calls, add_events, count_failed, take_restless
from .transactions import Ended, Server, has_numbers_of_another_server, look, make_numbers_anew, new_rows
from .uptime import write_days

# A row that comes later than this is left to a count of its time anew. No query reads all partitions for its sake.
REACH = timedelta(days=92)
_CLOCKS_AHEAD = timedelta(days=2)
TRANSACTIONS_A_STEP = 50_000
_STRETCH = timedelta(days=1)
_LATENESS = timedelta(minutes=2)  # a check's time is that of its beginning
_HOUR = timedelta(hours=1)
_LEVEL = "hourly"


@dataclass(frozen=True)
class RolledUp:
    """What was read, and what that wrote: `hours` and `days` count rows, one a connection.

    Of a step, `left` is how many are to come, as far as can be told.
    """

    since: datetime
    until: datetime
    hours: int = 0
    days: int = 0
    left: int = 0


def rollup(since: datetime | None = None, until: datetime | None = None) -> RolledUp:
    """Add what is new; with `since`, count anew what was read of the time from there until `until`, or now."""
    return summary(list(steps(since, until)))


def summary(done: Sequence[RolledUp]) -> RolledUp:
    """Those steps as one."""
    first, last = min(step.since for step in done), max(step.until for step in done)
    return RolledUp(first, last, sum(step.hours for step in done), sum(step.days for step in done))


def steps(since: datetime | None = None, until: datetime | None = None) -> Iterator[RolledUp]:
    """`rollup`, step by step, each of them committed. Raises ValueError where the time ends before it begins."""
    now = timezone.now()
    if until and (since is None or until <= since):
        raise ValueError("The end needs a beginning before it.")
    ahead = _stretches(since, until or now) if since else []
    while True:
        step = _add_new(len(ahead))
        yield step
        if step.left <= len(ahead):
            break
    if since:
        write_days(since, until or now, now)  # checks may be older than the calls that are left
    for number, (first, last) in enumerate(ahead, start=1):
        yield _again(first, last, len(ahead) - number)


@transaction.atomic
def _add_new(ahead: int) -> RolledUp:
    watermark, server = _take_turn()
    now = timezone.now()
    if watermark.server != server.identity or watermark.upcoming_transaction > server.ended.upcoming:
        _begin_anew(watermark, now)
    if watermark.recount_since and watermark.recount_until:
        return _go_on_with_recount(watermark, watermark.recount_since, watermark.recount_until, ahead)
    read = _read_by(watermark)
    then = server.ended.until(read.upcoming + TRANSACTIONS_A_STEP)
    left = -(-(server.ended.upcoming - then.upcoming) // TRANSACTIONS_A_STEP)
    hours = _add_rows(read, then, now)
    days = sum_up(hours, now if left else watermark.read_until - _LATENESS, now)
    step = RolledUp(watermark.read_until, now, len(hours), days, left + ahead)
    watermark.upcoming_transaction, watermark.open_transactions = then.upcoming, sorted(then.under_way)
    watermark.read_until = watermark.read_until if left else now
    watermark.save()
    return step


def _add_rows(read: Ended, then: Ended, now: datetime) -> list[Hour]:
    condition, params = new_rows(read, then)
    picked = Picked(condition, params, now - REACH, now + _CLOCKS_AHEAD)
    calls, events = add_calls(picked), add_events(picked)
    restless = take_restless()
    count_failed({*events, *restless})
    return list({*calls, *events, *restless})


@transaction.atomic
def _again(first: datetime, last: datetime, ahead: int) -> RolledUp:
    watermark, _server = _take_turn()
    return _count_again(first, last, _read_by(watermark), ahead)


def _go_on_with_recount(watermark: RollupWatermark, first: datetime, until: datetime, ahead: int) -> RolledUp:
    stretches = _stretches(first, until) or [(until, until)]
    first, last = stretches[0]
    watermark.recount_since = last if last < until else None
    watermark.save()
    return _count_again(first, last, _read_by(watermark), len(stretches) + ahead)


def _count_again(first: datetime, last: datetime, read: Ended, left: int) -> RolledUp:
    began, ended, hours = count_again(first, last, read)
    return RolledUp(first, last, len(hours), sum_up_between(began, ended, timezone.now()), left)


def _take_turn() -> tuple[RollupWatermark, Server]:
    """The watermark, and the transactions that have ended; no other run is in a step until this one's is committed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [AdvisoryLock.ROLLUP])
        # Many rows come to few cells, which the planner does not know: to sort the rows would take most of the time.
        cursor.execute("SET LOCAL work_mem = '64MB'")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute("SET LOCAL jit = off")
    watermark = RollupWatermark.objects.filter(level=_LEVEL).first()
    return watermark or RollupWatermark(level=_LEVEL, read_until=timezone.now()), look()


def _begin_anew(watermark: RollupWatermark, now: datetime) -> None:
    """Count all there is; of what was restored into another server, as far back as rows may have come since.

    The numbers that restored rows carry are the other server's, and must not be taken for this one's.
    """
    oldest = _oldest_hour() or now - _HOUR
    if watermark.server or has_numbers_of_another_server(oldest):
        make_numbers_anew()
    if watermark.server:
        oldest = max(oldest, now - REACH)
    server = look()
    watermark.server, watermark.upcoming_transaction = server.identity, server.ended.upcoming
    watermark.open_transactions = sorted(server.ended.under_way)
    watermark.read_until, watermark.recount_since = now, oldest
    calls = CallLog.objects.filter(created_at__gte=oldest).order_by("-created_at")
    newest = calls.values_list("created_at", flat=True).first()
    watermark.recount_until = max(now, newest + _HOUR) if newest else now


def _read_by(watermark: RollupWatermark) -> Ended:
    return Ended(watermark.upcoming_transaction, frozenset(watermark.open_transactions))


def _stretches(first: datetime, last: datetime) -> list[tuple[datetime, datetime]]:
    """The time in between, in days; from where there are calls, for older hours have nothing to be counted from."""
    first = max(first, _oldest_hour() or last - _HOUR)
    ends = []
    while first < last:
        ends.append((first, min(first + _STRETCH, last)))
        first += _STRETCH
    return ends


def _oldest_hour() -> datetime | None:
    oldest = oldest_call()
    return oldest and oldest.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
