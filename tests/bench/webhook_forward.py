"""How many deliveries a second are sent from the table to completed rows, signed, with their attempts written down,
against bare `requests` sessions that post the same bodies to the same receiver with the same concurrency."""

from __future__ import annotations

import asyncio
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from tests.bench.serving import far_end

DELIVERIES = 1_000
ROUNDS = 5
CONCURRENCY = 16
_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


def run() -> dict[str, object]:
    from tests.factories import ConnectionFactory
    from webhooks.endpoints import create_endpoint
    from webhooks.forward.destinations import create_destination

    endpoint, _ = create_endpoint(ConnectionFactory(), webhook_secret="whsec_bench_not_a_secret")
    with far_end("tests.bench.webhook_forward", method="POST") as receiver:
        url = f"{receiver}/hooks"
        destination, _ = create_destination(endpoint.organization, url=url, max_concurrency=CONCURRENCY)
        _ours(endpoint, destination, 200)
        pairs = [_pair(url, endpoint, destination) for _ in range(ROUNDS)]
    return {
        "name": "webhook_forward",
        "value": round(statistics.median(ours for ours, _ in pairs)),
        "floor": round(statistics.median(floor for _, floor in pairs)),
        "ratio": round(statistics.median(ours / floor for ours, floor in pairs), 3),
        "unit": "deliveries/s",
        "concurrency": CONCURRENCY,
        "rounds": ROUNDS,
    }


def _pair(url: str, endpoint: Any, destination: Any) -> tuple[float, float]:
    rate, bodies = _ours(endpoint, destination, DELIVERIES)
    return rate, _bare(url, bodies)


def _ours(endpoint: Any, destination: Any, count: int) -> tuple[float, list[bytes]]:
    from tests.forward.arrivals import plant_deliveries
    from webhooks.forward.drain import drain
    from webhooks.forward.messages import message_of
    from webhooks.models import WebhookDelivery

    planted = plant_deliveries(endpoint, destination, count)
    started = time.perf_counter()
    sent = drain(seconds=120)
    seconds = time.perf_counter() - started
    done = WebhookDelivery.objects.filter(pk__in=[one.pk for one in planted], status="delivered", attempts__number=1)
    if sent != count or done.count() != count:
        raise RuntimeError("Not every delivery was sent and written down.")
    return count / seconds, [message_of(one).body for one in planted]


def _bare(url: str, bodies: Sequence[bytes]) -> float:
    own = threading.local()

    def post(body: bytes) -> None:
        if not hasattr(own, "session"):
            own.session = requests.Session()
            own.session.trust_env = False
        own.session.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=15).raise_for_status()

    with ThreadPoolExecutor(CONCURRENCY) as threads:
        started = time.perf_counter()
        list(threads.map(post, bodies))
        return len(bodies) / (time.perf_counter() - started)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            await reader.readexactly(length)
            writer.write(_ANSWER)
    except asyncio.IncompleteReadError:
        writer.close()


async def _serve(port: int) -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
