"""From an event that is completed to a message that its receiver can verify."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from standardwebhooks import WebhookVerificationError

from tests.webhooks.conftest import outside_providers as outside_providers
from tests.webhooks.outside import connect, deliver
from webhooks.forward.destinations import create_destination, rotate_secret, update_destination
from webhooks.forward.drain import drain
from webhooks.inbox import drain as drain_inbox
from webhooks.models import WebhookDelivery, WebhookDestination, WebhookEndpoint, WebhookEvent
from webhooks.replay import replay_event

from .arrivals import endpoint_of
from .receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)

Arrive = Callable[..., WebhookEvent]


def secret_of(destination: WebhookDestination) -> str:
    destination.refresh_from_db()
    return str(destination.signing_secret.reveal())


def test_a_receiver_verifies_what_it_is_told(
    destination: WebhookDestination, receiver: Receiver, arrive: Arrive
) -> None:
    event = arrive()
    assert drain() == 1
    told = receiver.verified(secret_of(destination))
    assert (told["type"], told["provider"], told["is_test"]) == ("payment.succeeded", "stripe", False)
    assert told["organization"] == str(event.organization_id)
    assert told["subject"] == "pi_sample"
    assert "client_secret" not in json.dumps(told)
    delivery = WebhookDelivery.objects.get()
    assert receiver.ids == [str(delivery.pk)]
    assert (delivery.status, delivery.response_status, delivery.attempt) == ("delivered", 204, 1)
    destination.refresh_from_db()
    assert (destination.delivered_count, destination.failed_count) == (1, 0)
    assert destination.last_delivered_at == delivery.delivered_at
    assert drain() == 0


def test_the_raw_form_is_the_provider_s_own_bytes(
    receiver: Receiver, arrive: Arrive, endpoint: WebhookEndpoint
) -> None:
    destination, secret = create_destination(endpoint.organization, url=receiver.url, form="raw")
    event = arrive()
    drain()
    receiver.verified(secret)
    request = receiver.requests[0]
    assert request.body == bytes(event.raw_body or b"")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["hub-event-type"] == "payment_intent.succeeded"
    assert request.headers["hub-event-id"] == event.event_id
    assert request.headers["hub-provider"] == "stripe"
    assert WebhookDelivery.objects.get().destination == destination


def test_the_raw_form_has_the_headers_in_which_the_provider_names_its_events(
    receiver: Receiver, outside_providers: None
) -> None:
    endpoint = connect("outside_headers")
    create_destination(endpoint.organization, url=receiver.url, form="raw")
    named = {"x-outside-event": "push", "x-outside-delivery": "d-1"}
    assert deliver(endpoint, b"{}", headers=named).status_code == 200
    assert drain_inbox() == 1
    assert drain() == 1
    sent = receiver.requests[0].headers
    assert {name: sent[name] for name in named} == named
    assert "x-outside-signature" not in sent


FILTERS = [
    ({}, ["payment.succeeded", "payment.captured"]),
    ({"event_types": ["payment.*"]}, ["payment.succeeded", "payment.captured"]),
    ({"event_types": ["payment.captured"]}, ["payment.captured"]),
    ({"event_types": ["shipping.*"]}, []),
    ({"event_types": ["*"]}, ["payment.succeeded", "payment.captured"]),
    ({"event_types": ["unknown"]}, ["unknown"]),
    ({"provider_event_types": ["charge.*"]}, ["payment.captured"]),
    ({"provider_event_types": ["charge.captured", "customer.created"]}, ["payment.captured"]),
    ({"provider_types": ["payment"]}, ["payment.succeeded", "payment.captured"]),
    ({"provider_types": ["shipping"]}, []),
    ({"form": "raw"}, ["charge.captured", "customer.created", "payment_intent.succeeded"]),
    ({"form": "raw", "event_types": ["payment.captured"]}, ["charge.captured"]),
]  # fmt: skip


@pytest.mark.parametrize(("filters", "expected"), FILTERS, ids=str)
def test_an_event_goes_where_it_fits(
    filters: dict[str, object], expected: list[str], receiver: Receiver, arrive: Arrive, endpoint: WebhookEndpoint
) -> None:
    create_destination(endpoint.organization, url=receiver.url, **filters)
    arrive()
    arrive("charge.captured", payment_intent="pi_sample")
    arrive("customer.created")
    made = WebhookDelivery.objects.order_by("event_type").values_list("event_type", flat=True)
    assert sorted(made) == sorted(expected)


def test_a_destination_of_one_connection_gets_that_one_s_events_alone(
    receiver: Receiver, arrive: Arrive, endpoint: WebhookEndpoint
) -> None:
    another = endpoint_of(endpoint.organization).connection
    create_destination(endpoint.organization, url=receiver.url, connection=another)
    arrive()
    assert not WebhookDelivery.objects.exists()
    create_destination(endpoint.organization, url=receiver.url, connection=endpoint.connection)
    arrive()
    assert WebhookDelivery.objects.count() == 1


def test_another_organization_s_events_go_nowhere_of_ours(
    destination: WebhookDestination, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    from tests.factories import OrganizationFactory

    from .arrivals import arrive

    arrive(endpoint_of(OrganizationFactory()))
    assert drain() == 0
    assert not WebhookDelivery.objects.exists()


def test_a_replayed_event_is_not_delivered_again(
    destination: WebhookDestination, receiver: Receiver, arrive: Arrive
) -> None:
    event = arrive()
    drain()
    replay_event(event)
    assert drain_inbox() == 1
    assert drain() == 0
    assert len(receiver.requests) == WebhookDelivery.objects.count() == 1


def test_during_a_rotation_both_secrets_sign(
    destination: WebhookDestination, receiver: Receiver, arrive: Arrive
) -> None:
    old = secret_of(destination)
    _, new = rotate_secret(destination)
    arrive()
    drain()
    assert receiver.requests[0].headers["webhook-signature"].count("v1,") == 2
    assert receiver.verified(old)["type"] == receiver.verified(new)["type"] == "payment.succeeded"
    WebhookDestination.objects.update(previous_secret_expires_at="2026-01-01T00:00:00Z")
    arrive()
    drain()
    receiver.verified(new)
    with pytest.raises(WebhookVerificationError):
        receiver.verified(old)


def test_a_destination_s_own_headers_go_along(
    destination: WebhookDestination, receiver: Receiver, arrive: Arrive
) -> None:
    update_destination(destination, headers={"Authorization": "Bearer canary-not-a-token", "X-Shop": "Dubai"})
    arrive()
    drain()
    assert receiver.requests[0].headers["authorization"] == "Bearer canary-not-a-token"
    assert receiver.requests[0].headers["x-shop"] == "Dubai"
    destination.refresh_from_db()
    assert destination.header_names == ["authorization", "x-shop"]
    assert "canary" not in str(WebhookDestination.objects.values("headers").get())


def test_an_event_that_says_two_things_makes_two_deliveries(
    destination: WebhookDestination, receiver: Receiver, arrive: Arrive
) -> None:
    from integrations.providers.events import EventType, NormalizedEvent
    from webhooks.forward.fan_out import fan_out

    event = arrive("customer.created")
    assert not WebhookDelivery.objects.exists()
    two = [NormalizedEvent(EventType.PAYMENT_CAPTURED, "pi_1"), NormalizedEvent(EventType.PAYMENT_REFUNDED, "pi_2")]
    for _ in range(2):
        fan_out(WebhookEvent.objects.get(pk=event.pk), two)
    made = WebhookDelivery.objects.order_by("event_index").values_list("event_index", "event_type")
    assert list(made) == [(0, "payment.captured"), (1, "payment.refunded")]


def test_an_organization_without_destinations_pays_nothing(
    arrive: Arrive, django_assert_num_queries: Callable[..., object]
) -> None:
    from webhooks.forward.fan_out import fan_out

    event = WebhookEvent.objects.select_related("webhook_endpoint__connection").get(pk=arrive().pk)
    with django_assert_num_queries(0):  # type: ignore[attr-defined]
        fan_out(event, [])
