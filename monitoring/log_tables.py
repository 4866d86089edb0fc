"""The tables of the call log's months: made beside the log, brought into it, and taken out of it, while calls are
written.

Whoever brings a table in or takes one out needs a lock that writers would wait behind. So it is asked for for a
fraction of a second at a time: between two tries everybody else has their turn. Two that change the tables at once take
turns.
A month is its first day; its bounds are UTC, so that it is one table whatever the session's time zone.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected, LockNotAvailable

from integrations.errors import Unavailable
from integrations.operations.locks import AdvisoryLock

from .log_months import DEFAULT, TABLE, bounds, leaving_table, table_of

_LOCK_TIMEOUT = "200ms"
_PAUSES_SECONDS = (0.1, 0.2, 0.5, 1, 1, 2, 2, 3, 3, 5)

Change = Callable[[Any], None]


def make_table(name: str, month: date) -> None:
    """Like the log, for rows of that month alone, with no index but the key."""
    first, last = bounds(month)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {name} (LIKE {TABLE} INCLUDING ALL EXCLUDING INDEXES)")
        # The log need not read a table through that says itself what is in it.
        cursor.execute(
            f"ALTER TABLE {name} ADD PRIMARY KEY (id, created_at), ADD CONSTRAINT of_the_month"
            f" CHECK (created_at >= '{first.isoformat()}' AND created_at < '{last.isoformat()}')"
        )


def make_indexes(name: str) -> None:
    """Those that the log has, which would else be made while others wait."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass AND NOT indisprimary",
            [TABLE],
        )
        for (definition,) in cursor.fetchall():
            cursor.execute(re.sub(r" INDEX \S+ ON ONLY \S+ ", f" INDEX ON {name} ", definition, count=1))
        cursor.execute(f"ANALYZE {name}")


@contextmanager
def changing_tables() -> Iterator[None]:
    """In a transaction, alone with its right to change the log's tables."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [AdvisoryLock.LOG_PARTITIONS])
        yield


def bring_in(name: str, month: date) -> None:
    """Make it the month's part of the log, within `changing_tables`. What the default table has of the month moves.

    Most of that moves while others write; what they add meanwhile, in the moment in which they must wait.
    Raises Unavailable where the log is too busy for that moment; nothing is changed then.
    """
    first, last = bounds(month)
    move = _move_from_default(name, month)
    with connection.cursor() as cursor:
        cursor.execute(move)

    def change(cursor: Any) -> None:
        cursor.execute(f"LOCK TABLE {DEFAULT} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(move)
        cursor.execute(
            f"ALTER TABLE {TABLE} ATTACH PARTITION {name}"
            f" FOR VALUES FROM ('{first.isoformat()}') TO ('{last.isoformat()}')"
        )
        cursor.execute(f"ALTER TABLE {name} DROP CONSTRAINT of_the_month")
        if name != table_of(month):
            cursor.execute(f"ALTER TABLE {name} RENAME TO {table_of(month)}")

    _in_a_moment(change)


def take_out(month: date) -> None:
    """Take the month's table out of the log: its rows are found no more, and stay in `leaving_table`.

    Not CONCURRENTLY, which PostgreSQL refuses for a table that has a default partition; by itself it takes a moment.
    Raises Unavailable where the log is too busy for it.
    """

    def change(cursor: Any) -> None:
        cursor.execute(f"ALTER TABLE {TABLE} DETACH PARTITION {table_of(month)}")
        cursor.execute(f"ALTER TABLE {table_of(month)} RENAME TO {leaving_table(month)}")

    with changing_tables():
        _in_a_moment(change)


def drop_table(name: str) -> None:
    """One that stands by itself."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {name}")


def columns_of(name: str) -> list[str]:
    """In their order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            " ORDER BY attnum",
            [name],
        )
        return [name for (name,) in cursor.fetchall()]


def counts_in(table: str) -> dict[uuid.UUID, int]:
    """How many calls of each organization a table has."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT organization_id, count(*) FROM {table} GROUP BY organization_id")  # noqa: S608 - our own names
        return dict(cursor.fetchall())


def _move_from_default(name: str, month: date) -> str:
    """Column by column, since tables of different age may have theirs in another order."""
    first, last = bounds(month)
    columns = ", ".join(columns_of(TABLE))
    return (
        f"WITH gone AS (DELETE FROM {DEFAULT} WHERE created_at >= '{first.isoformat()}'"  # noqa: S608 - our own names
        f" AND created_at < '{last.isoformat()}' RETURNING {columns})"
        f" INSERT INTO {name} ({columns}) SELECT {columns} FROM gone"
    )


def _in_a_moment(change: Change) -> None:
    for pause in (*_PAUSES_SECONDS, None):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
                change(cursor)
                cursor.execute("SELECT set_config('lock_timeout', '0', true)")
            return
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
                raise
            if pause is None:
                raise Unavailable("The log is too busy to change its tables: it is tried again later.") from error
            time.sleep(pause)
