"""A storm at the door: duplicates and forgeries among the events, while workers, Redis and PostgreSQL are killed.

At the end every event that was answered with 200 is stored once and applied once, and none that was forged is there.
`HUB_STORM_EVENTS` sets how many are sent.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis
import requests

from tests.bench.load import post
from tests.faults.webhook_sender import start_sending
from tests.served import ServedHub
from tests.webhooks.stripe_sender import EVENTS, SECRET, signature
from tests.wire import WireAnswer, WireRequest, WireServer

pytestmark = pytest.mark.xdist_group("embedded")

SENT = int(os.environ.get("HUB_STORM_EVENTS", "20000"))
DUPLICATES = FORGED = SENT // 10
EVENTS_OF_A_PAYMENT = 4
PAYMENTS = SENT // 20  # a fifth of the events move money; of the others nothing has to be done
SENDING_SECONDS = 240
NEW = {"provider": "stripe", "connection_name": "Shop", "environment": "development"}
_MAKE_PAYMENTS = """
INSERT INTO payments (id, organization_id, connection_id, reference, idempotency_key, provider_reference, amount,
    currency, amount_captured, amount_refunded, method, capture_mode, status, customer, redirect_url, metadata,
    failure_code, failure_message, attempts, request_fingerprint, created_at, updated_at)
SELECT gen_random_uuid(), connection.organization_id, connection.id, 'order-' || number, 'storm-' || number,
    'pi_storm_' || number, 12.50, 'AED', 0, 0, '', 'automatic', 'requires_action', '{}', '', '{}', '', '', '[]', '',
    now(), now()
