"""How many signed events a second the door stores, and how late its slowest answers come.

The floor is a bare Django view with one HMAC and one INSERT, on the same server, workers, client and database, with the
number of threads that suits it best.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import statistics
import sys
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.db import connection

from tests.bench.floor import SECRET
from tests.bench.load import post, run_load
from tests.bench.serving import serving

EVENTS = (
    6000  # a round: enough that one hiccup of the disk, which all 64 senders feel, is less than its slowest hundredth
)
ROUNDS = 5
WORKERS, CONNECTIONS = 2, 64
FLOOR_THREADS = (2, 4, 8, 16, 32)


def run() -> list[dict[str, object]]:
    path = _endpoint_path()
    threads = _best_threads_for_the_floor()
    sent: list[str] = []
    with (
        serving("config.wsgi:application", settings.WEB_THREADS, workers=WORKERS) as door,
        serving("tests.bench.floor:application", threads, workers=WORKERS, floor=True) as floor,
    ):
        _measure(door, path, sent.append, 400)
        _measure(floor, "/webhooks/", count=400)
        pairs = [(_measure(door, path, sent.append), _measure(floor, "/webhooks/")) for _ in range(ROUNDS)]
    _check_all_are_there(sent)
    circumstances = {
        "rounds": ROUNDS,
        "workers": WORKERS,
        "threads": settings.WEB_THREADS,
        "floor_threads": threads,
        "connections": CONNECTIONS,
    }
    return [
        {**_compared("webhook_ingest", pairs, "rate", 0), "unit": "events/s", **circumstances},
        {**_compared("webhook_ingest_p99", pairs, "p99_ms", 1), "unit": "ms", **circumstances},
    ]


def _compared(
    name: str, pairs: list[tuple[dict[str, float], dict[str, float]]], key: str, digits: int
) -> dict[str, object]:
    return {
        "name": name,
        "value": round(statistics.median(ours[key] for ours, _ in pairs), digits),
        "floor": round(statistics.median(bare[key] for _, bare in pairs), digits),
        "ratio": round(statistics.median(ours[key] / bare[key] for ours, bare in pairs), 3),
    }


def _best_threads_for_the_floor() -> int:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_floor (id bigserial PRIMARY KEY, body bytea, signature text)")
    rates: dict[int, float] = {}
    for threads in FLOOR_THREADS:
        with serving("tests.bench.floor:application", threads, workers=WORKERS, floor=True) as floor:
            _measure(floor, "/webhooks/", count=400)
            rates[threads] = statistics.median(_measure(floor, "/webhooks/", count=2000)["rate"] for _ in range(3))
    print(f"the floor's rates by threads: { {n: round(rate) for n, rate in rates.items()} }", file=sys.stderr)
    return max(rates, key=lambda threads: rates[threads])


def _check_all_are_there(sent: list[str]) -> None:
    from webhooks.models import WebhookEvent

    stored = WebhookEvent.objects.values_list("event_id", flat=True)
    if sorted(stored) != sorted(sent) or len(set(sent)) != len(sent):
        raise RuntimeError(f"{len(sent)} events were accepted, and {len(stored)} are in the table.")


def _endpoint_path() -> str:
    from tests.factories import ConnectionFactory
    from webhooks.endpoints import create_endpoint, update_endpoint

    endpoint, _secret = create_endpoint(ConnectionFactory(), webhook_secret=SECRET.decode())
    update_endpoint(endpoint, max_per_minute=1_000_000)
    return f"/webhooks/{endpoint.pk}/"


def _measure(
    port: int, path: str, note: Callable[[str], object] = lambda event_id: None, count: int = EVENTS
) -> dict[str, float]:
    measured = run_load(port, [_event(path, note) for _ in range(count)], connections=CONNECTIONS)
    if measured["ok"] != count:
        raise RuntimeError(f"{count - measured['ok']:.0f} of {count} events were refused.")
    return {**measured, "rate": count / measured["seconds"]}


def _event(path: str, note: Callable[[str], object]) -> bytes:
    """A signed event of about a kilobyte, of a type that the inbox has nothing to do for."""
    event_id = f"evt_{uuid.uuid4().hex}"
    note(event_id)
    filler = {f"field_{number}": "x" * 20 for number in range(24)}
    content = {"id": event_id, "object": "event", "type": "customer.updated", "data": {"object": filler}}
    body, now = json.dumps(content).encode(), str(int(time.time()))
    signature = hmac.new(SECRET, now.encode() + b"." + body, hashlib.sha256).hexdigest()
    return post(path, body, {"Stripe-Signature": f"t={now},v1={signature}"})
