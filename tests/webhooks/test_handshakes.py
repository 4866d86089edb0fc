"""A provider makes sure that the address is ours: answered as it wants, and nothing is stored."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings as configured
from django.test import Client

from integrations.errors import EgressRefused, Unavailable
from integrations.providers.signatures import MetaVerification
from tests.wire import WireAnswer, WireServer
from webhooks.endpoints import rotate_secret, update_endpoint
from webhooks.models import WebhookEndpoint, WebhookEvent
from webhooks.tasks import confirm_address

from .outside import SECRET, connect, deliver
from .test_door import refusal

pytestmark = pytest.mark.usefixtures("outside_providers")
TOKEN = MetaVerification().verify_token(SECRET)


def ask(endpoint: WebhookEndpoint, **query: str) -> Any:
    return Client().get(urlsplit(endpoint.webhook_url).path, query)


def subscribe(endpoint: WebhookEndpoint, token: str = TOKEN) -> Any:
    return ask(endpoint, **{"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1158201444"})


@pytest.fixture
def provider(settings: Any) -> Iterator[WireServer]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with WireServer(lambda request: WireAnswer(200, b"<ConfirmSubscriptionResponse/>")) as server:
        yield server


def arranged_visits() -> list[list[str]]:
    with redis.Redis.from_url(configured.REDIS_URL) as client:
        messages: Any = [json.loads(message) for message in client.lrange("celery", 0, -1)]
    visits = [one for one in messages if one["headers"]["task"] == "webhooks.tasks.confirm_address"]
    return [_arguments(visit) for visit in visits]


def _arguments(message: Any) -> list[str]:
    body = message["body"]
    text = base64.b64decode(body) if message["properties"]["body_encoding"] == "base64" else body
    arguments: list[str] = json.loads(text)[0]
    return arguments


def test_a_challenge_by_get_is_given_back_as_plain_text() -> None:
    answer = subscribe(connect("outside_query"))
    assert (answer.status_code, answer.content) == (200, b"1158201444")
    assert answer["Content-Type"] == "text/plain"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert not WebhookEvent.objects.exists()


def test_a_challenge_with_another_token_is_refused() -> None:
    assert refusal(subscribe(connect("outside_query"), "another")) == (401, "signature_refused")


def test_a_challenge_that_could_be_a_page_is_not_given_back() -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "<script>"}
    assert refusal(ask(connect("outside_query"), **query)) == (401, "signature_refused")


def test_a_challenge_knows_both_secrets_during_a_rotation() -> None:
    endpoint = connect("outside_query")
    rotate_secret(endpoint)
    assert subscribe(endpoint).status_code == 200


@pytest.mark.parametrize("slug", ["outside_query", "outside_json"])
def test_a_get_that_is_no_challenge_is_not_allowed(slug: str) -> None:
    answer = ask(connect(slug), source="sample")
    assert refusal(answer) == (405, "method_not_allowed")
    assert answer["Allow"] == "POST"


def test_challenges_count_toward_the_endpoint_s_minute() -> None:
    endpoint = connect("outside_query")
    update_endpoint(endpoint, max_per_minute=1)
    assert 429 in [subscribe(endpoint).status_code for _ in range(3)]


def test_beside_its_challenge_the_provider_sends_events() -> None:
    assert deliver(connect("outside_query"), b'{"id": "1", "kind": "told"}').status_code == 200
    assert WebhookEvent.objects.get().signature == ""


def test_an_address_that_confirms_is_visited_by_a_task(provider: WireServer) -> None:
    endpoint = connect("outside_confirming")
    body = json.dumps({"kind": "confirm", "confirm_at": f"{provider.url}/?Action=Confirm&Token=sample-token"}).encode()
    answer = deliver(endpoint, body)
    assert (answer.status_code, answer.content) == (200, b"")
    assert provider.requests == []
    assert not WebhookEvent.objects.exists()

    ((endpoint_id, sealed),) = arranged_visits()
    assert endpoint_id == str(endpoint.pk)
    assert "sample-token" not in sealed
    confirm_address(endpoint_id, sealed)
    (visit,) = provider.requests
    assert (visit.method, visit.query["Token"]) == ("GET", "sample-token")


def test_a_visit_that_fails_is_tried_again(provider: WireServer) -> None:
    deliver(connect("outside_confirming"), json.dumps({"confirm_at": provider.url}).encode())
    provider.answer = lambda request: WireAnswer(503)
    with pytest.raises(Unavailable):
        confirm_address.run(*arranged_visits()[0])  # type: ignore[attr-defined]


def test_an_address_inside_our_network_is_not_visited(provider: WireServer, settings: Any) -> None:
    deliver(connect("outside_confirming"), json.dumps({"confirm_at": provider.url}).encode())
    settings.EGRESS_ALLOW = []
    with pytest.raises(EgressRefused):
        confirm_address(*arranged_visits()[0])
    assert provider.requests == []


@pytest.mark.parametrize("secret", ["another sample", SECRET])
def test_what_anybody_may_have_written_is_not_visited(secret: str, provider: WireServer) -> None:
    address = provider.url if secret != SECRET else "https://evil.example/"
    answer = deliver(connect("outside_confirming"), json.dumps({"confirm_at": address}).encode(), secret=secret)
    assert refusal(answer) == (401, "signature_refused")
    assert arranged_visits() == []
