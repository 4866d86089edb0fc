"""No organization holds up another: not by how much it is sent, and not by a provider that hangs."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection as database
from django.utils import timezone

from integrations.circuit import circuits
from integrations.models import Connection, Payment
from tests.factories import ConnectionFactory, PaymentFactory
from tests.operations.stripe_wire import StripeWire, stripe_wire
from tests.wire import WireRequest
from webhooks import claim as claims
from webhooks.claim import claim, give_back
from webhooks.endpoints import create_endpoint
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent
from webhooks.slow_lanes import LANES_OF_ONE, crowded

from .queue_rows import of, queue
from .stripe_sender import SECRET, event, post

pytestmark = pytest.mark.django_db(transaction=True)

WITHOUT_STATE = "charge.refunded__before_2025_03_31"  # the payment has to be fetched


def make_endpoint() -> WebhookEndpoint:
    """Of an organization of its own."""
    connection = ConnectionFactory(credentials={"api_key": "sk_test_sample_not_a_key"})
    return create_endpoint(connection, webhook_secret=SECRET)[0]


def shares(limit: int, **options: Any) -> Counter[Any]:
    taken = [one.id for one in claim(limit, **options)]
    return Counter(WebhookEvent.objects.filter(pk__in=taken).values_list("webhook_endpoint", flat=True))


def test_a_batch_is_shared_evenly_whatever_the_backlog_of_one() -> None:
    flooded, small, other = (make_endpoint() for _ in range(3))
    queue(flooded, 500)
    queue(small, 40)
    queue(other, 40)
    assert shares(30) == {flooded.pk: 10, small.pk: 10, other.pk: 10}


def test_what_one_leaves_of_its_share_goes_to_the_others() -> None:
    flooded, small = make_endpoint(), make_endpoint()
    queue(flooded, 100)
    queue(small, 2)
    assert shares(20) == {flooded.pk: 18, small.pk: 2}


def test_with_more_organizations_than_a_batch_has_room_for_none_is_always_left_out() -> None:
    endpoints = [make_endpoint() for _ in range(8)]
    for endpoint in endpoints:
        queue(endpoint, 60)
    served: Counter[Any] = Counter()
    for _ in range(24):
        served += shares(4)
    assert served.keys() == {endpoint.pk for endpoint in endpoints}
    assert sum(served.values()) == 96


def test_ten_events_beside_a_flood_of_twenty_thousand_are_done_at_once() -> None:
    flooded, small = make_endpoint(), make_endpoint()
    queue(flooded, 20_000)
    drain(seconds=0.5)
    queue(small, 10)
    taken = drain(seconds=1)
    assert of(small, "completed") == 10
    assert taken < 5_000
    assert of(flooded, "pending") > 10_000


def blocks(limit: int) -> int:
    """How many pages of the database a look for candidates reads."""
    with database.cursor() as cursor:
        cursor.execute(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + claims._CANDIDATES,
            {"limit": limit, "without": [], "spare": claims._SPARE},
        )
        (plan,) = cursor.fetchone()
    top = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])


def test_a_claim_costs_the_same_however_long_the_queue_is() -> None:
    endpoints = [make_endpoint() for _ in range(3)]
    for endpoint in endpoints:
        queue(endpoint, 100)
    with database.cursor() as cursor:
        cursor.execute("ANALYZE webhook_events")
    blocks(20)
    short = blocks(20)
    queue(endpoints[0], 20_000)
    with database.cursor() as cursor:
        cursor.execute("ANALYZE webhook_events")
    blocks(20)
    assert blocks(20) < 2 * short


def test_what_was_given_back_is_due_again_and_counts_as_no_try() -> None:
    endpoint = make_endpoint()
    queue(endpoint, 1)
    give_back(claim(1), seconds=0)
    stored = WebhookEvent.objects.get()
    assert (stored.processing_status, stored.retry_count) == ("pending", 0)
    give_back(claim(1), seconds=60)
    assert not claim(1)


def test_what_somebody_else_holds_by_now_is_not_given_back() -> None:
    queue(make_endpoint(), 1)
    mine = claim(1)
    WebhookEvent.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    theirs = claim(1)
    give_back(mine, seconds=0)
    assert WebhookEvent.objects.get().next_attempt_at == theirs[0].lease_ends


class Hanging:
    """A provider that answers nobody until it may."""

    def __init__(self, wire: StripeWire, endpoint: WebhookEndpoint) -> None:
        self.endpoint, self.wire = endpoint, wire
        self.may_answer = threading.Event()
        self.at_once = self.most = 0
        wire.override = self._wait

    def _wait(self, request: WireRequest) -> None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.may_answer.wait(10)
        self.at_once -= 1

    def send(self, count: int) -> None:
        for number in range(count):
            key = f"pi_hangs_{number}"
            PaymentFactory(connection=self.endpoint.connection, provider_reference=key)
            charge = {"object": "charge", "amount_refunded": 625, "disputed": False}
            self.wire.intents[key] = {
                "id": key, "object": "payment_intent", "amount": 1250, "amount_received": 1250, "currency": "aed",
                "status": "succeeded", "latest_charge": charge,
            }  # fmt: skip
            answer = post(urlsplit(self.endpoint.webhook_url).path, event(WITHOUT_STATE, payment_intent=key))
            assert answer.status_code == 200, answer.content


@pytest.fixture
def hanging(settings: Any) -> Iterator[Hanging]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with stripe_wire() as wire:
        endpoint = make_endpoint()
        connection: Connection = endpoint.connection
        connection.configuration = {"base_url": wire.url}
        connection.save()
        provider = Hanging(wire, endpoint)
        yield provider
        provider.may_answer.set()


def test_a_provider_that_hangs_holds_up_nobody_else(hanging: Hanging) -> None:
    hanging.send(12)
    small = make_endpoint()
    payments = [PaymentFactory(connection=small.connection, provider_reference=f"pi_{n}") for n in range(10)]
    for payment in payments:
        post(urlsplit(small.webhook_url).path, event(id=payment.provider_reference))
    drain(seconds=1)
    assert of(small, "completed") == 10
    assert Payment.objects.filter(status="captured").count() == 10
    assert crowded() == {hanging.endpoint.organization_id}
    later = PaymentFactory(connection=small.connection, provider_reference="pi_later")
    post(urlsplit(small.webhook_url).path, event(id=later.provider_reference))
    assert drain(seconds=1) == 1
    assert of(small, "completed") == 11
    assert 1 <= hanging.most <= LANES_OF_ONE
    hanging.may_answer.set()
    while of(hanging.endpoint, "processing"):
        time.sleep(0.02)
    assert of(hanging.endpoint, "completed") == 12
    assert Payment.objects.filter(amount_refunded="6.25").count() == 12
    assert not crowded()


def test_an_open_circuit_is_waited_for(hanging: Hanging, settings: Any) -> None:
    connection = hanging.endpoint.connection
    connection.configuration = {"base_url": "http://127.0.0.1:9"}
    connection.save()
    hanging.send(8)
    for _ in range(10):  # failures that fall into a moment in which Redis is slow are not counted
        drain(seconds=20)
        statuses = Counter(WebhookEvent.objects.values_list("processing_status", flat=True))
        assert statuses == {"retrying": 8}, "whether they could not connect or were not let through"
        if circuits([connection.pk])[connection.pk].opened_at is not None:
            break
        time.sleep(0.3)
        WebhookEvent.objects.update(next_attempt_at=timezone.now())
    else:
        pytest.fail("the circuit stayed closed")
