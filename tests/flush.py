"""Empties the database after a test that commits, at the cost of what it wrote.

Django's own way is TRUNCATE, which pays for every table and index there is, full or not, and makes all content types
and permissions again: a fourth of a second after each test.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.test import TransactionTestCase

_truncate: Any = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
# Made by `post_migrate`, the same for each test: they stay for as long as no test changes them.
_MADE_ONCE = ("django_content_type", "auth_permission")
# Deleted rows cost who reads the table until it is vacuumed. From here on TRUNCATE is the cheaper one.
_MANY_ROWS = 500

_made: list[Any] = []


def install() -> None:
    """For the run's tests, where the database allows it: a superuser alone may keep triggers from firing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser')")
        if cursor.fetchone() != ("on",):
            return
        _made[:] = [_content_of_made_once(cursor)]
    TransactionTestCase._fixture_teardown = _flush  # type: ignore[attr-defined]


def _flush(test_case: TransactionTestCase) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        # As TRUNCATE does, it waits for whoever still writes: what they wrote goes as well.
        cursor.execute(f"LOCK TABLE {', '.join(_tables())} IN EXCLUSIVE MODE")
        # No trigger fires: neither those of foreign keys, by which the order would matter, nor any that forbids it.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(_filled_tables())
        rows = sum(_delete_all(cursor, table) for (table,) in cursor.fetchall())
        is_as_made = _made == [_content_of_made_once(cursor)]
    if rows > _MANY_ROWS or not is_as_made:
        _truncate(test_case)
        with connection.cursor() as cursor:
            _made[:] = [_content_of_made_once(cursor)]


def _delete_all(cursor: CursorWrapper, table: str) -> int:
    cursor.execute(f"DELETE FROM {table}")
    return int(cursor.rowcount)


def _content_of_made_once(cursor: CursorWrapper) -> Any:
    digest = "(SELECT md5(string_agg(row::text, chr(10) ORDER BY id)) FROM {} row)"
    cursor.execute(f"SELECT {', '.join(map(digest.format, _MADE_ONCE))}")
    return cursor.fetchone()


@cache
def _tables() -> list[str]:
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted(connection.ops.quote_name(name) for name in names if name not in _MADE_ONCE)


@cache
def _filled_tables() -> str:
    return " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in _tables())
