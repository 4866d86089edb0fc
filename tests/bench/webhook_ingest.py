"""How many signed events a second the door stores, against a bare Django view with one HMAC and one INSERT on the same
server, workers, client and database."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from django.db import connection

from tests.bench.floor import SECRET
from tests.bench.load import ROOT, post, run_load
from tests.served import free_port

EVENTS = 1500
ROUNDS = 5
WORKERS, THREADS, CONNECTIONS = 2, 16, 32


def run() -> dict[str, object]:
    path = _endpoint_path()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_floor (id bigserial PRIMARY KEY, body bytea, signature text)")
    with _serving("config.wsgi:application") as door, _serving("tests.bench.floor:application", floor=True) as floor:
        _measure(door, path, 300)
        _measure(floor, "/webhooks/", 300)
        pairs = [(_measure(door, path), _measure(floor, "/webhooks/")) for _ in range(ROUNDS)]
    ours, bare = zip(*pairs, strict=True)
    return {
        "name": "webhook_ingest",
        "value": round(statistics.median(one["rate"] for one in ours)),
        "floor": round(statistics.median(one["rate"] for one in bare)),
        "ratio": round(statistics.median(a["rate"] / b["rate"] for a, b in pairs), 3),
        "unit": "events/s",
        "p99_ms": round(statistics.median(one["p99_ms"] for one in ours), 1),
        "floor_p99_ms": round(statistics.median(one["p99_ms"] for one in bare), 1),
        "rounds": ROUNDS,
        "workers": WORKERS,
        "threads": THREADS,
        "connections": CONNECTIONS,
    }


def _endpoint_path() -> str:
    from tests.factories import ConnectionFactory
    from webhooks.endpoints import create_endpoint, update_endpoint

    endpoint, _secret = create_endpoint(ConnectionFactory(), webhook_secret=SECRET.decode())
    update_endpoint(endpoint, max_per_minute=1_000_000)
    return f"/webhooks/{endpoint.pk}/"


@contextmanager
def _serving(application: str, *, floor: bool = False) -> Iterator[int]:
    port = free_port()
    environment = {**os.environ, "HUB_DATABASE_POOL": "20"} | ({"HUB_BENCH_FLOOR": "1"} if floor else {})
    if floor:
        environment.pop("DJANGO_SETTINGS_MODULE")
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--no-ws", "--no-log"]
    command += ["--workers", str(WORKERS), "--blocking-threads", str(THREADS), application]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            requests.get(f"http://127.0.0.1:{port}/", timeout=1, allow_redirects=False)
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("The server did not start.")


def _measure(port: int, path: str, count: int = EVENTS) -> dict[str, float]:
    measured = run_load(port, [_event(path) for _ in range(count)], connections=CONNECTIONS)
    if measured["ok"] != count:
        raise RuntimeError(f"{count - measured['ok']:.0f} of {count} events were refused.")
    return {**measured, "rate": count / measured["seconds"]}


def _event(path: str) -> bytes:
    """A signed event of about a kilobyte, of a type that the inbox has nothing to do for."""
    filler = {f"field_{number}": "x" * 20 for number in range(24)}
    content = {
        "id": f"evt_{uuid.uuid4().hex}",
        "object": "event",
        "type": "customer.updated",
        "data": {"object": filler},
    }
    body, now = json.dumps(content).encode(), str(int(time.time()))
    signature = hmac.new(SECRET, now.encode() + b"." + body, hashlib.sha256).hexdigest()
    return post(path, body, {"Stripe-Signature": f"t={now},v1={signature}"})
