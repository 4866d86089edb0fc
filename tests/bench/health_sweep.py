"""How long a sweep takes over 1,000 connections whose providers answer after 100 ms, two in a hundred of them never,
against the time-out of one check: what hangs may hold up nothing else. Each call goes by the gateway and is logged.

It is swept several times. What the process takes in memory may not grow from one sweep to the next, nor with how many
connections are due: of the same thousand four times as many are swept at the end, all answering.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from datetime import timedelta
from pathlib import Path

from tests.bench.serving import far_end

CONNECTIONS = 1000
HANGING_EVERY = 50
ANSWER_SECONDS = 0.1
ROUNDS = 3
HISTORY = 20  # checks of each connection before
_ANSWER = b'{"object":"balance","livemode":false}'


def run() -> list[dict[str, object]]:
    from monitoring.health import check_due
    from monitoring.health_probing import CHECK_SECONDS
    from monitoring.models import CallLog, HealthCheck

    with far_end("tests.bench.health_sweep", path="/well/") as url:
        _connections(url)
        seconds, memory = [], []
        for _ in range(ROUNDS):
            _make_due()
            logged, checks = CallLog.objects.count(), HealthCheck.objects.count()
            started = time.perf_counter()
            checked = check_due()
            seconds.append(time.perf_counter() - started)
            memory.append(_megabytes())
            written = HealthCheck.objects.count() - checks, CallLog.objects.count() - logged
            if (checked, *written) != (CONNECTIONS, CONNECTIONS, CONNECTIONS):
                raise RuntimeError(f"{checked} checked, {written} checks and calls written.")
        down = HealthCheck.objects.filter(outcome="failed").values("connection").distinct().count()
        if down != CONNECTIONS // HANGING_EVERY:
            raise RuntimeError(f"{down} connections have hung.")
        four_times = _memory_after_four_thousand(url)
    value = statistics.median(seconds)
    return [
        {
            "name": "health_sweep",
            "value": round(value, 2),
            "floor": CHECK_SECONDS,
            "ratio": round(value / CHECK_SECONDS, 3),
            "unit": "s",
            "connections": CONNECTIONS,
            "hanging": CONNECTIONS // HANGING_EVERY,
            "rounds": [round(one, 2) for one in seconds],
        },
        {
            "name": "health_sweep_memory",
            "value": round(four_times, 1),
            "floor": round(memory[0], 1),
            "ratio": round(four_times / memory[0], 3),
            "unit": "MB at the most",
            "rounds": [round(one, 1) for one in memory],
        },
    ]


def _connections(url: str) -> None:
    """As use would have left them: with the rows of their provider's limit, and the checks before."""
    from django.db import connection

    from integrations.models import Connection, RateLimit
    from tests.factories import ConnectionFactory, OrganizationFactory

    organizations = [OrganizationFactory() for _ in range(20)]
    for number in range(CONNECTIONS):
        path = "hang" if number % HANGING_EVERY == HANGING_EVERY // 2 else "well"
        ConnectionFactory(
            organization=organizations[number % 20],
            configuration={"base_url": f"{url}/{path}"},
            credentials={"api_key": "sk_test_sample_not_a_key"},
        )
    RateLimit.objects.bulk_create(
        RateLimit(
            organization_id=one.organization_id,
            connection=one,
            limit_type="per_minute",
            max_requests=6000,
            is_documented=True,
        )
        for one in Connection.objects.all()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO integration_health (id, organization_id, connection_id, check_timestamp, status,
                   response_time_ms, error_message, endpoint_tested, check_type, metadata, created_at)
               SELECT gen_random_uuid(), c.organization_id, c.id, now() - (5 * n + 1) * interval '1 minute', 'healthy',
                      100, '', '/v1/balance', kind, '{}', now()
               FROM integration_connections c, generate_series(0, %s - 1) AS n,
                    unnest(ARRAY['authentication', 'api_call']) AS kind WHERE kind = 'authentication' OR n = 0""",
            [HISTORY],
        )
        cursor.execute("ANALYZE")


def _make_due() -> None:
    """Each at a moment of its own, in no order."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE integration_connections SET next_health_check = now() - random() * interval '1 minute'")


def _memory_after_four_thousand(url: str) -> float:
    from integrations.models import Connection
    from monitoring.health import check_due

    Connection.objects.update(configuration={"base_url": f"{url}/well"})
    for _ in range(4):
        _make_due()
        check_due()
    return _megabytes()


def _megabytes() -> float:
    """The most that this process has had in memory at once, up to now."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_ANSWER)
    try:
        while asked := await reader.readuntil(b"\r\n\r\n"):
            await asyncio.sleep(timedelta(minutes=1).total_seconds() if b" /hang/" in asked else ANSWER_SECONDS)
            writer.write(head + _ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _serve(port: int) -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
