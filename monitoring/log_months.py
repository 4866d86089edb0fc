"""The months of the call log, and where each is: a table of the log, one that leaves it, one that comes back.

A month is its first day; its bounds are UTC, so that it is one table whatever the session's time zone.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from django.db import connection

TABLE = "integration_logs"
DEFAULT = f"{TABLE}_default"


def first_of(moment: date | datetime) -> date:
    """The month of a moment or a day."""
    day = moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment
    return day.replace(day=1)


def later(month: date, months: int) -> date:
    """So many months after it, or before it."""
    count = month.year * 12 + month.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


def bounds(month: date) -> tuple[datetime, datetime]:
    """When it begins and when the next one does."""
    first, last = (datetime(one.year, one.month, 1, tzinfo=UTC) for one in (month, later(month, 1)))
    return first, last


def table_of(month: date) -> str:
    """Its name as a part of the log."""
    return f"{TABLE}_{month:%Y_%m}"


def leaving_table(month: date) -> str:
    """Its name once it was taken out: it holds what may not be archived yet."""
    return f"{TABLE}_leaving_{month:%Y_%m}"


def coming_table(month: date) -> str:
    """Its name while it is filled from the archive: it holds nothing that is not there."""
    return f"{TABLE}_coming_{month:%Y_%m}"


def months_in_log() -> list[date]:
    """The months that have a table in the log, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = to_regclass(%s)",
            [TABLE],
        )
        return _months_of(TABLE, cursor.fetchall())


def months_leaving() -> list[date]:
    """The months that were taken out of the log and are still in the database."""
    return _standing(f"{TABLE}_leaving")


def months_coming() -> list[date]:
    """Those that somebody began to bring back."""
    return _standing(f"{TABLE}_coming")


def _standing(prefix: str) -> list[date]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
            " AND starts_with(relname, %s) AND NOT relispartition",
            [prefix],
        )
        return _months_of(prefix, cursor.fetchall())


def _months_of(prefix: str, names: list[tuple[str]]) -> list[date]:
    found = [re.fullmatch(rf"{prefix}_(\d{{4}})_(\d\d)", name) for (name,) in names]
    return sorted(date(int(match[1]), int(match[2]), 1) for match in found if match)
