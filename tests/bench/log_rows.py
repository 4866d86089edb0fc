"""Rows for the call log by the million, for the benchmarks that read it: made in the database, by sets.

Connections differ as they do in life: the first has a good part of all calls, the last a handful, and so have
organizations. Three calls in a hundred fail, in every way. Bodies are a few hundred bytes of JSON, with ids, e-mail
addresses and some Arabic. The rows come in the order of their time, over ninety days that end now.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

ROWS = int(os.environ.get("BENCH_ROWS", "5000000"))
DAYS = 90
ORGANIZATIONS = 20
CONNECTIONS = 200
SLUGS = ("stripe", "tap", "telr", "paypal")
USERS = 8
_BATCH = 250_000

_INSERT = """
INSERT INTO integration_logs (
    id, organization_id, connection_id, log_type, method, endpoint, request_headers, request_body, response_status,
    response_headers, response_body, response_time_ms, error_message, error_code, user_id, ip_address, request_id,
    operation, attempt, bytes_sent, bytes_received, cost_aed, created_at
)
SELECT (time_hex || '7' || substr(hash, 1, 3) || '8' || substr(hash, 4, 15))::uuid,
    (%(organizations)s::uuid[])[place], (%(connections)s::uuid[])[place],
    CASE WHEN kind = 0 THEN 'system' WHEN kind = 1 THEN 'webhook' WHEN status IS NULL THEN 'error'
         ELSE 'api_response' END,
    method, 'https://api.example.com/v1/' || path || CASE WHEN method = 'POST' THEN '' ELSE '/' || object END,
    '{"Accept": "application/json", "Authorization": "[redacted]", "User-Agent": "Hub/1"}',
    CASE WHEN method = 'GET' THEN '' ELSE '{"amount":' || amount || ',"currency":"aed","reference":"order-' || n
         || '","customer":{"email":"buyer' || (n %% 50000) || '@example.com"}}' END,
    status, CASE WHEN status IS NULL THEN '{}'::jsonb ELSE '{"content-type": "application/json"}' END,
    CASE WHEN status IS NULL THEN '' WHEN status >= 400
         THEN '{"error":{"code":"card_declined","message":"تم رفض البطاقة","request_log":"' || object || '"}}'
         ELSE '{"id":"' || object || '","object":"' || path || '","amount":' || amount || ',"currency":"aed",'
         || '"status":"succeeded","receipt_email":"buyer' || (n %% 50000) || '@example.com","latest_charge":"ch_'
         || substr(hash, 1, 24) || '","description":"Kandura and abaya, express","livemode":true}' END,
    CASE WHEN status IS NULL THEN 30000 ELSE 20 + (400 * slow * slow * slow)::int + (n %% 17) END,
    CASE WHEN status IS NULL THEN 'The provider does not answer.' WHEN status >= 500 THEN 'The provider fails.'
         WHEN status >= 400 THEN 'The provider refuses: card_declined.' ELSE '' END,
    CASE WHEN status IS NULL OR status >= 500 THEN 'unavailable' WHEN status = 429 THEN 'rate_limited'
         WHEN status >= 400 THEN 'rejected' ELSE '' END,
    CASE WHEN person < 0.04 THEN (%(users)s::uuid[])[1 + n %% %(people)s] END, NULL, 'req-' || substr(hash, 1, 20),
    CASE WHEN method = 'GET' THEN 'sync' ELSE 'create_payment' END, CASE WHEN status IS NULL THEN 2 ELSE 1 END,
    120, 420, 0.05, moment
FROM (
    SELECT n, hash, moment, place, kind, person, slow, path, amount, object,
        lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') AS time_hex,
        CASE WHEN verb < 0.55 THEN 'GET' WHEN verb < 0.97 THEN 'POST' WHEN verb < 0.985 THEN 'PUT'
             WHEN verb < 0.9990 THEN 'DELETE' ELSE 'PATCH' END AS method,
        CASE WHEN luck < 0.970 THEN 200 WHEN luck < 0.982 THEN 402 WHEN luck < 0.986 THEN 429
             WHEN luck < 0.994 THEN 503 WHEN luck < 0.9942 THEN 302 WHEN luck < 0.9999 THEN NULL ELSE 500 END AS status
    FROM (
        SELECT n, md5('log' || n) AS hash, random() AS verb, random() AS luck, random() AS person, random() AS slow,
            %(from)s::timestamptz + n * %(apart)s::interval + random() * interval '5 seconds' AS moment,
            1 + floor(%(count)s * power(random(), 3))::int AS place, floor(random() * 2000)::int AS kind,
            (ARRAY['payment_intents', 'charges', 'refunds', 'customers', 'shipments'])[1 + n %% 5] AS path,
            100 + n %% 90000 AS amount, 'pi_' || substr(md5('object' || n), 1, 24) AS object
        FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
        OFFSET 0
    ) AS drawn
) AS told
"""


@dataclass(frozen=True)
class LogRows:
    """What was made: `organizations` and `connections` from the largest to the smallest."""

    organizations: list[Any]
    connections: list[Any]
    users: list[Any]
    count: int

    @property
    def largest(self) -> Any:
        return self.organizations[0]


def make_log_rows(count: int = ROWS, *, days: int = DAYS) -> LogRows:
    """Fill the log anew, and analyze it. The indexes are made at the end, which is a good part of the time."""
    from django.db import connection
    from django.utils import timezone

    from monitoring.partitions import ensure_partitions

    made = _owners(count)
    began = timezone.now() - timedelta(days=days)
    for month in range(-1, days // 30 + 1):
        ensure_partitions((began + timedelta(days=30 * max(month, 0))).date())
    given = {
        "organizations": [one.organization_id for one in made.connections],
        "connections": [one.pk for one in made.connections],
        "users": [user.pk for user in made.users],
        "people": len(made.users),
        "count": len(made.connections),
        "from": began,
        "apart": timedelta(days=days, seconds=-10) / count,
    }
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE integration_logs")
    with connection.cursor() as cursor, _without_indexes(cursor):
        for first in range(1, count + 1, _BATCH):
            cursor.execute(_INSERT, {**given, "first": first, "last": min(count, first + _BATCH - 1)})
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE integration_logs")
    return made


def _owners(count: int) -> LogRows:
    from tests.factories import ConnectionFactory, MembershipFactory, OrganizationFactory

    organizations = [OrganizationFactory() for _ in range(ORGANIZATIONS)]
    # The largest organization has every third connection, the others share the rest.
    owner = [organizations[0] if n % 3 == 0 else organizations[n % ORGANIZATIONS] for n in range(CONNECTIONS)]
    connections = [ConnectionFactory(organization=owner[n], slug=SLUGS[n % len(SLUGS)]) for n in range(CONNECTIONS)]
    users = [MembershipFactory(organization=organizations[0]).user for _ in range(USERS)]
    return LogRows(organizations, connections, users, count)


@contextmanager
def _without_indexes(cursor: Any) -> Iterator[None]:
    """But for the primary key. To sort at the end is several times faster than to insert in place."""
    cursor.execute(
        """SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
           WHERE i.indrelid = 'integration_logs'::regclass AND NOT i.indisprimary"""
    )
    indexes = cursor.fetchall()
    for name, _definition in indexes:
        cursor.execute(f"DROP INDEX {name}")
    yield
    cursor.execute("SET maintenance_work_mem = '256MB'")
    for _name, definition in indexes:
        cursor.execute(definition.replace(" ON ONLY ", " ON "))
    cursor.execute("RESET maintenance_work_mem")
