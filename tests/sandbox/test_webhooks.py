from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from integrations.errors import SignatureRefused
from integrations.models import SandboxDelivery, SandboxWebhook
from integrations.providers.registry import get_provider
from integrations.providers.signatures import InboundRequest, StandardWebhooks
from integrations.sandbox.delivery import ATTEMPTS, deliver_due
from tests.sandbox.test_api import call, create, refusal
from tests.wire import WireAnswer, WireServer

pytestmark = pytest.mark.django_db

DOOR = "/webhooks/01890000-0000-7000-8000-000000000000/"
SECRET = StandardWebhooks().generate_secret()


@pytest.fixture
def door(settings: Settings) -> Iterator[WireServer]:
    """Stands where this application's own webhook door would be."""
    with WireServer(lambda request: WireAnswer(200)) as server:
        settings.PUBLIC_URL = server.url
        yield server


def register(url: str, secret: str = SECRET) -> tuple[int, dict[str, object]]:
    return call("webhook-endpoints", {"url": url, "secret": secret})


def due_again() -> None:
    SandboxDelivery.objects.exclude(next_attempt_at=None).update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def test_what_became_of_a_payment_is_sent_signed(door: WireServer) -> None:
    register(door.url + DOOR)
    payment = create()
    assert deliver_due() == 1

    (sent,) = door.requests
    inbound = InboundRequest(sent.body, sent.headers, time.time())
    StandardWebhooks().verify(inbound, [SECRET])
    with pytest.raises(SignatureRefused):
        StandardWebhooks().verify(inbound, [StandardWebhooks().generate_secret()])
    (event,) = get_provider("sandbox").parse_events(sent.json(), sent.headers)
    assert (event.type, event.subject) == ("payment.captured", payment["id"])
    assert sent.headers["webhook-id"] == sent.json()["id"]


def test_each_step_of_a_payment_has_its_event(door: WireServer) -> None:
    register(door.url + DOOR)
    payment = create(capture=False)
    call(f"payments/{payment['id']}/capture", {})
    call(f"payments/{payment['id']}/refunds", {})
    create(amount="10.05")
    create(payment_token=None)
    call(f"payments/{create(capture=False)['id']}/void", {})
    deliver_due()

    types = [json.loads(request.body)["type"].removeprefix("payment.") for request in door.requests]
    assert types == ["authorised", "captured", "refunded", "failed", "created", "authorised", "cancelled"]


def test_a_failed_delivery_is_repeated_later_with_the_same_event_id(door: WireServer) -> None:
    register(door.url + DOOR)
    create()
    door.answer = lambda request: WireAnswer(503)
    assert deliver_due() == 0
    assert deliver_due() == 0, "it is not due yet"

    door.answer = lambda request: WireAnswer(200)
    due_again()
    assert deliver_due() == 1
    first, second = door.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_a_delivery_is_given_up_in_the_end(door: WireServer) -> None:
    register(door.url + DOOR)
    create()
    door.answer = lambda request: WireAnswer(500)
    for _ in range(ATTEMPTS + 3):
        due_again()
        deliver_due()

    assert len(door.requests) == ATTEMPTS


def test_another_account_s_events_are_not_sent(door: WireServer) -> None:
    call("webhook-endpoints", {"url": door.url + DOOR, "secret": SECRET}, key="sk_sandbox_another_sample")
    create()

    assert deliver_due() == 0


def test_a_redirect_is_not_followed(door: WireServer) -> None:
    register(door.url + DOOR)
    create()
    door.answer = lambda request: WireAnswer(302, headers={"Location": "/admin/"})
    deliver_due()

    assert [request.path for request in door.requests] == [DOOR]


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example" + DOOR,
        "{own}.elsewhere.example" + DOOR,
        "{own}@elsewhere.example" + DOOR,
        "{own}/admin/",
        "{own}/webhooks/../admin/",
        "{own}" + DOOR + "?next=1",
        "",
    ],
)
def test_events_go_to_our_own_webhook_door_alone(door: WireServer, url: str) -> None:
    assert refusal(register(url.replace("{own}", door.url))) == (400, "invalid_field", "url")


def test_a_door_that_is_ours_no_more_gets_nothing(door: WireServer, settings: Settings) -> None:
    register(door.url + DOOR)
    settings.PUBLIC_URL = "https://hub.example"
    create()
    deliver_due()

    assert not door.requests


@pytest.mark.parametrize("secret", ["", "secret", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!!"])
def test_a_secret_that_proves_little_is_refused(door: WireServer, secret: str) -> None:
    assert refusal(register(door.url + DOOR, secret)) == (400, "invalid_field", "secret")


def test_registering_again_rotates_the_secret(door: WireServer) -> None:
    fresh = StandardWebhooks().generate_secret()
    register(door.url + DOOR)
    register(door.url + DOOR, fresh)

    assert [webhook.secret.reveal() for webhook in SandboxWebhook.objects.all()] == [fresh]
