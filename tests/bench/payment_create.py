"""How many payments a second REST takes through the Sandbox gateway, and how long a caller waits for one.

The floor is bare `requests` to the same Sandbox, from as many threads as we are called by. The Sandbox is served by a
process of its own; callers, Hub, Sandbox and PostgreSQL share the machine.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import requests
from django.conf import settings

from tests.bench.load import post, run_load
from tests.bench.serving import serving

WISHED_RATE = 200.0
SECONDS = 60
CONNECTIONS = 16
WORKERS = 2
KEY = "sk_sandbox_bench_not_a_key"
HEADROOM = 0.8  # of what can be done at most: a queue that only grows says nothing of what a caller waits


def run() -> list[dict[str, object]]:
    with serving("config.wsgi:application", settings.WEB_THREADS, workers=1) as sandbox:
        far_end = f"http://127.0.0.1:{sandbox}"
        token = _organization(f"{far_end}/sandbox")
        own = {"HUB_PUBLIC_URL": far_end, "HUB_API_RATE": "1000000/min"}
        with serving("config.wsgi:application", settings.WEB_THREADS, workers=WORKERS, **own) as hub:
            _pay(hub, token, 200)
            most = _pay(hub, token, 1500)["rate"]
            floor = _floor(f"{far_end}/sandbox")
            rate = min(WISHED_RATE, HEADROOM * most)
            print(f"at most {most:.0f} payments a second; now {rate:.0f} for {SECONDS} s", file=sys.stderr)
            steady = _pay(hub, token, int(rate * SECONDS), rate=rate)
    made = 200 + 1500 + int(rate * SECONDS)
    _check_that_none_is_lost_or_double(made)
    circumstances = {"workers": WORKERS, "threads": settings.WEB_THREADS, "connections": CONNECTIONS}
    return [
        _compared("payment_create", most, floor["rate"], "payments/s", **circumstances),
        _compared("payment_create_p50", steady["p50_ms"], floor["p50_ms"], "ms", rate=round(rate), **circumstances),
        _compared("payment_create_p99", steady["p99_ms"], floor["p99_ms"], "ms", rate=round(rate), **circumstances),
    ]


def _compared(name: str, value: float, floor: float, unit: str, **circumstances: object) -> dict[str, object]:
    told = {"value": round(value, 1), "floor": round(floor, 1), "ratio": round(value / floor, 3), "unit": unit}
    return {"name": name, **told, **circumstances}


def _organization(far_end: str) -> str:
    """An organization with a Sandbox connection that nothing limits; returns its API token."""
    from tests.factories import ConnectionFactory, RateLimitFactory, token_for

    connection = ConnectionFactory(
        slug="sandbox", configuration={"base_url": far_end}, credentials={"api_key": KEY}, is_primary=True
    )
    RateLimitFactory(connection=connection, max_requests=10_000_000)
    return token_for(connection.organization, "payments")


def _pay(port: int, token: str, count: int, *, rate: float = 0) -> dict[str, float]:
    measured = run_load(
        port, [_order(token) for _ in range(count)], connections=CONNECTIONS, rate=rate, timeout=SECONDS * 5
    )
    if measured["ok"] != count:
        raise RuntimeError(f"{count - measured['ok']:.0f} of {count} payments were refused.")
    return {**measured, "rate": count / measured["seconds"]}


def _order(token: str) -> bytes:
    key = uuid.uuid4().hex
    order = {
        "amount": "12.50",
        "currency": "AED",
        "reference": key,
        "payment_token": "tok_visa",
        "customer": {"name": "Sample Customer", "email": "customer@example.com"},
    }
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    return post("/api/v1/payments/", json.dumps(order).encode(), headers)


def _floor(far_end: str, count: int = 3000) -> dict[str, float]:
    own = threading.local()

    def pay(_: int) -> float:
        if not hasattr(own, "session"):
            own.session = requests.Session()
            own.session.trust_env = False
        key = uuid.uuid4().hex
        order = {"amount": "12.50", "currency": "AED", "reference": key, "payment_token": "tok_visa"}
        headers = {"Authorization": f"Bearer {KEY}_floor", "Idempotency-Key": key}
        started = time.perf_counter()
        answer = own.session.post(f"{far_end}/v1/payments", json=order, headers=headers, timeout=30)
        answer.raise_for_status()
        return time.perf_counter() - started

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(pay, range(100)))
        started = time.perf_counter()
        times = sorted(threads.map(pay, range(count)))
        seconds = time.perf_counter() - started
    return {
        "rate": count / seconds,
        "p50_ms": statistics.median(times) * 1000,
        "p99_ms": times[count * 99 // 100] * 1000,
    }


def _check_that_none_is_lost_or_double(made: int) -> None:
    from integrations.models import Payment
    from integrations.models.sandbox import SandboxPayment

    captured = set(Payment.objects.filter(status="captured").values_list("provider_reference", flat=True))
    account = hashlib.sha256(KEY.encode()).hexdigest()
    there = SandboxPayment.objects.filter(account=account)
    if not len(captured) == made == there.count() == Payment.objects.count():
        raise RuntimeError(f"{made} were taken; {len(captured)} are captured here, {there.count()} there.")
