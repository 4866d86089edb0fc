"""What is told of the attempts at an event, and what is held and tried again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import Connection, Payment
from tests.factories import PaymentFactory
from webhooks.claim import claim
from webhooks.endpoints import create_endpoint, update_endpoint
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent, default_retry_policy
from webhooks.outcomes import ATTEMPTS_KEPT
from webhooks.replay import replay_event

from .queue_rows import of, queue
from .stripe_sender import event, post

pytestmark = pytest.mark.django_db(transaction=True)

INTENT = "pi_sample"


def receive(endpoint: WebhookEndpoint, body: bytes) -> WebhookEvent:
    assert post(urlsplit(endpoint.webhook_url).path, body).status_code == 200
    return WebhookEvent.objects.latest("pk")


def try_again() -> None:
    WebhookEvent.objects.exclude(next_attempt_at=None).update(next_attempt_at=timezone.now())
    assert drain() == 1


def attempts_of(received: WebhookEvent) -> list[dict[str, Any]]:
    received.refresh_from_db()
    told: list[dict[str, Any]] = received.attempts
    return told


def test_each_attempt_is_told_with_its_time_and_end(endpoint: WebhookEndpoint, connection: Connection) -> None:
    PaymentFactory(connection=connection, provider_reference="")  # one that may turn out to be the event's
    received = receive(endpoint, event())
    drain()
    Payment.objects.update(provider_reference=INTENT)
    try_again()
    failed, completed = attempts_of(received)
    assert (failed["status"], completed["status"]) == ("retrying", "completed")
    assert "not known" in failed["error"]
    assert completed["error"] == ""
    assert "replay" not in completed
    moments = [datetime.fromisoformat(one["at"]) for one in (failed, completed)]
    assert received.received_at < moments[0] < moments[1] < timezone.now()
    assert all(0 <= one["duration_ms"] < 10_000 for one in (failed, completed))


def test_an_attempt_that_was_asked_for_is_told_as_a_replay(endpoint: WebhookEndpoint, connection: Connection) -> None:
    PaymentFactory(connection=connection, provider_reference=INTENT)
    received = receive(endpoint, event())
    drain()
    for _ in range(2):
        replay_event(received)
        drain()
    assert [one.get("replay", False) for one in attempts_of(received)] == [False, True, True]


def test_the_story_keeps_its_end(endpoint: WebhookEndpoint) -> None:
    received = receive(endpoint, event())
    WebhookEvent.objects.update(attempts=[{"status": "completed", "error": str(n)} for n in range(ATTEMPTS_KEPT)])
    replay_event(received)
    drain()
    told = attempts_of(received)
    assert len(told) == ATTEMPTS_KEPT
    assert told[0]["error"] == "1"
    assert told[-1]["replay"]


def test_an_odd_error_is_told_all_the_same(endpoint: WebhookEndpoint, connection: Connection) -> None:
    PaymentFactory(connection=connection, provider_reference=INTENT)
    received = receive(endpoint, event(currency='x"\u0000\ud800'))
    drain()
    (told,) = attempts_of(received)
    assert (received.processing_status, told["status"]) == ("failed", "failed")
    assert told["error"]


def test_telling_of_an_attempt_costs_no_statement_of_its_own(endpoint: WebhookEndpoint) -> None:
    queue(endpoint, 40)
    with CaptureQueriesContext(database) as few:
        drain()
    queue(endpoint, 40, subject="one and the same")
    with CaptureQueriesContext(database) as again:
        drain()
    assert len(few) < 20
    assert len(again) <= len(few) + 1


def test_events_of_a_paused_endpoint_are_held_and_cost_nothing(
    endpoint: WebhookEndpoint, connection: Connection
) -> None:
    payment = PaymentFactory(connection=connection, provider_reference=INTENT)
    received = receive(endpoint, event())
    WebhookEndpoint.objects.update(is_paused=True)
    queue(endpoint, 200)
    assert drain() == 0
    assert not claim(50)
    payment.refresh_from_db()
    received.refresh_from_db()
    assert payment.status == Payment.Status.PENDING
    assert (received.processing_status, received.retry_count, received.attempts) == ("pending", 0, [])
    WebhookEndpoint.objects.update(is_paused=False)
    assert drain() == 0
    WebhookEvent.objects.filter(next_attempt_at=None, processing_status="pending").update(
        next_attempt_at=timezone.now()
    )
    assert drain() == 201
    payment.refresh_from_db()
    assert payment.status == Payment.Status.CAPTURED


def test_a_pause_of_one_endpoint_holds_no_other(endpoint: WebhookEndpoint, connection: Connection) -> None:
    other = create_endpoint(connection)[0]
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(is_paused=True)
    queue(endpoint, 300)
    queue(other, 20)
    WebhookEvent.objects.filter(webhook_endpoint=other).update(next_attempt_at=timezone.now())
    drain()
    assert (of(endpoint, "completed"), of(other, "completed")) == (0, 20)


def test_the_default_policy_spans_about_a_day() -> None:
    policy = default_retry_policy()
    pauses = [
        min(policy["max_seconds"], policy["initial_seconds"] * policy["factor"] ** retry)
        for retry in range(policy["max_retries"])
    ]
    assert len(pauses) + 1 == 8, "the first attempt needs no pause"
    assert timedelta(hours=23) < timedelta(seconds=sum(pauses)) < timedelta(hours=25)


def test_with_no_tries_left_it_rests_as_failed_and_tells_why(endpoint: WebhookEndpoint, connection: Connection) -> None:
    update_endpoint(endpoint, retry_policy={"max_retries": 1})
    PaymentFactory(connection=connection, provider_reference="")
    received = receive(endpoint, event())
    drain()
    try_again()
    told = attempts_of(received)
    assert [one["status"] for one in told] == ["retrying", "failed"]
    assert received.processing_status == "failed"
    assert told[1]["error"] == received.error_message != ""


def test_one_event_that_fails_takes_no_other_with_it(endpoint: WebhookEndpoint, connection: Connection) -> None:
    for number in range(6):
        PaymentFactory(connection=connection, provider_reference=f"pi_{number}")
        receive(endpoint, event(id=f"pi_{number}", **({"currency": "usd"} if number == 3 else {})))
    drain()
    assert Payment.objects.filter(status="captured").count() == 5
    assert (of(endpoint, "completed"), of(endpoint, "failed")) == (5, 1)


def test_what_the_database_refuses_of_one_payment_leaves_the_others_of_the_batch(
    endpoint: WebhookEndpoint, connection: Connection
) -> None:
    with database.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE payments ADD CONSTRAINT odd CHECK (provider_reference <> 'pi_3' OR status = 'pending')"
        )
    try:
        for number in range(6):
            PaymentFactory(connection=connection, provider_reference=f"pi_{number}")
            receive(endpoint, event(id=f"pi_{number}"))
        drain()
        assert Payment.objects.filter(status="captured").count() == 5
        assert (of(endpoint, "completed"), of(endpoint, "retrying")) == (5, 1)
    finally:
        with database.cursor() as cursor:
            cursor.execute("ALTER TABLE payments DROP CONSTRAINT odd")
