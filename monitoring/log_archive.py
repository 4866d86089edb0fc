"""Months of the call log that are older than HUB_LOG_HOT_MONTHS leave the database, for files in object storage.

A month goes in steps; whoever dies in between leaves what the next run goes on with:

1. Organization by organization its calls are written down, part by part: a row of the manifest with a key, the file,
   and the row again (`written`).
2. Each file is read back (`verified`).
3. The table is taken out of the log: from now on its calls are found no more, and none can come to it.
4. What came meanwhile is written as well. Each part is compared with the table, call by call (`matched`).
5. In one transaction the table is dropped, and the parts are `archived`.

So nothing is dropped that is not in a file which was read. What differs (a late call, one that was deleted) has its
organization's month written anew. One process at a time does this, or restores (`log_restore`).
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from integrations.errors import BodyDamaged, Conflict
from integrations.models import Organization
from integrations.operations.announce import record_action
from integrations.operations.locks import AdvisoryLock

from .log_archive_parts import differing, match_parts, open_parts, verify_parts, write_parts
from .log_months import bounds, first_of, later, leaving_table, months_in_log, months_leaving, table_of
from .log_tables import counts_in, drop_table, take_out
from .models import CallLog, LogArchive

_TRIES = 3
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
STEPS = 3  # how often `archive_month` passes each call

Status = LogArchive.Status


def months_due(now: datetime | None = None) -> list[date]:
    """The months that are to leave the database, or are leaving; restored ones are not until their time is over."""
    now = now or timezone.now()
    oldest_hot = later(first_of(now), -settings.LOG_HOT_MONTHS)
    restored = LogArchive.objects.filter(status=Status.RESTORED)
    held = set(restored.filter(restored_until__gt=now).values_list("month", flat=True))
    released = set(restored.values_list("month", flat=True)) - held
    there = [month for month in months_in_log() if month in released or (month < oldest_hot and month not in held)]
    return sorted({*there, *months_leaving()})


def count_calls(month: date) -> dict[Organization, int]:
    """How many calls of each organization `archive_month` would move."""
    counts: Counter[uuid.UUID] = Counter()
    if month in months_in_log():
        counts.update(counts_in(table_of(month)))
    if month in months_leaving():
        counts.update(counts_in(leaving_table(month)))
    owners = Organization.objects.in_bulk(list(counts))
    return {owners[key]: count for key, count in counts.items() if key in owners}


def archive_month(month: date) -> Generator[int]:
    """Take a month out of the database, or go on with it; yields how many calls each step was, each of them thrice.

    Raises Conflict while another process is at it, ConfigurationError or Unavailable where a file cannot be kept or the
    log is too busy, and BodyDamaged where files do not read back as they were written. Then it stays where it is.
    """
    with taking_turn():
        if month in months_leaving():
            yield from _finish(month)
        if month not in months_in_log():
            return
        LogArchive.objects.filter(month=month, status=Status.RESTORED).update(status=Status.WRITTEN)
        yield from _secure(table_of(month), month)
        take_out(month)
        open_parts(month).update(detached_at=timezone.now())
        yield from _finish(month)


def oldest_call() -> datetime | None:
    """The first call since when all are in the database: what is older must not be counted anew from what is left."""
    newest = LogArchive.objects.aggregate(month=Max("month"))["month"]
    since = bounds(newest)[1] if newest else _BEFORE_ALL
    calls = CallLog.objects.filter(created_at__gte=since).order_by("created_at")
    return calls.values_list("created_at", flat=True).first()


@contextmanager
def taking_turn() -> Iterator[None]:
    """Alone in the whole installation. Raises Conflict."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [AdvisoryLock.LOG_ARCHIVE])
        if not cursor.fetchone()[0]:
            raise Conflict("Another process is archiving or restoring calls: try again when it is done.")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [AdvisoryLock.LOG_ARCHIVE])


def _finish(month: date) -> Iterator[int]:
    table = leaving_table(month)
    for _ in range(_TRIES):
        yield from _secure(table, month)
        if (yield from match_parts(table, month)):
            _let_go(table, month)
            return
    raise BodyDamaged("The archive of {month} does not come to what is in the database.", month=f"{month:%m/%Y}")


def _secure(table: str, month: date) -> Iterator[int]:
    """Every call of the table is in a file that was read back."""
    for _ in range(_TRIES):
        yield from write_parts(table, month)
        if (yield from verify_parts(month)):
            return
    raise BodyDamaged("The archive of {month} does not read back as it was written.", month=f"{month:%m/%Y}")


def _let_go(table: str, month: date) -> None:
    with transaction.atomic():
        counts = counts_in(table)
        if differing(table, month):
            raise Conflict("The archive of {month} is not complete.", month=f"{month:%m/%Y}")
        drop_table(table)
        archived = open_parts(month)
        owners = Organization.objects.in_bulk(list(counts))
        archived.update(status=Status.ARCHIVED, restored_at=None, restored_until=None)
        for key, count in counts.items():
            # An organization without a row was deleted, and its calls go with it.
            action, target = ("archived", owners[key]) if key in owners else ("deleted", f"organization:{key}")
            record_action(f"call_log.{action}", target, {"month": f"{month:%Y-%m}", "calls": count})
