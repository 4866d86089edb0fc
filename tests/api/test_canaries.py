"""No answer tells a secret, not even when the provider repeats it in its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Connection, Organization, Payment
from tests.config.lines import Lines, json_lines
from tests.factories import token_for
from tests.operations.stripe_wire import StripeWire, connect
from tests.wire import WireAnswer, WireRequest
from webhooks.endpoints import create_endpoint
from webhooks.inbox import drain
from webhooks.models import WebhookEvent

from .client import ApiClient

KEY = "sk_test_canary_yellow_not_a_key"
PUBLISHABLE = "pk_test_canary_grey_not_a_key"
SIGNING = "whsec_canary_green_not_a_secret"
ORDER = {"amount": "12.50", "currency": "AED", "reference": "order-1", "payment_token": "pm_card_visa"}
LISTS = [
    "providers/", "connections/", "payments/", "webhook-endpoints/", "webhook-events/", "logs/", "health-checks/",
    "analytics/", "metrics-hourly/", "alerts/", "audit-logs/",
]  # fmt: skip


def repeats_the_key(status: int) -> Callable[[WireRequest], WireAnswer]:
    """As a careless provider does: the key in the message, in its own field, and in a header."""

    def answer(request: WireRequest) -> WireAnswer:
        key = request.headers.get("authorization", "")
        error = {"type": "invalid_request_error", "code": KEY, "message": f"Bad key {KEY} in {key}.", "api_key": KEY}
        return WireAnswer(status, {"error": error}, {"Authorization": key, "X-Echo": KEY, "Request-Id": "req_1"})

    return answer


@pytest.fixture
def connection(organization: Organization, wire: StripeWire) -> Connection:
    return connect(organization, wire, credentials={"api_key": KEY, "webhook_secret": SIGNING})


class Birdwatcher:
    """Calls, and keeps what was answered, headers and all, and what was logged meanwhile."""

    def __init__(self, api: ApiClient, lines: Lines) -> None:
        self.api = api
        self.lines = lines
        self.seen: list[tuple[str, str]] = []

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        response = self.api.send(method, path, body, **headers)
        heads = "".join(f"{name}: {value}\n" for name, value in response.items())
        self.seen.append((f"{method} {path} {response.status_code}", heads + response.content.decode(errors="replace")))
        return response

    def everything(self) -> None:
        for path in LISTS:
            for row in self("GET", path).json()["results"]:
                self("GET", f"{path}{row['slug'] if path == 'providers/' else row['id']}/")

    def found(self, *secrets: str) -> list[str]:
        logged = [("log", line) for line in self.lines.text.splitlines() if '"factory' not in line]
        return [call for call, text in [*self.seen, *logged] if any(secret in text for secret in secrets)]


@pytest.fixture
def watch(api: ApiClient) -> Iterator[Birdwatcher]:
    with json_lines() as lines:
        yield Birdwatcher(api, lines)


def test_what_goes_well_tells_no_secret(watch: Birdwatcher, connection: Connection, organization: Organization) -> None:
    token = token_for(organization)
    path = f"connections/{connection.pk}/"
    added = watch("POST", f"{path}credentials/", {"credential_key": "publishable_key", "value": PUBLISHABLE}).json()
    watch("POST", f"{path}credentials/{added['id']}/rotate/", {"value": PUBLISHABLE})
    watch("GET", f"{path}credentials/")
    for action in ("test", "deactivate", "activate"):
        assert watch("POST", f"{path}{action}/").status_code == 200
    payment = watch("POST", "payments/", ORDER).json()
    watch("POST", f"payments/{payment['id']}/refund/", {"amount": "5.00"})
    watch("GET", f"{path}proxy/v1/balance")
    create_endpoint(connection, webhook_secret=SIGNING)
    watch.everything()
    assert len(watch.seen) > 20
    assert not watch.found(KEY, SIGNING, PUBLISHABLE, token)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 422, 429, 500, 503])
def test_a_provider_that_repeats_the_key_tells_it_to_nobody(
    watch: Birdwatcher, connection: Connection, wire: StripeWire, status: int
) -> None:
    payment = watch("POST", "payments/", {**ORDER, "capture": False}).json()
    wire.override = repeats_the_key(status)
    path = f"connections/{connection.pk}/"
    watch("POST", f"{path}test/")
    watch("POST", "payments/", {**ORDER, "reference": "order-2"})
    for action in ("capture", "sync", "void"):
        watch("POST", f"payments/{payment['id']}/{action}/")
    watch("POST", f"{path}deactivate/")
    watch("POST", f"{path}activate/")
    watch.everything()
    assert not watch.found(KEY)


def test_nor_to_a_caller_of_the_proxy(watch: Birdwatcher, connection: Connection, wire: StripeWire) -> None:
    wire.override = repeats_the_key(400)
    for call in (("POST", "v1/refunds", {"a": KEY}), ("GET", f"v1/refunds?key={KEY}", None)):
        response = watch(call[0], f"connections/{connection.pk}/proxy/{call[1]}", call[2])
        assert response.status_code == 400
        assert response.json()["error"]["type"] == "invalid_request_error"
    watch.everything()
    assert not watch.found(KEY)


def test_nor_does_an_event_that_cannot_be_applied(
    watch: Birdwatcher, connection: Connection, wire: StripeWire, organization: Organization
) -> None:
    payment = watch("POST", "payments/", ORDER).json()
    reference = Payment.objects.get(pk=payment["id"]).provider_reference
    endpoint, _ = create_endpoint(connection)
    body = (
        '{"id": "evt_1", "created": 1, "type": "charge.dispute.created", "data": {"object": {"payment_intent": "%s"}}}'
    )
    event = WebhookEvent.objects.create(signature_verified=True,
        organization=organization, webhook_endpoint=endpoint, event_id="evt_1", event_type="charge.dispute.created",
        raw_body=(body % reference).encode(), next_attempt_at=timezone.now() - timedelta(seconds=1),
    )  # fmt: skip
    wire.override = repeats_the_key(400)
    drain()
    event.refresh_from_db()
    assert event.processing_status == "failed"
    assert "Bad key" in event.error_message
    watch.everything()
    assert not watch.found(KEY, SIGNING)


SECRETIVE = {"provider": "stripe", "connection_name": "Second", "environment": "development"}


@pytest.mark.parametrize(
    "body",
    [
        {**SECRETIVE, "credentials": {"api_key": f"{KEY}\n"}},
        {**SECRETIVE, "credentials": {"api_kye": KEY}},
        {**SECRETIVE, "credentials": {"api_key": [KEY]}},
        {**SECRETIVE, "credentials": KEY},
        {**SECRETIVE, "credentials": {"api_key": KEY * 5000}},
        {**SECRETIVE, "configuration": {"base_url": f"https://user:{KEY}@api.example.com"}},
    ],
)
def test_nor_does_a_refused_request(watch: Birdwatcher, connection: Connection, body: dict[str, Any]) -> None:
    assert watch("POST", "connections/", body).status_code == 400
    watch("POST", f"connections/{connection.pk}/credentials/", {"credential_key": "api_key", "valeu": KEY})
    watch("POST", f"connections/{connection.pk}/credentials/", {"credential_key": "api_key", "value": f"{KEY}\x00"})
    watch("POST", "connections/", b'{"credentials": {"api_key": "%s"' % KEY.encode())
    watch.everything()
    assert not watch.found(KEY)
