"""A query set's SQL, written once and run with other values: for lists that are asked for all the time."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet, Value


class _Name(str):
    """Stands in a query for a value that is not known yet."""


@dataclass(frozen=True)
class KeptStatement:
    """`parameters`: in the order of the SQL, each a constant or the name of a value."""

    sql: str
    parameters: tuple[Any, ...]
    row: Any

    @staticmethod
    def value(name: str) -> Value:
        """What a query set is filtered by in the place of a value."""
        return Value(_Name(name))

    @classmethod
    def of(cls, rows: QuerySet[Any]) -> KeptStatement:
        """`rows`: of `values_list(…, named=True)`, with columns that PostgreSQL and Python write the same."""
        compiler = rows.query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        if compiler.get_converters(column for column, _sql, _alias in compiler.select):
            raise ValueError("A kept statement reads its columns as they are.")
        return cls(sql, tuple(parameters), namedtuple("Row", list(rows.query.values_select)))

    def read(self, values: Mapping[str, Any]) -> list[Any]:
        """The rows, as named tuples."""
        parameters = [values[one] if isinstance(one, _Name) else one for one in self.parameters]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, parameters)
            return list(map(self.row._make, cursor.fetchall()))
