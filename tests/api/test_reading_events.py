"""Whatever a provider sent can be read by REST, and who read it is known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Connection
from webhooks.endpoints import create_endpoint
from webhooks.inbox import drain
from webhooks.models import WebhookAccessLog, WebhookEndpoint, WebhookEvent

from .client import ApiClient, error_of


@pytest.fixture
def endpoint(connection: Connection) -> WebhookEndpoint:
    return create_endpoint(connection)[0]


def store(endpoint: WebhookEndpoint, body: bytes | None, **fields: Any) -> WebhookEvent:
    return WebhookEvent.objects.create(signature_verified=True,
        organization=endpoint.organization, webhook_endpoint=endpoint, event_id="evt_1", event_type="payout.paid",
        raw_body=body, **fields,
    )  # fmt: skip


def test_an_event_is_read_in_outline_which_shows_nobody(api: ApiClient, endpoint: WebhookEndpoint) -> None:
    event = store(endpoint, b'{"id": "evt_1", "name": "Planted", "email": "planted@example.com"}')
    answers = [api.get("webhook-events/"), api.get(path := f"webhook-events/{event.pk}/"), api.post(f"{path}replay/")]
    assert answers[1].json()["payload"] == {"id": "evt_1", "name": "P***", "email": "p***@example.com"}
    assert not [answer for answer in answers if b"lanted" in answer.content]
    assert not WebhookAccessLog.objects.exists()


ODD: dict[str, tuple[bytes | None, Any]] = {
    "half a character": (b'{"n": "a\\ud800b"}', {"n": "ab"}),
    "NUL": (b'{"n": "a\\u0000b"}', {"n": "ab"}),
    "no number": (b'{"n": NaN, "m": -Infinity}', {"n": None, "m": None}),
    "a number beyond all": (b'{"n": 1e400}', {"n": None}),
    "not JSON": (b"\xff", None),
    "too deep": (b'{"n":' * 5000, None),
    "archived": (None, None),
}


@pytest.mark.parametrize(("body", "told"), ODD.values(), ids=ODD)
@pytest.mark.parametrize("is_processed", [False, True], ids=["waiting", "processed"])
def test_a_body_of_any_kind_can_be_read(
    api: ApiClient, endpoint: WebhookEndpoint, body: bytes | None, told: Any, is_processed: bool
) -> None:
    event = store(endpoint, body, next_attempt_at=timezone.now() - timedelta(seconds=1))
    if is_processed:
        assert drain() == 1
    response = api.get(f"webhook-events/{event.pk}/")
    assert response.status_code == 200
    assert response.json()["payload"] == told
    raw = api.get(f"webhook-events/{event.pk}/body/", Hub_Reason="to see")
    assert raw.content == body if body else raw.status_code == 404


def test_a_deep_body_can_be_read(api: ApiClient, endpoint: WebhookEndpoint) -> None:
    event = store(endpoint, b"{}")
    for depth in range(700, 1000, 3):
        WebhookEvent.objects.update(raw_body=b'{"n":' + b"[" * depth + b"]" * depth + b"}")
        assert api.django.get(f"/api/v1/webhook-events/{event.pk}/", headers=api.headers).status_code == 200, depth


@pytest.mark.parametrize("stored", [[1], "fast", 7, None])
def test_a_policy_that_makes_no_sense_can_be_mended(api: ApiClient, endpoint: WebhookEndpoint, stored: Any) -> None:
    WebhookEndpoint.objects.update(retry_policy=stored or {})
    path = f"webhook-endpoints/{endpoint.pk}/"
    assert api.get(path).status_code == 200
    changed = api.patch(path, {"retry_policy": {"max_retries": 3}})
    assert (changed.status_code, changed.json()["retry_policy"]["max_retries"]) == (200, 3)


def test_an_endpoint_whose_policy_is_no_object_is_refused(api: ApiClient, endpoint: WebhookEndpoint) -> None:
    for policy in ([1], "fast", None, 7):
        response = api.patch(f"webhook-endpoints/{endpoint.pk}/", {"retry_policy": policy})
        assert response.status_code == 400
        assert error_of(response)["code"] == "invalid_request"
