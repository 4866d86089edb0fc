"""The call log's months: partitions made ahead of time, and a default one so that no row is ever refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from django.db import connection, migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

TABLE = "integration_logs"
MONTHS_AHEAD = 3
_PRIMARY_KEY = '"id" uuid NOT NULL PRIMARY KEY'


class CreatePartitionedModel(migrations.CreateModel):
    """`CreateModel` for a table partitioned by month on `created_at`, which PostgreSQL wants in the primary key."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        sql, params = schema_editor.table_sql(model)  # type: ignore[attr-defined]
        if _PRIMARY_KEY not in sql or not sql.endswith(")"):
            raise ValueError(f"Cannot partition this table: {sql}")
        columns = sql.removesuffix(")").replace(_PRIMARY_KEY, '"id" uuid NOT NULL')
        schema_editor.execute(f'{columns}, PRIMARY KEY ("id", "created_at")) PARTITION BY RANGE ("created_at")', params)
        schema_editor.deferred_sql.extend(schema_editor._model_indexes_sql(model))  # type: ignore[attr-defined]


def ensure_partitions(today: date | None = None) -> list[str]:
    """Make the partitions of this month and the next three, and the default one. Returns the names of the new ones."""
    return [name for name, sql in _statements(today or datetime.now(UTC).date()) if _make(name, sql)]


def create_first_partitions(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The migration's way to `ensure_partitions`."""
    for _name, sql in _statements(datetime.now(UTC).date()):
        schema_editor.execute(sql)


def _make(name: str, sql: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [name])
        if cursor.fetchone()[0] is not None:
            return False
        cursor.execute(sql)
    return True


def _statements(today: date) -> Iterator[tuple[str, str]]:
    """Names and DDL. Bounds are UTC, so that a month is one partition whatever the session's time zone."""
    first = today.replace(day=1)
    for _ in range(MONTHS_AHEAD + 1):
        following = _next_month(first)
        name = f"{TABLE}_{first:%Y_%m}"
        bounds = f"FOR VALUES FROM ('{first} 00:00:00+00') TO ('{following} 00:00:00+00')"
        yield name, f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {TABLE} {bounds}"
        first = following
    yield f"{TABLE}_default", f"CREATE TABLE IF NOT EXISTS {TABLE}_default PARTITION OF {TABLE} DEFAULT"


def _next_month(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)
