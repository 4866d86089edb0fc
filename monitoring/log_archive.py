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
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, QuerySet, Sum
from django.utils import timezone

from integrations.envelope import fresh_data_key
from integrations.errors import BodyDamaged, ConfigurationError, Conflict
from integrations.models import Organization
from integrations.object_storage import has_storage
from integrations.operations.announce import record_action
from integrations.operations.locks import AdvisoryLock

from .log_archive_files import archived_columns, digest_in, read_file, read_on, save_file
from .log_places import Position
from .log_tables import (
    bounds,
    drop_table,
    first_of,
    later,
    leaving_table,
    months_in_log,
    months_leaving,
    table_of,
    take_out,
)
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
    tables = [name for name, months in _tables_by_name(month).items() if month in months]
    counts: dict[uuid.UUID, int] = {}
    for table in tables:
        for key, count in counts_in(table).items():
            counts[key] = counts.get(key, 0) + count
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
        _open(month).update(detached_at=timezone.now())
        yield from _finish(month)


def oldest_call() -> datetime | None:
    """The first call since when all are in the database: what is older must not be counted anew from what is left."""
    newest = LogArchive.objects.aggregate(month=Max("month"))["month"]
    since = bounds(newest)[1] if newest else _BEFORE_ALL
    calls = CallLog.objects.filter(created_at__gte=since).order_by("created_at")
    return calls.values_list("created_at", flat=True).first()


def counts_in(table: str) -> dict[uuid.UUID, int]:
    """How many calls of each organization a table has."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT organization_id, count(*) FROM {table} GROUP BY organization_id")  # noqa: S608
        return dict(cursor.fetchall())


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
        if (yield from _match(table, month)):
            _let_go(table, month)
            return
    raise BodyDamaged("The archive of {month} does not come to what is in the database.", month=f"{month:%m/%Y}")


def _secure(table: str, month: date) -> Iterator[int]:
    """Every call of the table is in a file that was read back."""
    for _ in range(_TRIES):
        yield from _write(table, month)
        if (yield from _verify(month)):
            return
    raise BodyDamaged("The archive of {month} does not read back as it was written.", month=f"{month:%m/%Y}")


def _write(table: str, month: date) -> Iterator[int]:
    for organization in Organization.objects.filter(pk__in=counts_in(table)).order_by("pk"):
        if not has_storage(organization.data_region):
            raise ConfigurationError(
                "The data region {region!r} has no storage: HUB_STORAGE_BUCKETS names none.",
                region=organization.data_region,
            )
        while part := _write_part(table, month, organization):
            yield part.rows


def _write_part(table: str, month: date, organization: Organization) -> LogArchive | None:
    """The next one, or that of which somebody died; None where there is nothing more to be written."""
    *before, last = [None, *_open(month).filter(organization=organization).order_by("part")]
    begun = last if last and last.status == Status.WRITING else None
    previous = before[-1] if begun else last
    lines = read_on(table, organization.pk, _end_of(previous))
    if lines is None:
        if begun:
            begun.delete()
        return None
    part = begun or _new_part(month, organization)
    part.columns, part.rows, part.size, part.sha256 = (
        archived_columns(table),
        lines.rows,
        len(lines.content),
        lines.sha256,
    )
    part.first_at, part.first_id = lines.first.created_at, lines.first.pk
    part.last_at, part.last_id = lines.last.created_at, lines.last.pk
    part.file_bytes, part.status = save_file(part, lines), Status.WRITTEN
    part.save()
    return part


def _new_part(month: date, organization: Organization) -> LogArchive:
    """Its file is named after its row, so that no later one has the name of one that is to be removed."""
    last = LogArchive.objects.filter(month=month, organization=organization).aggregate(last=Max("part"))["last"]
    part = LogArchive(month=month, organization=organization, part=0 if last is None else last + 1)
    part.file = f"{organization.data_region}/logs/{organization.pk}/{month:%Y/%m}/{part.pk}"
    part.file_key = fresh_data_key()
    part.save(force_insert=True)
    return part


def _verify(month: date) -> Generator[int, None, bool]:
    """Whether every file reads back. The parts of an organization of which one does not are forgotten."""
    is_good = True
    for part in _each(month, Status.WRITTEN):
        try:
            read_file(part)
        except BodyDamaged:
            _forget(part)
            is_good = False
            continue
        LogArchive.objects.filter(pk=part.pk).update(status=Status.VERIFIED)
        yield part.rows
    return is_good


def _match(table: str, month: date) -> Generator[int, None, bool]:
    """Whether the parts are what is in the table, to the last call. Those of an organization that are not go."""
    is_good = True
    for part in _each(month, Status.VERIFIED):
        if digest_in(table, part) != part.sha256:
            _forget(part)
            is_good = False
            continue
        LogArchive.objects.filter(pk=part.pk).update(status=Status.MATCHED)
        yield part.rows
    if is_good and (wrong := _differing(table, month)):
        _open(month).filter(organization__in=wrong).delete()
        return False
    return is_good


def _let_go(table: str, month: date) -> None:
    with transaction.atomic():
        counts = counts_in(table)
        if _differing(table, month):
            raise Conflict("The archive of {month} is not complete.", month=f"{month:%m/%Y}")
        drop_table(table)
        archived = _open(month)
        owners = Organization.objects.in_bulk(list(counts))
        archived.update(status=Status.ARCHIVED, restored_at=None, restored_until=None)
        for key, count in counts.items():
            # An organization without a row was deleted, and its calls go with it.
            action, target = ("archived", owners[key]) if key in owners else ("deleted", f"organization:{key}")
            record_action(f"call_log.{action}", target, {"month": f"{month:%Y-%m}", "calls": count})


def _differing(table: str, month: date) -> set[uuid.UUID]:
    """The organizations whose parts have not as many calls as the table."""
    sums = dict(_open(month).filter(status=Status.MATCHED).values_list("organization").annotate(Sum("rows")).order_by())
    counts = counts_in(table)
    owners = Organization.objects.filter(pk__in=[*sums, *counts]).values_list("pk", flat=True)
    return {key for key in owners if sums.get(key, 0) != counts.get(key, 0)}


def _each(month: date, status: Status) -> Iterator[LogArchive]:
    """Those that are there when their turn comes: to forget one is to forget others with it."""
    for pk in list(_open(month).filter(status=status).order_by("organization", "part").values_list("pk", flat=True)):
        if part := LogArchive.objects.filter(pk=pk).first():
            yield part


def _forget(part: LogArchive) -> None:
    """All that has been written of its organization's month; what is in the table is written anew."""
    _open(part.month).filter(organization=part.organization_id).delete()


def _open(month: date) -> QuerySet[LogArchive]:
    return LogArchive.objects.filter(month=month, status__in=LogArchive.OPEN)


def _end_of(part: LogArchive | None) -> Position | None:
    return Position(part.last_at, part.last_id) if part and part.last_at and part.last_id else None


def _tables_by_name(month: date) -> dict[str, list[date]]:
    return {table_of(month): months_in_log(), leaving_table(month): months_leaving()}
