"""The call log's months: tables made ahead of time, and a default one so that no row is ever refused.

A row that comes to the default one, since its month has no table, moves into its own when that is made.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection, migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone

from integrations.errors import Unavailable

from .log_months import DEFAULT, TABLE, bounds, first_of, later, months_in_log, table_of
from .log_tables import bring_in, changing_tables, make_indexes, make_table

logger = logging.getLogger(__name__)

MONTHS_AHEAD = 3
_COUNTED_AT_MOST = 10_000
_PRIMARY_KEY = '"id" uuid NOT NULL PRIMARY KEY'


class CreatePartitionedModel(migrations.CreateModel):
    """`CreateModel` for a table partitioned by month on `created_at`, which PostgreSQL wants in the primary key."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        sql, params = schema_editor.table_sql(model)
        if _PRIMARY_KEY not in sql or not sql.endswith(")"):
            raise ValueError(f"Cannot partition this table: {sql}")
        columns = sql.removesuffix(")").replace(_PRIMARY_KEY, '"id" uuid NOT NULL')
        schema_editor.execute(f'{columns}, PRIMARY KEY ("id", "created_at")) PARTITION BY RANGE ("created_at")', params)
        schema_editor.deferred_sql.extend(schema_editor._model_indexes_sql(model))  # type: ignore[attr-defined]  # as `create_model` does


@dataclass(frozen=True)
class State:
    """`ahead`: how many months after this one have their tables, without a gap. `missing` are those that should.

    `stray_rows` are in the default table, counted up to ten thousand: they are found, at a higher price.
    """

    ahead: int
    missing: tuple[date, ...]
    stray_rows: int

    @property
    def is_good(self) -> bool:
        return not self.missing and not self.stray_rows


def ensure_partitions(today: date | None = None) -> list[str]:
    """Make the tables of this month and the next three, and those of rows that had to go to the default one.

    Returns the names of the new ones. Safe at any moment and in any number of processes; what cannot be made now is
    told in the log.
    """
    this = first_of(today or timezone.now())
    months = {later(this, ahead) for ahead in range(MONTHS_AHEAD + 1)} - set(months_in_log())
    months |= {month for month in _months_of_strays() if month <= later(this, MONTHS_AHEAD)}
    made = [table_of(month) for month in sorted(months) if _make(month)]
    _tell(check_partitions(this))
    return made


def check_partitions(today: date | None = None) -> State:
    this = first_of(today or timezone.now())
    wanted = [later(this, ahead) for ahead in range(MONTHS_AHEAD + 1)]
    missing = tuple(sorted(set(wanted) - set(months_in_log())))
    return State(partitions_ahead(this), missing, _count_strays())


def partitions_ahead(today: date | None = None) -> int:
    """How many months after this one have their tables, without a gap; none where this one has none."""
    month, there, ahead = first_of(today or timezone.now()), set(months_in_log()), -1
    while month in there:
        month, ahead = later(month, 1), ahead + 1
    return max(0, ahead)


def create_first_partitions(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The migration's way to `ensure_partitions`: the log is new, and nobody's yet."""
    this = first_of(timezone.now())
    for month in (later(this, ahead) for ahead in range(MONTHS_AHEAD + 1)):
        first, last = (moment.isoformat() for moment in bounds(month))
        schema_editor.execute(
            f"CREATE TABLE IF NOT EXISTS {table_of(month)} PARTITION OF {TABLE}"
            f" FOR VALUES FROM ('{first}') TO ('{last}')"
        )
    schema_editor.execute(f"CREATE TABLE IF NOT EXISTS {DEFAULT} PARTITION OF {TABLE} DEFAULT")


def _make(month: date) -> bool:
    try:
        with changing_tables():
            if month in months_in_log():
                return False
            make_table(table_of(month), month)
            make_indexes(table_of(month))
            bring_in(table_of(month), month)
    except Unavailable as error:
        logger.warning("The log has no table for %s yet: %s", f"{month:%m/%Y}", error)
        return False
    return True


def _months_of_strays() -> list[date]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT date_trunc('month', created_at, 'UTC') FROM {DEFAULT}")  # noqa: S608 - our own names
        return [first_of(moment) for (moment,) in cursor.fetchall()]


def _count_strays() -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM (SELECT FROM {DEFAULT} LIMIT {_COUNTED_AT_MOST}) AS stray")  # noqa: S608 - our own names
        return int(cursor.fetchone()[0])


def _tell(state: State) -> None:
    if state.missing:
        months = ", ".join(f"{month:%m/%Y}" for month in state.missing)
        logger.error("The call log has no table for %s: calls of that time go to the default one.", months)
    if state.stray_rows:
        logger.warning("%s calls are in the log's default table: their time is far ahead.", state.stray_rows)
