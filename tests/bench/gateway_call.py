"""How many calls a second go through the gateway, with limits, credentials, egress rules, redaction and durable log,
against bare kept-alive `requests` to the same local server: both from eight threads of one process."""

from __future__ import annotations

import asyncio
import statistics
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.bench.serving import far_end

THREADS = 8
CALLS = 1600
ROUNDS = 7
_ANSWER = b'{"object":"balance","livemode":false}'


def run() -> dict[str, object]:
    from integrations.gateway import client_for
    from monitoring.models import CallLog
    from tests.factories import ConnectionFactory, RateLimitFactory

    with far_end("tests.bench.gateway_call") as url:
        connection = ConnectionFactory(
            configuration={"base_url": url}, credentials={"api_key": "sk_test_sample_not_a_key"}
        )
        RateLimitFactory(connection=connection, max_requests=10_000_000)
        client = client_for(connection, operation="bench")
        own = threading.local()

        def gateway() -> None:
            client.get("/v1/balance").json()

        def bare() -> None:
            if not hasattr(own, "session"):
                own.session = requests.Session()
                own.session.trust_env = False
            own.session.get(f"{url}/v1/balance", timeout=5).json()

        with ThreadPoolExecutor(THREADS) as threads:
            _rate(threads, gateway, 100)
            _rate(threads, bare, 100)
            logged = CallLog.objects.count()
            pairs = [(_rate(threads, gateway), _rate(threads, bare)) for _ in range(ROUNDS)]
        if CallLog.objects.count() - logged != ROUNDS * CALLS:
            raise RuntimeError("Not every call is in the log.")
    return {
        "name": "gateway_call",
        "value": round(statistics.median(ours for ours, _ in pairs)),
        "floor": round(statistics.median(floor for _, floor in pairs)),
        "ratio": round(statistics.median(ours / floor for ours, floor in pairs), 3),
        "unit": "calls/s",
        "threads": THREADS,
        "rounds": ROUNDS,
    }


def _rate(threads: ThreadPoolExecutor, call: Callable[[], None], count: int = CALLS) -> float:
    def calls(number: int) -> None:
        for _ in range(number):
            call()

    started = time.perf_counter()
    list(threads.map(calls, [count // THREADS] * THREADS))
    return count / (time.perf_counter() - started)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_ANSWER)
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(head + _ANSWER)
    except asyncio.IncompleteReadError:
        writer.close()


async def _serve(port: int) -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
