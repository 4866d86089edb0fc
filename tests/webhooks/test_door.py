from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from integrations.models import Connection, Organization
from webhooks.endpoints import rotate_secret, set_active, update_endpoint
from webhooks.models import WebhookEndpoint, WebhookEvent

from .stripe_sender import PAYLOADS, SECRET, event, post, signature

each_payload = pytest.mark.parametrize("payload", PAYLOADS, ids=lambda path: path.stem)
OTHER_SECRET = "whsec_another_sample_not_a_secret"


def door(endpoint: WebhookEndpoint) -> str:
    return urlsplit(endpoint.webhook_url).path


def refusal(response: Any) -> tuple[int, str]:
    body = response.json()
    assert set(body) == {"error"}
    assert body["error"]["request_id"] == response["X-Request-Id"]
    return response.status_code, body["error"]["code"]


def assert_nothing_is_stored() -> None:
    assert not WebhookEvent.objects.exists()


def test_there_are_payloads_of_many_types() -> None:
    types = {json.loads(path.read_bytes())["type"] for path in PAYLOADS}
    assert len(types) >= 15


@each_payload
def test_a_genuine_event_is_stored_as_it_came(endpoint: WebhookEndpoint, payload: Path) -> None:
    body = payload.read_bytes()
    response = post(door(endpoint), body)
    assert (response.status_code, response.json()) == (200, {"received": True})

    stored = WebhookEvent.objects.get()
    told = json.loads(body)
    assert bytes(stored.raw_body or b"") == body
    assert (stored.event_id, stored.event_type) == (told["id"], told["type"])
    assert (stored.webhook_endpoint, stored.organization_id) == (endpoint, endpoint.organization_id)
    assert stored.signature_verified
    assert stored.processing_status == WebhookEvent.Status.PENDING


@each_payload
def test_an_altered_event_is_refused(endpoint: WebhookEndpoint, payload: Path) -> None:
    body = payload.read_bytes()
    altered = body.replace(b"object", b"subject", 1)
    assert altered != body
    assert refusal(post(door(endpoint), altered, signature(body))) == (401, "signature_refused")
    assert_nothing_is_stored()


@pytest.mark.parametrize("seconds", [-86_400, -310, 310, 86_400])
def test_an_event_signed_at_another_time_is_refused(endpoint: WebhookEndpoint, seconds: int) -> None:
    body = event()
    response = post(door(endpoint), body, signature(body, at=time.time() + seconds))
    assert refusal(response) == (401, "signature_refused")
    assert_nothing_is_stored()


@pytest.mark.parametrize("seconds", [-280, 280])
def test_clocks_may_differ_a_little(endpoint: WebhookEndpoint, seconds: int) -> None:
    body = event()
    assert post(door(endpoint), body, signature(body, at=time.time() + seconds)).status_code == 200


@pytest.mark.parametrize(
    "header",
    ["", "t=,v1=", "nonsense", "t=1700000000", "v1=" + "0" * 64, "t=1e9,v1=" + "0" * 64, "t=١٧٠,v1=" + "0" * 64],
)
def test_an_unsigned_event_is_refused(endpoint: WebhookEndpoint, header: str) -> None:
    assert refusal(post(door(endpoint), event(), header)) == (401, "signature_refused")
    assert_nothing_is_stored()


@pytest.mark.parametrize("secret", [OTHER_SECRET, "", "whsec_"])
def test_an_event_signed_with_another_secret_is_refused(endpoint: WebhookEndpoint, secret: str) -> None:
    body = event()
    assert refusal(post(door(endpoint), body, signature(body, secret))) == (401, "signature_refused")
    assert_nothing_is_stored()


def test_another_endpoint_s_secret_opens_nothing(endpoint: WebhookEndpoint, connection: Connection) -> None:
    from webhooks.endpoints import create_endpoint

    neighbour, _ = create_endpoint(connection, webhook_secret=OTHER_SECRET)
    body = event()
    assert post(door(neighbour), body, signature(body)).status_code == 401
    assert post(door(neighbour), body, signature(body, OTHER_SECRET)).status_code == 200


