"""What is read of the checks is read by an index, between bounds: it costs the same however long they are kept."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from monitoring import health_history, health_overview, uptime

pytestmark = pytest.mark.django_db

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
KEYS = [uuid.uuid4()]


@pytest.mark.parametrize(
    ("sql", "given"),
    [
        (health_history._RECENT, lambda now: {"connections": KEYS, "kinds": ["ping"], "most": 40, "since": now}),
        (health_overview._NEWEST, lambda now: [KEYS, now, 30]),
        (uptime._BETWEEN, lambda now: {"connections": KEYS, "since": now - _DAY, "until": now, "now": now}),
        (uptime._DAYS, lambda now: {"since": now - 12 * _MINUTE, "until": now - 11 * _MINUTE, "now": now}),
    ],
    ids=["the last of each kind", "the newest", "uptime of a day", "days that were checked"],
)
def test_checks_are_read_by_an_index_between_bounds(sql: str, given: Callable[[datetime], Any]) -> None:
    """Also where some of them fall into the time that is asked for."""
    _many_checks()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (COSTS OFF) {sql}", given(timezone.now()))
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on integration_health" not in plan, plan
    assert "check_timestamp >=" in plan, plan


def _many_checks() -> None:
    """Of 120 connections, five seconds after one another, for two days."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO integration_health (id, organization_id, connection_id, check_timestamp, status,
                   error_message, endpoint_tested, check_type, metadata)
               SELECT gen_random_uuid(), %s, c.id,
                      now() - n * interval '10 minutes' - c.place * interval '5 seconds', 'healthy', '', '',
                      'authentication', '{}'
               FROM (SELECT gen_random_uuid() AS id, place FROM generate_series(1, 120) AS place) AS c,
                    generate_series(1, 300) AS n""",
            [_organization()],
        )
        cursor.execute("ANALYZE integration_health")


def _organization() -> uuid.UUID:
    from tests.factories import OrganizationFactory

    key: uuid.UUID = OrganizationFactory().pk
    return key
