"""How many calls a second go through the gateway, with its limits, credentials, egress rules and call log, against bare
kept-alive `requests` to the same local server."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests

from tests.bench.load import ROOT
from tests.served import free_port

CALLS = 300
ROUNDS = 7
_ANSWER = b'{"object":"balance","livemode":false}'


def run() -> dict[str, object]:
    from integrations.gateway import client_for
    from tests.factories import ConnectionFactory, RateLimitFactory

    with _provider() as url:
        connection = ConnectionFactory(
            configuration={"base_url": url}, credentials={"api_key": "sk_test_sample_not_a_key"}
        )
        RateLimitFactory(connection=connection, max_requests=10_000_000)
        client = client_for(connection, operation="bench")
        session = requests.Session()
        session.trust_env = False

        def gateway() -> None:
            client.get("/v1/balance")

        def bare() -> None:
            session.get(f"{url}/v1/balance", timeout=5).json()

        _rate(gateway, 50)
        _rate(bare, 50)
        pairs = [(_rate(gateway), _rate(bare)) for _ in range(ROUNDS)]
    return {
        "name": "gateway_call",
        "value": round(statistics.median(ours for ours, _ in pairs)),
        "floor": round(statistics.median(floor for _, floor in pairs)),
        "ratio": round(statistics.median(ours / floor for ours, floor in pairs), 3),
        "unit": "calls/s",
        "rounds": ROUNDS,
    }


def _rate(call: Callable[[], None], count: int = CALLS) -> float:
    started = time.perf_counter()
    for _ in range(count):
        call()
    return count / (time.perf_counter() - started)


@contextmanager
def _provider() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.gateway_call", str(port)], cwd=ROOT)
    try:
        for _ in range(100):
            try:
                requests.get(f"http://127.0.0.1:{port}/", timeout=1)
            except requests.ConnectionError:
                time.sleep(0.05)
            else:
                break
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


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
