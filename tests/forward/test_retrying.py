"""What fails is sent again, later and later, until it is given up; who fails for days is switched off."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from django.utils import timezone

from integrations.errors import Conflict
from monitoring.models import AuditLog
from tests.wire import WireAnswer
from webhooks import signals
from webhooks.forward.deliveries import retry_deliveries, retry_delivery
from webhooks.forward.destinations import (
    create_destination,
    disable_destination,
    enable_destination,
    send_test,
    update_destination,
)
from webhooks.forward.drain import drain
from webhooks.models import WebhookDelivery, WebhookDeliveryAttempt, WebhookDestination, WebhookEndpoint

from .arrivals import make_due, plant_deliveries
from .receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)

SCHEDULE = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]


@pytest.fixture
def delivery(endpoint: WebhookEndpoint, destination: WebhookDestination) -> WebhookDelivery:
    return plant_deliveries(endpoint, destination, 1)[0]


def wait_of(delivery: WebhookDelivery) -> float:
    delivery.refresh_from_db()
    assert delivery.status == "retrying"
    assert delivery.next_attempt_at is not None
    return (delivery.next_attempt_at - timezone.now()).total_seconds()


def test_a_failure_is_tried_again_at_the_documented_times(delivery: WebhookDelivery, receiver: Receiver) -> None:
    receiver.answers = WireAnswer(500, b"no room")
    for tries, seconds in enumerate(SCHEDULE, start=1):
        assert drain() == 1
        assert seconds - 3 < wait_of(delivery) <= seconds * 1.05
        assert (delivery.attempt, delivery.response_status, delivery.response_body) == (tries, 500, "no room")
        assert drain() == 0
        make_due()
    assert drain() == 1
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempt, delivery.next_attempt_at) == ("failed", 10, None)
    assert drain() == 0
    assert set(receiver.ids) == {str(delivery.pk)}, "the message keeps its id"
    assert list(delivery.attempts.values_list("number", flat=True)) == list(range(1, 11))
    delivery.destination.refresh_from_db()
    assert (delivery.destination.delivered_count, delivery.destination.failed_count) == (0, 1)


@pytest.mark.parametrize("status", [301, 302, 304, 400, 401, 404, 409, 422, 429, 500, 502, 503, 504])
def test_whatever_is_not_a_success_is_tried_again(status: int, delivery: WebhookDelivery, receiver: Receiver) -> None:
    receiver.answers = WireAnswer(status, b"", {"Location": f"{receiver.url}/elsewhere"})
    drain()
    assert wait_of(delivery) > 0
    assert delivery.response_status == status
    assert str(status) in delivery.error
    assert len(receiver.requests) == 1, "a redirect is not followed"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_success(status: int, delivery: WebhookDelivery, receiver: Receiver) -> None:
    receiver.answers = status
    drain()
    delivery.refresh_from_db()
    assert (delivery.status, delivery.response_status, delivery.error) == ("delivered", status, "")


@pytest.mark.parametrize("as_date", [False, True])
@pytest.mark.parametrize("status", [429, 503, 500])
def test_retry_after_is_obeyed(as_date: bool, status: int, delivery: WebhookDelivery, receiver: Receiver) -> None:
    at = datetime.now(UTC) + timedelta(seconds=900)
    receiver.answers = WireAnswer(status, b"", {"Retry-After": format_datetime(at, usegmt=True) if as_date else "900"})
    drain()
    assert 890 < wait_of(delivery) <= 901


def test_one_that_asks_to_slow_down_is_sent_nothing_meanwhile(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    update_destination(destination, max_concurrency=1)
    plant_deliveries(endpoint, destination, 3)
    receiver.answers = WireAnswer(429, b"", {"Retry-After": "60"})
    drain()
    assert len(receiver.requests) == 1
    assert drain() == 0
    receiver.answers = 204
    make_due()
    drain()
    assert WebhookDelivery.objects.filter(status="delivered").count() == 3


def test_a_receiver_that_cannot_be_reached_is_tried_again(delivery: WebhookDelivery) -> None:
    WebhookDestination.objects.update(url="http://127.0.0.1:9/hooks")
    drain()
    assert wait_of(delivery) > 0
    assert delivery.error == "The connection to the receiver was refused."
    assert delivery.response_status is None


def test_an_address_inside_a_network_is_refused(delivery: WebhookDelivery, receiver: Receiver, settings: Any) -> None:
    settings.EGRESS_ALLOW = []
    drain()
    assert wait_of(delivery) > 0
    assert "https" in delivery.error
    WebhookDestination.objects.update(url="https://127.0.0.1/hooks")
    make_due()
    drain()
    delivery.refresh_from_db()
    assert "inside a network" in delivery.error
    assert receiver.requests == []


def test_own_schedules_are_kept(endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver) -> None:
    update_destination(destination, retry_policy={"schedule": [60]})
    receiver.answers = 500
    (delivery,) = plant_deliveries(endpoint, destination, 1)
    drain()
    assert 57 < wait_of(delivery) <= 63
    make_due()
    drain()
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempt) == ("failed", 2)


def test_410_switches_the_destination_off_and_holds_the_rest(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    update_destination(destination, max_concurrency=1)
    plant_deliveries(endpoint, destination, 3)
    receiver.answers = 410
    with caplog.at_level(logging.WARNING):
        assert drain() == 1
    destination.refresh_from_db()
    assert (destination.is_active, destination.disabled_reason) == (False, "gone")
    assert sorted(WebhookDelivery.objects.values_list("status", flat=True)) == ["failed", "held", "held"]
    assert "410 Gone" in caplog.text
    assert receiver.url not in caplog.text
    entry = AuditLog.objects.get(action="webhook_destination.disabled")
    assert entry.changes["reason"] == "gone"
    assert drain() == 0


def failing_since(destination: WebhookDestination, **ago: float) -> None:
    WebhookDestination.objects.filter(pk=destination.pk).update(failing_since=timezone.now() - timedelta(**ago))


def warned(destination: WebhookDestination, **ago: float) -> None:
    WebhookDestination.objects.filter(pk=destination.pk).update(warned_at=timezone.now() - timedelta(**ago))


def test_five_days_of_nothing_but_failure_switch_it_off_after_a_warning(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    told: list[str] = []

    def failing(**kwargs: Any) -> None:
        told.append("failing")

    def disabled(reason: str, **kwargs: Any) -> None:
        told.append(reason)

    signals.destination_failing.connect(failing)
    signals.destination_disabled.connect(disabled)
    receiver.answers = 500
    plant_deliveries(endpoint, destination, 1)
    for ago, expected in (({}, []), ({"hours": 59}, []), ({"hours": 61}, ["failing"]), ({"hours": 119}, ["failing"])):
        if ago:
            failing_since(destination, **ago)
        drain()
        make_due()
        assert told == expected
        destination.refresh_from_db()
        assert destination.is_active
    failing_since(destination, hours=121)
    warned(destination, hours=60)
    drain()
    destination.refresh_from_db()
    assert told == ["failing", "failing"]
    assert (destination.is_active, destination.disabled_reason) == (False, "failing")
    assert WebhookDelivery.objects.get().status in ("held", "retrying")
    assert AuditLog.objects.filter(action="webhook_destination.failing").count() == 1


def test_one_that_is_seldom_sent_anything_is_warned_of_before_it_is_switched_off(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    """It failed once, a month ago, and not a message has come since."""
    receiver.answers = 500
    failing_since(destination, days=30)
    plant_deliveries(endpoint, destination, 1)
    drain()
    make_due()
    drain()
    destination.refresh_from_db()
    assert destination.is_active
    assert destination.warned_at is not None
    warned(destination, days=1, seconds=1)
    make_due()
    drain()
    destination.refresh_from_db()
    assert (destination.is_active, destination.disabled_reason) == (False, "failing")


def test_one_success_ends_the_failure(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver
) -> None:
    failing_since(destination, days=6)
    plant_deliveries(endpoint, destination, 1)
    drain()
    destination.refresh_from_db()
    assert (destination.is_active, destination.failing_since) == (True, None)


def test_what_fell_due_while_it_was_off_is_held_and_sent_when_asked(
    endpoint: WebhookEndpoint, destination: WebhookDestination, receiver: Receiver, arrive: Callable[..., Any]
) -> None:
    plant_deliveries(endpoint, destination, 1)
    disable_destination(destination)
    arrive()
    assert list(WebhookDelivery.objects.values_list("status", flat=True)) == ["held", "held"]
    assert drain() == 0
    with pytest.raises(Conflict):
        retry_delivery(WebhookDelivery.objects.latest("pk"))
    enable_destination(destination)
    assert drain() == 0
    assert retry_deliveries(destination.organization, WebhookDelivery.objects.all()) == 2
    assert drain() == 2


def test_a_delivery_is_sent_again_by_hand_under_its_own_id(delivery: WebhookDelivery, receiver: Receiver) -> None:
    drain()
    retry_delivery(delivery)
    assert drain() == 1
    assert receiver.ids == [str(delivery.pk)] * 2
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempt) == ("delivered", 2)
    assert AuditLog.objects.filter(action="webhook_delivery.retried").count() == 1


def test_a_manual_retry_begins_the_schedule_anew(delivery: WebhookDelivery, receiver: Receiver) -> None:
    receiver.answers = 500
    WebhookDelivery.objects.update(status="failed", attempt=10, tries=10, next_attempt_at=None)
    retry_delivery(delivery)
    drain()
    assert 2 < wait_of(delivery) <= 5.25
    assert delivery.attempt == 11


def test_a_test_is_sent_at_once_even_to_one_that_is_off_and_counts_for_nothing(
    destination: WebhookDestination, receiver: Receiver
) -> None:
    disable_destination(destination)
    sent = send_test(destination)
    assert (sent.status, sent.response_status, sent.event_id) == ("delivered", 204, None)
    told = receiver.verified(str(destination.signing_secret.reveal()))
    assert (told["type"], told["is_test"]) == ("hub.test", True)
    receiver.answers = 410
    assert send_test(destination).status == "failed"
    destination.refresh_from_db()
    assert (destination.delivered_count, destination.failed_count, destination.disabled_reason) == (0, 0, "by_hand")
    with pytest.raises(Conflict):
        retry_delivery(sent)


def test_an_event_that_can_no_longer_be_read_fails_without_blaming_the_receiver(
    delivery: WebhookDelivery, receiver: Receiver
) -> None:
    type(delivery.event).objects.update(raw_body=b"not JSON")
    drain()
    delivery.refresh_from_db()
    assert (delivery.status, delivery.error) == ("failed", "The body is neither JSON nor a form.")
    assert receiver.requests == []
    delivery.destination.refresh_from_db()
    assert delivery.destination.failing_since is None


def test_an_answer_is_kept_cut_and_without_secrets(
    endpoint: WebhookEndpoint, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    destination, secret = create_destination(
        endpoint.organization, url=receiver.url, headers={"X-Own": "canary-0-yellow"}
    )
    plant_deliveries(endpoint, destination, 1)
    echo = f"{secret} canary-0-yellow sk_test_sample_not_a_key ".encode() + b"x" * 300_000
    receiver.answers = WireAnswer(500, echo, {"Content-Type": "text/plain", "X-Echo": secret, "Set-Cookie": "a=b"})
    with caplog.at_level(logging.DEBUG):
        drain()
    attempt = WebhookDeliveryAttempt.objects.get()
    kept = f"{attempt.response_body} {attempt.response_headers} {WebhookDelivery.objects.get().response_body}"
    for hidden in (secret, "canary", "sk_test", "a=b"):
        assert hidden not in kept
        assert hidden not in caplog.text
    assert len(attempt.response_body) <= 4096
    assert attempt.response_headers["content-type"] == "text/plain"
