"""A table that is read slowly."""

from __future__ import annotations

from django.db import connection


def read_slowly(table: str, seconds: float = 1) -> None:
    """A row that nobody may see for so long is what a slow disk looks like."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE POLICY slow ON {table} AS RESTRICTIVE USING (pg_sleep({seconds}) IS NOT NULL)")
