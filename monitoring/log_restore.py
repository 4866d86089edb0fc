"""Archived months come back into the log for a while: found by page and REST as they were, behind the same wall.

A month that is not in the log is filled beside it and brought in whole. One that is there already, since another
organization's calls were restored before, takes further parts one by one. The files stay what the archive relies on: to
let a month go compares them with its table once more (see `log_archive`), so that what was added or taken out meanwhile
is written anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from integrations.errors import Conflict, InvalidRequest
from integrations.models import Organization
from integrations.operations.announce import record_action

from .log_archive import archive_month, taking_turn
from .log_archive_files import put_back
from .log_months import coming_table, months_coming, months_in_log, months_leaving, table_of
from .log_tables import bring_in, changing_tables, drop_table, make_indexes, make_table
from .models import LogArchive

Status = LogArchive.Status


def archived_parts(month: date, organization: Organization | None = None) -> list[LogArchive]:
    """The parts that `restore` would bring back."""
    return list(_parts(month, organization, Status.ARCHIVED))


def restore(month: date, organization: Organization | None = None, *, days: int = 30) -> Iterator[int]:
    """Bring the month's calls back, of one organization or of all; yields how many each part was.

    They leave again after so many days, counted anew where they are there already. Raises InvalidRequest for a month of
    which nothing is archived, Conflict while it is being archived or another process is at it, BodyDamaged for a file
    that is missing, altered or without its key, and Unavailable or ConfigurationError where the storage is.
    """
    with taking_turn():
        if month in months_leaving():
            raise Conflict("{month} is just being archived: try again when it is done.", month=f"{month:%m/%Y}")
        until = timezone.now() + timedelta(days=days)
        parts = archived_parts(month, organization)
        there = _parts(month, organization, Status.RESTORED).update(restored_until=until)
        if not parts and not there:
            raise InvalidRequest("Nothing of {month} is archived.", month=f"{month:%m/%Y}", field="month")
        # The time that is left is the month's: its calls leave together.
        LogArchive.objects.filter(month=month, status=Status.RESTORED, restored_until__lt=until).update(
            restored_until=until
        )
        if parts and month in months_in_log():
            yield from _fill_up(month, parts, until)
        elif parts:
            yield from _bring_back(month, parts, until)


def release(month: date) -> Iterator[int]:
    """Let a restored month go again, as if its time were over; yields as `archive_month`, and raises as it does.

    Raises InvalidRequest where nothing of it is restored.
    """
    if not _parts(month, None, Status.RESTORED).update(restored_until=timezone.now()):
        raise InvalidRequest("Nothing of {month} is restored.", month=f"{month:%m/%Y}", field="month")
    yield from archive_month(month)


def drop_left_behind() -> None:
    """The tables of those who died while they brought a month back: all that is in them is in the archive."""
    for month in months_coming():
        with taking_turn():
            drop_table(coming_table(month))


def _bring_back(month: date, parts: Sequence[LogArchive], until: datetime) -> Iterator[int]:
    table = coming_table(month)
    drop_table(table)
    make_table(table, month)
    for part in parts:
        put_back(part, table)
        yield part.rows
    _expect(table, sum(part.rows for part in parts))
    make_indexes(table)
    with changing_tables():
        bring_in(table, month)
        _note(parts, until)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {table_of(month)}")


def _fill_up(month: date, parts: Sequence[LogArchive], until: datetime) -> Iterator[int]:
    for part in parts:
        with transaction.atomic():
            put_back(part, table_of(month))
            _note([part], until)
        yield part.rows


def _note(parts: Sequence[LogArchive], until: datetime) -> None:
    """In the transaction that makes the calls visible."""
    counts: dict[Organization, int] = {}
    for part in parts:
        counts[part.organization] = counts.get(part.organization, 0) + part.rows
    LogArchive.objects.filter(pk__in=[part.pk for part in parts]).update(
        status=Status.RESTORED, restored_at=timezone.now(), restored_until=until
    )
    for organization, count in counts.items():
        record_action("call_log.restored", organization, {"month": f"{parts[0].month:%Y-%m}", "calls": count})


def _expect(table: str, count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - our own name
        found = int(cursor.fetchone()[0])
    if found != count:
        raise Conflict("Of {count} archived calls {found} came back.", count=count, found=found)


def _parts(month: date, organization: Organization | None, status: Status) -> QuerySet[LogArchive]:
    parts = LogArchive.objects.filter(month=month, status=status).select_related("organization")
    return (parts.filter(organization=organization) if organization else parts).order_by("organization", "part")
