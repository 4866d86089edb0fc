"""How long a run of the rollup takes for NEW rows of the last hours, beside counting these rows.

The floor is `SELECT count(*)` over the same rows, picked as the rollup picks them, by the transactions that wrote them,
or by their time, whichever PostgreSQL does faster. No vacuum has seen the rows: of the last minute's none has either.
Floor and run are measured alternately, when the history has a tenth of its rows and when it has all of them; rows of
either are spread over the same connections and hours. Afterwards every hour is compared with its calls.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

HISTORY = int(os.environ.get("BENCH_ROWS", "5000000"))
NEW = min(200_000, HISTORY)
CONNECTIONS = 100
ORGANIZATIONS = 10
DAYS = 30
NEW_HOURS = 3
ROUNDS = 5
_BATCH = 250_000

_INSERT = """
INSERT INTO integration_logs (
    id, organization_id, connection_id, log_type, method, endpoint, request_headers, request_body, response_status,
    response_headers, response_body, response_time_ms, error_message, error_code, request_id, operation, attempt,
    bytes_sent, bytes_received, cost_aed, created_at
)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(hash, 1, 3) || '8'
        || substr(hash, 4, 15))::uuid, (%(organizations)s::uuid[])[place], (%(connections)s::uuid[])[place],
    CASE WHEN status IS NULL THEN 'error' ELSE 'api_response' END, 'POST', 'https://api.example.com/v1/charges/' || n,
    '{"accept": "application/json", "authorization": "[redacted]"}', '{"amount":1250,"currency":"aed"}', status,
    '{"content-type": "application/json"}',
    '{"id":"ch_' || hash || '","object":"charge","amount":1250,"currency":"aed","status":"succeeded","livemode":true}',
    exp(5 + spread)::int, '', code, hash, 'create_payment', 1, 32, 300 + n %% 500, 0.0125, at
