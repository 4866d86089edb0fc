"""Every sealed column of the database, gone through in batches while the system runs."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.apps import apps
from django.db import connection, migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from .fields import EncryptedTextField
from .master_keys import keyring
from .vault import SealedText, VaultError


@dataclass(frozen=True, order=True)
class SealedColumn:
    table: str
    name: str
    names_key: bool = False  # whether the row has a column `key_id` of its own

    def place_of(self, pk: uuid.UUID) -> str:
        """The context of the row's value."""
        return f"{self.table}.{self.name}.{pk}"

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"


@dataclass(frozen=True)
class Batch:
    """`last` is the greatest key that was looked at; `unreadable` the rows whose value does not open."""

    last: uuid.UUID
    resealed: int
    unreadable: list[uuid.UUID]


def sealed_columns() -> list[SealedColumn]:
    columns = []
    for model in apps.get_models():
        names = {field.name for field in model._meta.concrete_fields}
        columns += [
            SealedColumn(model._meta.db_table, field.name, "key_id" in names)
            for field in model._meta.concrete_fields
            if isinstance(field, EncryptedTextField)
        ]
    return sorted(columns)


def rows_by_key(column: SealedColumn) -> Counter[str]:
    """How many rows each master key, by its id, seals."""
    key_id = f"split_part({column.name}, '.', 2)"
    sql = f"SELECT {key_id}, count(*) FROM {column.table} WHERE {column.name} IS NOT NULL GROUP BY 1"  # noqa: S608 - our own names
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return Counter(dict(cursor.fetchall()))


def seal_under_newest(column: SealedColumn, *, batch_size: int) -> Iterator[Batch]:
    """Seal anew, batch by batch, what other keys than the newest seal.

    Each batch is one transaction, which passes over rows that others are changing: it never waits for anyone. Those
    rows are left for another pass.
    """
    others = f"split_part({column.name}, '.', 2) <> %s"
    last = uuid.UUID(int=0)
    place = SealedColumn.place_of
    while batch := _seal_batch(
        column, f"{others} AND id > %s", [keyring().newest, last], batch_size, source=place, target=place
    ):
        yield batch
        last = batch.last


def bind_to_rows(table: str, *names: str) -> migrations.RunPython:
    """Migration operation: values that were sealed for their column are sealed for their row."""

    def moving(source: _Place, target: _Place) -> Callable[[object, BaseDatabaseSchemaEditor], None]:
        def move(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
            for name in names:
                column, last = SealedColumn(table, name), uuid.UUID(int=0)
                while batch := _seal_batch(column, "id > %s", [last], 500, source, target):
                    last = batch.last

        return move

    return migrations.RunPython(moving(_column, SealedColumn.place_of), moving(SealedColumn.place_of, _column))


_Place = Callable[[SealedColumn, uuid.UUID], str]


def _column(column: SealedColumn, pk: uuid.UUID) -> str:
    return str(column)


@transaction.atomic
def _seal_batch(
    column: SealedColumn,
    condition: str,
    parameters: Sequence[str | uuid.UUID],
    size: int,
    source: _Place,
    target: _Place,
) -> Batch | None:
    """Open what was sealed for `source`, and seal it under the newest key for `target`."""
    name, table = column.name, column.table
    # NO KEY UPDATE: rows that refer to these may be made meanwhile.
    select = f"""
        SELECT id, {name} FROM {table} WHERE {name} IS NOT NULL AND {condition}
        ORDER BY id LIMIT {size} FOR NO KEY UPDATE SKIP LOCKED
    """  # noqa: S608 - names of our own tables and columns
    key_id = ", key_id = split_part(resealed.token, '.', 2)" if column.names_key else ""
    update = f"""
        UPDATE {table} SET {name} = resealed.token{key_id}
        FROM unnest(%s::uuid[], %s::text[]) AS resealed(id, token) WHERE {table}.id = resealed.id
    """  # noqa: S608 - our own names
    resealed: dict[uuid.UUID, str] = {}
    unreadable: list[uuid.UUID] = []
    with connection.cursor() as cursor:
        cursor.execute(select, parameters)
        rows = cursor.fetchall()
        for pk, token in rows:
            try:
                secret = SealedText(token, context=source(column, pk)).reveal()
            except VaultError:
                unreadable.append(pk)
            else:
                resealed[pk] = SealedText.seal(secret, context=target(column, pk)).token
        cursor.execute(update, [list(resealed), list(resealed.values())])
    return Batch(rows[-1][0], len(resealed), unreadable) if rows else None