FROM integration_connections AS connection, generate_series(0, %s) AS number
"""
_UNFINISHED = "SELECT count(*) FROM webhook_events WHERE processing_status IN ('pending', 'processing', 'retrying')"


class Storm:
    def __init__(self, hub: ServedHub, data_dir: Path, provider: WireServer) -> None:
        self.hub, self.data_dir = hub, data_dir
        token = hub.manage("create_api_token", "--organization", "demo", "--name", "storm")
        self.headers = {"Authorization": f"Bearer {token}"}
        fields = {"configuration": {"base_url": provider.url}, "credentials": {"api_key": "sk_test_sample_not_a_key"}}
        connection = self.api("POST", "connections/", {**NEW, **fields})["id"]
        self.api("POST", f"connections/{connection}/activate/", {})
        endpoint = self.api("POST", "webhook-endpoints/", {"connection": connection, "webhook_secret": SECRET})
        self.api("PATCH", f"webhook-endpoints/{endpoint['id']}/", {"max_per_minute": 1_000_000})
        self.path = f"/webhooks/{endpoint['id']}/"
        with self.database() as database:
            database.execute(_MAKE_PAYMENTS, [PAYMENTS - 1])

    def api(self, method: str, path: str, body: dict[str, Any]) -> Any:
        url = f"{self.hub.url}/api/v1/{path}"
        answer = requests.request(method, url, json=body, headers=self.headers, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    def database(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Raises psycopg.OperationalError while it is away."""
        host = (self.data_dir / "postgresql" / "postmaster.pid").read_text().splitlines()[4]
        return psycopg.connect(host=host, user="postgres", dbname="hub", autocommit=True)

    def numbers(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.database() as database:
            return database.execute(sql, parameters).fetchall()

    def kill_a_worker(self, kind: str) -> None:
        """One of the processes that a server keeps for the work."""
        found = [one for one in self.hub.descendants() if kind in " ".join(one.cmdline())]
        parents = {one.pid for one in found}
        workers = [one for one in found if one.ppid() in parents]
        assert workers, f"no {kind} worker"
        with suppress(psutil.NoSuchProcess):
            random.choice(workers).send_signal(signal.SIGKILL)

    def empty_redis(self) -> None:
        with redis.Redis(unix_socket_path=str(self.data_dir / "redis" / "redis.sock")) as client:
            client.flushall()

    def restart_postgresql(self) -> None:
        postmaster = int((self.data_dir / "postgresql" / "postmaster.pid").read_text().split()[0])
        process = psutil.Process(postmaster)
        process.send_signal(signal.SIGINT)
        psutil.wait_procs([process], timeout=30)
        self.hub.manage("check")  # starts what is missing

    def rage(self, over: threading.Event) -> None:
        blows = [
            lambda: self.kill_a_worker("granian"),
            self.empty_redis,
            lambda: self.kill_a_worker("celery"),
            self.restart_postgresql,
        ]
        turn = 0
        while not over.wait(1.5):
            blows[turn % len(blows)]()
            turn += 1
        assert turn >= len(blows), "the storm was over before it had begun"

    def until_all_is_done(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        # What a killed worker held is taken up when its lease ends, in two minutes: let them be over.
        self.numbers(
            "UPDATE webhook_events SET next_attempt_at = now() WHERE processing_status <> 'completed' RETURNING 1"
        )
        while self.numbers(_UNFINISHED)[0][0]:
            assert time.monotonic() < deadline, self.hub.output.read_text()[-3000:]
            time.sleep(0.5)


@pytest.fixture
def storm(tmp_path: Path) -> Iterator[Storm]:
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    options = {"HUB_EGRESS_ALLOW": "127.0.0.1", "HUB_WEB_WORKERS": "2", "HUB_WORKER_CONCURRENCY": "2"}
    with WireServer(far_end) as provider, ServedHub(tmp_path, **options) as hub:
        yield Storm(hub, tmp_path, provider)


def far_end(request: WireRequest) -> WireAnswer:
    """Stripe, asked for a payment: it was captured, and 5.00 of it given back."""
    key = request.path.rpartition("/")[2]
    if not key.startswith("pi_storm_"):
        return WireAnswer(200, {"object": "balance"})
    intent = json.loads((EVENTS / "payment_intent.succeeded.json").read_bytes())["data"]["object"]
    charge = json.loads((EVENTS / "charge.refunded__in_part.json").read_bytes())["data"]["object"]
    return WireAnswer(200, {**intent, "id": key, "latest_charge": {**charge, "payment_intent": key}})


def event(kind: str, event_id: str, created: int, **subject: Any) -> bytes:
    payload = json.loads((EVENTS / f"{kind}.json").read_bytes())
    payload["data"]["object"].update(subject)
    return json.dumps({**payload, "id": event_id, "created": created}).encode()


def events_of_payments() -> Iterator[tuple[str, bytes]]:
    kinds = ("payment_intent.processing", "payment_intent.succeeded", "charge.captured", "charge.refunded__in_part")
    for number in range(PAYMENTS):
        for step, kind in enumerate(kinds):
            key = "payment_intent" if kind.startswith("charge") else "id"
            event_id = f"evt_{number}_{step}"
            yield event_id, event(kind, event_id, 1_795_000_000 + step, **{key: f"pi_storm_{number}"})


def letters(path: str) -> list[tuple[str, str, bytes]]:
    """(what it is, event id, request): genuine ones, the same again, and forged ones, shaken together."""
    bodies = list(events_of_payments())
    others = SENT - DUPLICATES - FORGED - len(bodies)
    bodies += [(name, event("customer.created", name, 1_795_000_000)) for name in (f"evt_o_{n}" for n in range(others))]
    genuine = [("genuine", name, post(path, body, {"Stripe-Signature": signature(body)})) for name, body in bodies]
    again = random.sample(genuine, DUPLICATES)
    forged = []
    for _, body in random.sample(bodies, FORGED):
        name = f"evt_forged_{uuid.uuid4().hex}"
        altered = json.dumps({**json.loads(body), "id": name}).encode()
        signed = signature(body) if random.random() < 0.5 else signature(altered, "whsec_of_somebody_else")
        forged.append(("forged", name, post(path, altered, {"Stripe-Signature": signed})))
    shaken = [*genuine, *again, *forged]
    random.shuffle(shaken)
    return shaken


def test_a_storm_loses_nothing_and_applies_nothing_twice(storm: Storm) -> None:
    sent = letters(storm.path)
    sender = start_sending(storm.hub.port, [request for *_, request in sent], connections=32, seconds=SENDING_SECONDS)
    over = threading.Event()
    failures: list[Exception] = []

    def rage() -> None:
        try:
            storm.rage(over)
        except Exception as error:  # noqa: BLE001 - told by the test, not by the thread
            failures.append(error)

    thread = threading.Thread(target=rage)
    thread.start()
    output, _ = sender.communicate(timeout=SENDING_SECONDS + 30)
    over.set()
    thread.join(60)
    assert failures == []
    answers = json.loads(output)["answers"]
    storm.until_all_is_done(180)

    accepted = {name for (kind, name, _), status in zip(sent, answers, strict=True) if status == 200}
    forged = [status for (kind, *_), status in zip(sent, answers, strict=True) if kind == "forged"]
    assert set(forged) == {401}
    assert len(accepted) == SENT - DUPLICATES - FORGED, "every genuine event was accepted in the end"
    rows = storm.numbers("SELECT event_id, count(*), min(processing_status) FROM webhook_events GROUP BY 1")
    assert {name for name, *_ in rows} == accepted
    assert {(count, status) for _, count, status in rows} == {(1, "completed")}
    states = storm.numbers("SELECT status, amount_captured, amount_refunded, count(*) FROM payments GROUP BY 1, 2, 3")
    assert states == [("partially_refunded", Decimal("12.5"), Decimal(5), PAYMENTS)]
    applied = storm.numbers(
        "SELECT payment_id, count(*) FROM payment_operations WHERE kind = 'event' GROUP BY 1 HAVING count(*) <> %s",
        EVENTS_OF_A_PAYMENT,
    )
    assert applied == [], "each event is in its payment's story once"
