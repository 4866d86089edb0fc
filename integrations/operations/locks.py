"""Locks on what has no row."""

from __future__ import annotations

from enum import IntEnum, unique

from django.db import connection


@unique
class AdvisoryLock(IntEnum):
    """What one process at a time may do in the whole installation: in one place, so that no two share a number."""

    BOOTSTRAP = 7_411_001
    AUDIT_CHAIN = 7_411_002  # the first half of a key; the second is the organization's
    HEALTH_SWEEP = 7_411_003
    ROLLUP = 7_411_004
    MASTER_KEY_ROTATION = 7_411_005
    LOG_PARTITIONS = 7_411_006
    LOG_ARCHIVE = 7_411_007


def lock_until_commit(*name: object) -> None:
    """Wait for, and hold until the transaction ends, the right to decide about `name`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", ["/".join(map(str, name))])
