"""What is read of the checks is read by an index, between bounds: it costs the same however long they are kept."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from monitoring import health_history, health_overview, uptime

pytestmark = pytest.mark.django_db

NOW = timezone.now()
KEYS = [uuid.uuid4()]


@pytest.mark.parametrize(
    ("sql", "given"),
    [
        (health_history._RECENT, {"connections": KEYS, "kinds": ["ping"], "most": 40, "since": NOW}),
        (health_overview._NEWEST, [KEYS, NOW, 30]),
        (uptime._BETWEEN, {"connections": KEYS, "since": NOW - timedelta(days=1), "until": NOW, "now": NOW}),
        (uptime._DAYS, {"since": NOW - timedelta(minutes=2), "until": NOW, "now": NOW}),
    ],
    ids=["the last of each kind", "the newest", "uptime of a day", "days that were checked"],
)
def test_checks_are_read_by_an_index_between_bounds(sql: str, given: Any) -> None:
    _many_checks()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (COSTS OFF) {sql}", given)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on integration_health" not in plan, plan
    assert "check_timestamp >=" in plan, plan


def _many_checks() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO integration_health (id, organization_id, connection_id, check_timestamp, status,
                   error_message, endpoint_tested, check_type, metadata)
               SELECT gen_random_uuid(), o.id, c.id, now() - n * interval '10 minutes', 'healthy', '', '',
                      'authentication', '{}'
               FROM (SELECT %s::uuid AS id) AS o, (SELECT gen_random_uuid() AS id FROM generate_series(1, 20)) AS c,
                    generate_series(1, 1000) AS n""",
            [_organization()],
        )
        cursor.execute("ANALYZE integration_health")


def _organization() -> uuid.UUID:
    from tests.factories import OrganizationFactory

    key: uuid.UUID = OrganizationFactory().pk
    return key
