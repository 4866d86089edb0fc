"""Workers at once, workers that die, receivers that hang: nothing is lost, nobody starves, bounds are kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import redis
from django.conf import settings
from django.db import connection as database
from django.utils import timezone

from tests.served import ROOT
from tests.wire import WireAnswer, WireRequest
from webhooks.forward.destinations import (
    create_destination,
    delete_destination,
    disable_destination,
    update_destination,
)
from webhooks.forward.drain import drain
from webhooks.forward.queue import LEASE_SECONDS, claim
from webhooks.models import WebhookDelivery, WebhookDestination, WebhookEndpoint
from webhooks.tasks import drain_deliveries, sweep_deliveries

from .arrivals import make_due, plant_deliveries
from .receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def work(taken: list[int]) -> threading.Thread:
    def run() -> None:
        try:
            taken.append(drain())
        finally:
            database.close()

    worker = threading.Thread(target=run)
    worker.start()
    return worker


def within(seconds: float, condition: Any) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def delivered() -> int:
    return WebhookDelivery.objects.filter(status="delivered").count()


def test_workers_at_once_send_each_delivery_once(endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    for _ in range(3):
        destination, _ = create_destination(endpoint.organization, url=receiver.url)
        plant_deliveries(endpoint, destination, 30)
    taken: list[int] = []
    for worker in [work(taken) for _ in range(3)]:
        worker.join(30)
    drain()
    assert set(Counter(receiver.ids).values()) == {1}
    assert len(receiver.ids) == delivered() == 90
    assert not WebhookDestination.objects.exclude(sender=None).exists()
    assert set(WebhookDestination.objects.values_list("delivered_count", flat=True)) == {30}


def test_a_killed_worker_s_deliveries_are_taken_up(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    plant_deliveries(endpoint, destination, 3)
    given = urlsplit(os.environ["DATABASE_URL"])
    environment = {
        **os.environ, "DATABASE_URL": f"postgresql://{given.netloc}/{database.settings_dict['NAME']}?{given.query}",
        "HUB_EGRESS_ALLOW": "127.0.0.0/8", "DJANGO_SETTINGS_MODULE": "config.settings",
    }  # fmt: skip
    program = "import django; django.setup(); from webhooks.forward.drain import drain; drain()"
    receiver.answers = WireAnswer(204, delay_seconds=20)
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=environment)
    within(30, lambda: len(receiver.requests) == 3)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert drain() == 0, "its lease is not over"
    lease = WebhookDelivery.objects.latest("pk").next_attempt_at
    assert lease is not None
    assert timedelta(0) < lease - timezone.now() <= timedelta(seconds=LEASE_SECONDS)
    make_due()
    receiver.answers = 204
    assert drain() == 3
    assert delivered() == 3
    assert set(Counter(receiver.ids).values()) == {2}


def test_a_worker_that_lost_its_lease_concludes_nothing(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    plant_deliveries(endpoint, destination, 1)
    may_answer = threading.Event()

    def first_is_slow(request: WireRequest) -> int:
        if len(receiver.requests) == 1:
            may_answer.wait(10)
            return 500
        return 204

    receiver.answers = first_is_slow
    slow = work([])
    within(10, lambda: receiver.requests)
    make_due()
    assert drain() == 1
    may_answer.set()
    slow.join(20)
    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.attempt, delivery.attempts.count()) == ("delivered", 1, 1)


def test_one_that_hangs_holds_up_nobody_else(endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    with Receiver(WireAnswer(204, delay_seconds=30)) as hanging:
        stuck, _ = create_destination(endpoint.organization, url=hanging.url, max_concurrency=4)
        plant_deliveries(endpoint, stuck, 40)
        quick, _ = create_destination(endpoint.organization, url=receiver.url)
        plant_deliveries(endpoint, quick, 20)
        worker = work([])
        within(5, lambda: quick.deliveries.filter(status="delivered").count() == 20)
        later = plant_deliveries(endpoint, quick, 5)
        within(3, lambda: delivered() == 25)
        assert hanging.most_at_once == 4
        assert later[0].destination == quick
        disable_destination(stuck)
        hanging.__exit__()
        worker.join(20)
    assert not worker.is_alive()


def test_no_more_are_under_way_than_a_destination_wants(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    update_destination(destination, max_concurrency=3)
    plant_deliveries(endpoint, destination, 24)
    receiver.answers = WireAnswer(204, delay_seconds=0.03)
    taken: list[int] = []
    for worker in [work(taken) for _ in range(2)]:
        worker.join(30)
    assert delivered() == 24
    assert receiver.most_at_once == 3


def test_no_more_are_sent_a_second_than_a_destination_wants(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    update_destination(destination, max_per_second=10)
    plant_deliveries(endpoint, destination, 16)
    for seconds in (0.8, 0.8, 30):
        drain(seconds=seconds)
    assert delivered() == 16
    for first, eleventh in zip(receiver.times, receiver.times[11:], strict=False):
        assert eleventh - first > 0.97


def test_in_order_each_waits_for_the_one_before(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    update_destination(destination, is_ordered=True)
    planted = plant_deliveries(endpoint, destination, 40)
    failing = str(planted[2].pk)
    receiver.answers = lambda request: 500 if request.headers["webhook-id"] == failing else 204
    drain()
    assert receiver.ids == [str(one.pk) for one in planted[:3]]
    assert drain() == 0, "it holds up the rest"
    receiver.answers = 204
    make_due()
    taken: list[int] = []
    for worker in [work(taken) for _ in range(2)]:
        worker.join(30)
    assert receiver.ids == [str(one.pk) for one in (*planted[:3], *planted[2:])]
    assert receiver.most_at_once == 1


def test_in_order_one_that_is_given_up_lets_the_rest_pass(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    update_destination(destination, is_ordered=True, retry_policy={"schedule": []})
    planted = plant_deliveries(endpoint, destination, 3)
    receiver.answers = lambda request: 500 if request.headers["webhook-id"] == str(planted[0].pk) else 204
    drain()
    drain()
    assert [one.status for one in WebhookDelivery.objects.order_by("pk")] == ["failed", "delivered", "delivered"]


def test_connections_are_kept_alive(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    update_destination(destination, max_concurrency=2)
    plant_deliveries(endpoint, destination, 30)
    drain()
    assert len(receiver.requests) == 30
    assert receiver._server.connections <= 3


def test_a_claim_leaves_alone_what_another_worker_serves(
    endpoint: WebhookEndpoint, destination: WebhookDestination
) -> None:
    first = plant_deliveries(endpoint, destination, 3)
    assert [one.pk for one in claim(uuid4())] == [one.pk for one in first]
    plant_deliveries(endpoint, destination, 3)
    assert claim(uuid4()) == []
    make_due()
    assert len(claim(uuid4())) == 6


def test_a_destination_deleted_meanwhile_takes_its_deliveries_along(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    plant_deliveries(endpoint, destination, 12)
    receiver.answers = WireAnswer(204, delay_seconds=0.4)
    taken: list[int] = []
    worker = work(taken)
    within(10, lambda: receiver.requests)
    delete_destination(destination)
    worker.join(20)
    assert taken
    assert not WebhookDelivery.objects.exists()


def test_an_event_wakes_the_worker_of_its_own_queue(destination: WebhookDestination, arrive: Any) -> None:
    def waiting() -> list[str]:
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            messages: Any = client.lrange("forward", 0, -1)
        return [json.loads(message)["headers"]["task"] for message in messages]

    arrive()
    within(3, lambda: "webhooks.tasks.drain_deliveries" in waiting())
    assert drain_deliveries() == 1
    assert sweep_deliveries() == 0
