"""How many events a second two workers apply to their payments, each of them a process.

The floor are two processes with one bare SQL loop each, over rows of the same kind: claim a batch of the same size with
FOR UPDATE SKIP LOCKED, then complete each event by an UPDATE that is committed by itself. It reads no body, updates no
payment and tells nobody. Ours drains the inbox: it reads and understands each event, changes and notes its payment
behind the organization's wall, completes the event in the same commit and says so; an organization's share of a batch
is committed together, which is how it can come out above a floor that does less. All payments and events are looked at
afterwards.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime

from tests.bench.load import ROOT

EVENTS = 2000
ROUNDS = 5
WORKERS = 2
ORGANIZATIONS = 4

_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM webhook_events
    WHERE processing_status IN ('pending', 'processing', 'retrying') AND next_attempt_at <= now()
        AND organization_id = ANY (%s::uuid[])
    ORDER BY organization_id, next_attempt_at LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE webhook_events AS event
SET processing_status = 'processing', next_attempt_at = now() + interval '120 seconds'
FROM due WHERE event.id = due.id RETURNING event.id
"""
_COMPLETE = """
UPDATE webhook_events SET processing_status = 'completed', next_attempt_at = NULL, processed_at = now() WHERE id = %s
"""


def run() -> dict[str, object]:
    from tests.factories import ConnectionFactory
    from webhooks.endpoints import create_endpoint
    from webhooks.inbox import BATCH

    connections = [ConnectionFactory() for _ in range(ORGANIZATIONS)]
    endpoints = [create_endpoint(one, webhook_secret="whsec_bench_not_a_secret")[0] for one in connections]
    _measure("drain", endpoints, 200)
    pairs = [(_measure("drain", endpoints), _measure("floor", endpoints)) for _ in range(ROUNDS)]
    ours, bare = zip(*pairs, strict=True)
    return {
        "name": "webhook_process",
        "value": round(statistics.median(ours)),
        "floor": round(statistics.median(bare)),
        "ratio": round(statistics.median(a / b for a, b in pairs), 3),
        "unit": "events/s",
        "workers": WORKERS,
        "batch": BATCH,
        "organizations": ORGANIZATIONS,
        "rounds": ROUNDS,
    }


def _measure(what: str, endpoints: list, count: int = EVENTS) -> float:
    """Events a second, from the moment at which all workers are ready until the last is done."""
    keys = _fill(endpoints, count)
    command = [sys.executable, "-m", "tests.bench.webhook_process", what]
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(WORKERS)
        ]
        for worker in workers:
            assert worker.stdout.readline() == "ready\n"
        started = time.perf_counter()
        for worker in workers:
            worker.stdin.write("go\n")
            worker.stdin.flush()
        done = sum(int(worker.stdout.readline()) for worker in workers)
        seconds = time.perf_counter() - started
    _check(what, keys, done)
    return count / seconds


def _fill(endpoints: list, count: int) -> list[uuid.UUID]:
    """Pending payments, and for each of them a signed event as Stripe sends it when it is paid."""
    from django.db import connection

    from integrations.models import Payment
    from webhooks.models import WebhookEvent

    template = json.loads((ROOT / "tests/providers/stripe/events/payment_intent.succeeded.json").read_bytes())
    occurred_at = datetime.fromtimestamp(template["created"], UTC)
    payments, events = [], []
    for number in range(count):
        endpoint = endpoints[number % len(endpoints)]
        reference, event_id = f"pi_{uuid.uuid4().hex}", f"evt_{uuid.uuid4().hex}"
        template["id"], template["data"]["object"]["id"] = event_id, reference
        payments.append(
            Payment(
                organization_id=endpoint.organization_id, connection_id=endpoint.connection_id, amount="12.50",
                currency="AED", reference=f"order-{number}", provider_reference=reference,
            )
        )  # fmt: skip
        events.append(
            WebhookEvent(
                organization_id=endpoint.organization_id, webhook_endpoint=endpoint, event_id=event_id,
                event_type=template["type"], subject=reference, occurred_at=occurred_at,
                raw_body=json.dumps(template).encode(), headers={"content-type": "application/json"},
                signature_verified=True,
            )
        )  # fmt: skip
    Payment.objects.bulk_create(payments)
    WebhookEvent.objects.bulk_create(events)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE webhook_events, payments, payment_operations")
    return [event.pk for event in events]


def _check(what: str, keys: list[uuid.UUID], done: int) -> None:
    from integrations.models import Payment
    from webhooks.models import WebhookEvent

    events = WebhookEvent.objects.filter(pk__in=keys, processing_status="completed")
    if done != len(keys) or events.count() != len(keys):
        raise RuntimeError(f"Of {len(keys)} events {done} were taken up and {events.count()} completed.")
    if what == "drain":
        paid = Payment.objects.filter(provider_reference__in=events.values("subject"), status="captured")
        if paid.filter(amount_captured="12.50", operations__kind="event").count() != len(keys):
            raise RuntimeError("Not every payment was updated.")
    Payment.objects.exclude(status="captured").delete()


def _floor() -> int:
    import os

    import psycopg

    from webhooks.inbox import BATCH
    from webhooks.models import WebhookEndpoint

    organizations = list(WebhookEndpoint.objects.values_list("organization_id", flat=True))
    done = 0
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, prepare_threshold=1) as session:
        session.execute("SELECT 1")
        _wait_for_the_start()
        while claimed := session.execute(_CLAIM, [organizations, BATCH]).fetchall():
            for (key,) in claimed:
                session.execute(_COMPLETE, [key])
            done += len(claimed)
    return done


def _drain() -> int:
    from django.db import connection

    from config.garbage import keep_what_is_loaded
    from integrations.providers.registry import providers
    from webhooks import inbox

    connection.ensure_connection()
    providers()  # a worker has long imported them
    keep_what_is_loaded()  # as it does
    _wait_for_the_start()
    return inbox.drain(seconds=120)


def _wait_for_the_start() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    import django

    django.setup()
    print({"floor": _floor, "drain": _drain}[sys.argv[1]](), flush=True)
