"""Locks on what has no row yet."""

from __future__ import annotations

from django.db import connection


def lock_until_commit(*name: object) -> None:
    """Wait for, and hold until the transaction ends, the right to decide about `name`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", ["/".join(map(str, name))])