def test_a_duplicate_is_answered_alike_and_stored_once(endpoint: WebhookEndpoint) -> None:
    body = event()
    answers = [post(door(endpoint), body, signature(body, at=time.time() - age)) for age in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert WebhookEvent.objects.count() == 1


def test_two_endpoints_each_store_the_same_event(endpoint: WebhookEndpoint, connection: Connection) -> None:
    from webhooks.endpoints import create_endpoint

    neighbour, _ = create_endpoint(connection, webhook_secret=SECRET)
    body = event()
    for one in (endpoint, neighbour):
        assert post(door(one), body).status_code == 200
    assert WebhookEvent.objects.count() == 2


def test_both_secrets_are_accepted_during_a_rotation(endpoint: WebhookEndpoint) -> None:
    rotate_secret(endpoint, webhook_secret=OTHER_SECRET)
    for secret in (SECRET, OTHER_SECRET):
        body = event()
        assert post(door(endpoint), body, signature(body, secret)).status_code == 200


def test_the_old_secret_is_refused_after_the_overlap(endpoint: WebhookEndpoint) -> None:
    rotate_secret(endpoint, webhook_secret=OTHER_SECRET, overlap=timedelta(0))
    body = event()
    assert post(door(endpoint), body, signature(body, SECRET)).status_code == 401
    assert post(door(endpoint), body, signature(body, OTHER_SECRET)).status_code == 200


def test_a_secret_that_another_process_changed_is_known_when_it_is_first_used(endpoint: WebhookEndpoint) -> None:
    assert post(door(endpoint), event()).status_code == 200
    sealed = WebhookEndpoint(id=endpoint.pk, webhook_secret=OTHER_SECRET).webhook_secret
    time.sleep(0.15)
    # Without signals, as when another process wrote it.
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(webhook_secret=sealed)
    body = event()
    assert post(door(endpoint), body, signature(body, OTHER_SECRET)).status_code == 200


def test_only_harmless_headers_are_kept(endpoint: WebhookEndpoint) -> None:
    body, agent = event(), "Stripe/1.0 (+https://stripe.com/docs/webhooks) \\u0000"
    post(door(endpoint), body, Authorization="Bearer sample", Cookie="a=b", User_Agent=agent, X_Api_Key="sample")
    stored = WebhookEvent.objects.get()
    assert stored.headers == {"content-type": "application/json", "user-agent": agent}
    assert stored.signature.startswith("t=")


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete", "options"])
def test_events_come_by_post_alone(endpoint: WebhookEndpoint, method: str) -> None:
    response = getattr(Client(), method)(door(endpoint))
    assert (response.status_code, response["Allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/webhooks/00000000-0000-7000-8000-000000000000/", "/webhooks/1/", "/webhooks/"])
@pytest.mark.django_db
def test_an_unknown_endpoint_is_not_found(path: str) -> None:
    assert refusal(post(path, event())) == (404, "not_found")


def test_an_inactive_endpoint_is_not_found(endpoint: WebhookEndpoint) -> None:
    set_active(endpoint, active=False)
    assert refusal(post(door(endpoint), event())) == (404, "not_found")
    set_active(endpoint, active=True)
    assert post(door(endpoint), event()).status_code == 200


def test_an_inactive_organization_s_endpoint_is_not_found(endpoint: WebhookEndpoint) -> None:
    Organization.objects.update(is_active=False)
    assert refusal(post(door(endpoint), event())) == (404, "not_found")


def test_events_of_an_inactive_connection_are_still_stored(endpoint: WebhookEndpoint) -> None:
    Connection.objects.update(status=Connection.Status.INACTIVE)
    assert post(door(endpoint), event()).status_code == 200
    assert WebhookEvent.objects.exists()


def test_an_endpoint_takes_so_many_events_a_minute(endpoint: WebhookEndpoint) -> None:
    update_endpoint(endpoint, max_per_minute=3)
    answers = [post(door(endpoint), event()) for _ in range(5)]
    # The minute may turn once while they are sent.
    assert [answer.status_code for answer in answers][:3] == [200, 200, 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    if timezone.now().second > 2:
        assert refused
    for answer in refused:
        assert refusal(answer) == (429, "rate_limited")
        assert 1 <= int(answer["Retry-After"]) <= 60
    assert WebhookEvent.objects.count() == 5 - len(refused)


@pytest.mark.parametrize("megabytes", [1, 2])
def test_a_body_at_the_limit_is_stored_and_one_byte_more_is_refused(
    endpoint: WebhookEndpoint, settings: Any, megabytes: int
) -> None:
    settings.MAX_WEBHOOK_BYTES = most = megabytes * 1_048_576
    bare = len(event(event_id="evt_long", description=""))
    refused = event(event_id="evt_long", description="x" * (most - bare + 1))
    assert refusal(post(door(endpoint), refused)) == (413, "too_large")
    assert_nothing_is_stored()
    stored = event(event_id="evt_long", description="x" * (most - bare))
    assert (len(stored), post(door(endpoint), stored).status_code) == (most, 200)


UNREADABLE = {
    "empty": b"",
    "not json": b"event=payment",
    "not utf-8": b'{"id": "evt_\xff"}',
    "broken off": b'{"id": "evt_1", "type": "charge.',
    "a list": b'[{"id": "evt_1", "type": "charge.captured"}]',
    "no id": b'{"type": "charge.captured"}',
    "a number for an id": b'{"id": 1, "type": "charge.captured"}',
    "an empty id": b'{"id": "", "type": "charge.captured"}',
    "a long id": b'{"id": "%s", "type": "charge.captured"}' % (b"x" * 256),
    "a long type": b'{"id": "evt_1", "type": "%s"}' % (b"x" * 101),
    "NUL in the id": b'{"id": "evt_\\u0000", "type": "charge.captured"}',
    "half a character in the id": b'{"id": "evt_\\ud800", "type": "charge.captured"}',
    "too deep": b'{"a":' * 100_000,
    "a number of many digits": b'{"id": "evt_1", "type": "charge.captured", "n": %s}' % (b"9" * 5000),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_a_signed_body_that_cannot_be_read_is_refused(endpoint: WebhookEndpoint, body: bytes) -> None:
    from integrations.providers.registry import get_provider

    scheme = get_provider("stripe").signature
    assert scheme is not None
    header = scheme.sign(body, SECRET, event_id="", timestamp=int(time.time()))["stripe-signature"]
    assert refusal(post(door(endpoint), body, header)) == (400, "unreadable_payload")
    assert_nothing_is_stored()


def test_a_secret_whose_master_key_is_missing_makes_the_provider_try_again(
    endpoint: WebhookEndpoint, settings: Any
) -> None:
    settings.MASTER_KEYS_FILE, settings.MASTER_KEYS = None, [("another", b"k" * 32)]
    response = post(door(endpoint), event())
    assert refusal(response) == (503, "cannot_store")
    assert response["Retry-After"]
    assert_nothing_is_stored()