FROM (
    SELECT n, at, place, hash, spread, status,
        CASE WHEN status IS NULL THEN 'provider_timeout' WHEN status = 429 THEN 'rate_limited' ELSE '' END AS code
    FROM (
        SELECT n, md5(random()::text || n) AS hash, 1 + floor(random() * %(count)s)::int AS place,
            %(first)s::timestamptz + (n + random()) * %(apart)s::interval AS at,
            2 * (random() + random() + random() - 1.5) AS spread,
            (ARRAY[200, 200, 200, 200, 200, 200, 201, 201, 404, 429, 503, NULL])
                [least(12, 1 + floor(13 * random() * random()))::int] AS status
        FROM generate_series(0, %(rows)s - 1) AS n OFFSET 0
    ) AS drawn
) AS told
"""


def run() -> dict[str, object]:
    from django.db import connection
    from django.utils import timezone

    from monitoring.partitions import ensure_partitions

    targets = _connections()
    now = timezone.now()
    for month in range(DAYS // 28 + 2):
        ensure_partitions((now - timedelta(days=28 * month)).date())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'integration_logs'::regclass"
        )
        for (partition,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {partition} SET (autovacuum_enabled = off)")
    _grow_history(targets, HISTORY // 10, now)
    small = [_round(targets) for _ in range(ROUNDS)]
    _grow_history(targets, HISTORY - HISTORY // 10, now)
    large = [_round(targets) for _ in range(ROUNDS)]
    _check()
    ratio = statistics.median(ours / floor for ours, floor in large)
    before = statistics.median(ours for ours, _floor in small)
    value = statistics.median(ours for ours, _floor in large)
    return {
        "name": "rollup",
        "value": round(1000 * value, 1),
        "floor": round(1000 * statistics.median(floor for _ours, floor in large), 1),
        "ratio": round(ratio, 3),
        "unit": "ms",
        "new_rows": NEW,
        "history_rows": HISTORY,
        "value_with_a_tenth_of_history": round(1000 * before, 1),
        "grows_by_percent": round(100 * (value / before - 1), 1),
        "partitions_read": _partitions_read(),
        "connections": CONNECTIONS,
        "rounds": ROUNDS,
    }


def _connections() -> list[Any]:
    from tests.factories import ConnectionFactory, OrganizationFactory

    zones = ("Asia/Dubai", "Asia/Riyadh", "Asia/Kolkata", "Europe/London")
    organizations = [OrganizationFactory(timezone=zones[n % len(zones)]) for n in range(ORGANIZATIONS)]
    return [ConnectionFactory(organization=organizations[n % ORGANIZATIONS]) for n in range(CONNECTIONS)]


def _grow_history(targets: list[Any], rows: int, now: datetime) -> None:
    from django.db import connection

    from monitoring.rollup import rollup

    with connection.cursor() as cursor, _without_indexes(cursor):
        for done in range(0, rows, _BATCH):
            count = min(_BATCH, rows - done)
            _insert(cursor, targets, count, now - timedelta(days=DAYS), timedelta(days=DAYS, hours=-NEW_HOURS - 1))
    rollup()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE integration_logs")
        cursor.execute("VACUUM ANALYZE integration_metrics_hourly, integration_analytics")
        cursor.execute("CHECKPOINT")


def _insert(cursor: Any, targets: list[Any], rows: int, first: datetime, span: timedelta) -> None:
    keys = {"connections": [one.pk for one in targets], "organizations": [one.organization_id for one in targets]}
    given = {**keys, "count": len(targets), "first": first, "apart": span / rows, "rows": rows}
    cursor.execute(_INSERT, given)


@contextmanager
def _without_indexes(cursor: Any) -> Iterator[None]:
    """But for the primary key: to sort at the end is several times faster than to insert in place."""
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = 'integration_logs'::regclass AND NOT indisprimary"
    )
    indexes = cursor.fetchall()
    for name, _definition in indexes:
        cursor.execute(f"DROP INDEX {name}")
    yield
    for _name, definition in indexes:
        cursor.execute(definition.replace(" ON ONLY ", " ON "))


def _round(targets: list[Any]) -> tuple[float, float]:
    """Seconds of the run, and of the count."""
    from django.db import connection
    from django.utils import timezone

    from monitoring.rollup import rollup

    first = timezone.now() - timedelta(hours=NEW_HOURS)
    picked = _new_rows()
    with connection.cursor() as cursor:
        _insert(cursor, targets, NEW, first, timedelta(hours=NEW_HOURS))
        cursor.execute("CHECKPOINT")
    by_time = "created_at >= %(first)s", {"first": first}
    floors = [_seconds(lambda way=way: _count(*way, least=NEW)) for way in (picked, by_time) * 2]
    ours = _seconds(rollup)
    return ours, min(floors[2:])


def _new_rows() -> tuple[str, dict[str, Any]]:
    from django.utils import timezone

    from monitoring.transactions import look, new_rows

    read = look().ended
    condition, params = new_rows(read, type(read)(2**62))
    return f"{condition} AND created_at >= %(reach)s", {**params, "reach": timezone.now() - timedelta(days=92)}


def _count(condition: str, params: dict[str, Any], least: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM integration_logs WHERE {condition}", params)
        if cursor.fetchone()[0] < least:
            raise RuntimeError("The floor counts too few.")


def _seconds(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _check() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*) FROM (
                   SELECT connection_id, sum(requests) AS n, sum(cost_aed) AS cost FROM integration_metrics_hourly
                   GROUP BY connection_id) AS rolled
               FULL JOIN (
                   SELECT connection_id, count(*) AS n, sum(cost_aed) AS cost FROM integration_logs
                   GROUP BY connection_id) AS counted USING (connection_id)
               WHERE rolled.n IS DISTINCT FROM counted.n OR rolled.cost IS DISTINCT FROM counted.cost"""
        )
        if differing := cursor.fetchone()[0]:
            raise RuntimeError(f"{differing} connections have other sums than calls.")


def _partitions_read() -> int:
    """How many partitions a run looks at: those within reach, by the index on the transactions."""
    from django.db import connection

    condition, params = _new_rows()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT * FROM integration_logs WHERE {condition}", params)
        plan = str(cursor.fetchone()[0])
    return plan.count("'Relation Name': 'integration_logs")
