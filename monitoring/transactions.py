"""Which transactions have been read: the rollup's place in a log whose rows become visible in any order.

A row carries the number of the transaction that wrote it (`written_in`). Transactions begin in the order of their
numbers and end in any: at each moment all below `upcoming` have ended, but for those `under_way`. What is new between
two such moments is told by the numbers alone, whatever a row's own time says: a row that comes late, and one that was
written early and committed late, are new once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

Params = dict[str, Any]


TABLES = ("integration_logs", "webhook_events")
# Rows that are older than the column have no number; nor has what comes back from the archive.
NUMBER = """
ALTER TABLE {table} ADD COLUMN written_in xid8;
ALTER TABLE {table} ALTER COLUMN written_in SET DEFAULT pg_current_xact_id();
CREATE INDEX {table}_written ON {table} (written_in) WHERE written_in IS NOT NULL;
"""
FORGET_NUMBER = "ALTER TABLE {table} DROP COLUMN written_in;"


@dataclass(frozen=True)
class Ended:
    """The transactions below `upcoming`, less those `under_way`."""

    upcoming: int
    under_way: frozenset[int] = frozenset()

    def until(self, number: int) -> Ended:
        """Those of them below `number`."""
        return Ended(min(self.upcoming, number), frozenset(one for one in self.under_way if one < number))

    def including(self, number: int) -> Ended:
        """Those, and another."""
        between = range(self.upcoming, number)
        return Ended(max(self.upcoming, number + 1), self.under_way.union(between) - {number})


@dataclass(frozen=True)
class Server:
    """Numbers mean something on one server alone: its `identity` is another after a restore into another."""

    identity: str
    ended: Ended


def look() -> Server:
    """Which transactions have ended by now. The caller's own, if it has written anything, is taken to have."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT system_identifier::text, pg_snapshot_xmax(now.snapshot)::text::bigint,"
            " ARRAY(SELECT pg_snapshot_xip(now.snapshot)::text::bigint), pg_current_xact_id_if_assigned()::text::bigint"
            " FROM pg_control_system(), (SELECT pg_current_snapshot() AS snapshot OFFSET 0) AS now"
        )
        identity, upcoming, under_way, own = cursor.fetchone()
    ended = Ended(upcoming, frozenset(under_way))
    return Server(identity, ended if own is None else ended.including(own))


def has_numbers_of_another_server(since: datetime) -> bool:
    """Whether calls from then on carry numbers that this server has not come to."""
    with connection.cursor() as cursor:
        cursor.execute(
            # The caller's own number may be beyond those that the snapshot knows of.
            "SELECT coalesce(max(written_in)"
            " > greatest(pg_snapshot_xmax(pg_current_snapshot()), pg_current_xact_id_if_assigned()), false)"
            " FROM integration_logs WHERE created_at >= %s",
            [since],
        )
        return bool(cursor.fetchone()[0])


def make_numbers_anew() -> None:
    """Take the numbers from all rows. Needs the tables for itself for a moment, as long as it takes to read them."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(FORGET_NUMBER.format(table=table))
            cursor.execute(NUMBER.format(table=table))


def new_rows(read: Ended, now: Ended) -> tuple[str, Params]:
    """SQL, served by the index on `written_in`, that picks the rows of the transactions that ended since `read`."""
    condition = (
        "(written_in >= %(read)s::xid8 OR written_in = ANY (%(read_not)s::xid8[]))"
        " AND written_in < %(now)s::xid8 AND written_in <> ALL (%(now_not)s::xid8[])"
    )
    if not read.under_way:
        condition = condition.replace(" OR written_in = ANY (%(read_not)s::xid8[])", "")
    numbers = {"read": str(read.upcoming), "read_not": _texts(read.under_way)}
    return condition, {**numbers, "now": str(now.upcoming), "now_not": _texts(now.under_way)}


def read_rows(read: Ended) -> tuple[str, Params]:
    """SQL that picks the rows of the transactions in `read`, and those that are older than the numbers."""
    condition = "(written_in IS NULL OR written_in < %(read)s::xid8 AND written_in <> ALL (%(read_not)s::xid8[]))"
    return condition, {"read": str(read.upcoming), "read_not": _texts(read.under_way)}


def _texts(numbers: Iterable[int]) -> list[str]:
    return [str(number) for number in sorted(numbers)]
