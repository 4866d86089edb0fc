"""Destinations and deliveries by REST."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Connection, Organization
from monitoring.models import AuditLog
from tests.factories import token_for
from tests.forward.arrivals import plant_deliveries
from tests.forward.receiver import Receiver
from webhooks.endpoints import create_endpoint
from webhooks.forward.drain import drain
from webhooks.models import WebhookDelivery, WebhookDestination

from .client import ApiClient, error_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def made(api: ApiClient, receiver: Receiver) -> dict[str, Any]:
    body = {"url": receiver.url, "event_types": ["payment.*"], "headers": {"X-Api-Key": "canary-0-yellow"}}
    response = api.post("webhook-destinations/", body)
    assert response.status_code == 201
    answer: dict[str, Any] = response.json()
    return answer


@pytest.fixture
def deliveries(made: dict[str, Any], connection: Connection) -> list[WebhookDelivery]:
    endpoint, _ = create_endpoint(connection)
    return plant_deliveries(endpoint, WebhookDestination.objects.get(), 3)


def test_a_destination_is_made_and_its_secret_told_once(api: ApiClient, made: dict[str, Any]) -> None:
    secret = made["signing_secret"]
    assert secret.startswith("whsec_")
    assert made["header_names"] == ["x-api-key"]
    assert (made["form"], made["is_active"], made["disabled_reason"]) == ("normalized", True, "")
    for path in ("webhook-destinations/", f"webhook-destinations/{made['id']}/", "audit-logs/"):
        answer = api.get(path).content
        assert secret.encode() not in answer
        assert b"canary" not in answer


def test_the_same_idempotency_key_makes_one_destination(api: ApiClient, receiver: Receiver) -> None:
    made = [api.post("webhook-destinations/", {"url": receiver.url}, Idempotency_Key="a").json() for _ in range(2)]
    assert made[0] == made[1]
    assert WebhookDestination.objects.count() == 1


def test_a_destination_is_changed_and_deleted(
    api: ApiClient, made: dict[str, Any], deliveries: list[WebhookDelivery], connection: Connection
) -> None:
    changes = {
        "description": "Ledger", "form": "raw", "event_types": [], "provider_types": ["payment"], "is_ordered": True,
        "connection": str(connection.pk), "headers": {}, "retry_policy": {"schedule": [10, 20]}, "max_concurrency": 2,
        "max_per_second": 5, "provider_event_types": ["charge.*"], "url": "https://hooks.example.com/ledger",
    }  # fmt: skip
    changed = api.patch(f"webhook-destinations/{made['id']}/", changes).json()
    changes.pop("headers")
    assert {name: changed[name] for name in changes} == changes
    assert changed["header_names"] == []
    assert api.delete(f"webhook-destinations/{made['id']}/").status_code == 204
    assert not WebhookDelivery.objects.exists()
    assert AuditLog.objects.filter(action="webhook_destination.deleted").exists()


WRONG = [
    ({"url": "ftp://example.com/"}, "url"),
    ({"url": "https://user:word@example.com/"}, "url"),
    ({"url": "https://10.0.0.1/hooks"}, "url"),
    ({"url": "http://169.254.169.254/latest/meta-data/"}, "url"),
    ({"url": "https://[::1]/hooks"}, "url"),
    ({"url": "https://example.com/مرحبا"}, "url"),
    ({"form": "xml"}, "form"),
    ({"event_types": ["Payment*"]}, "event_types"),
    ({"event_types": ["payment.suceeded"]}, "event_types"),
    ({"event_types": ["pay*ment"]}, "event_types"),
    ({"provider_types": ["cats"]}, "provider_types.0"),
    ({"headers": {"Host": "example.com"}}, "headers"),
    ({"headers": {"Transfer-Encoding": "chunked"}}, "headers"),
    ({"headers": {"webhook-id": "1"}}, "headers"),
    ({"headers": {"X-A": "a\r\nX-B: b"}}, "headers"),
    ({"headers": {"X A": "a"}}, "headers"),
    ({"headers": {"X-A": "a", "x-a": "b"}}, "headers"),
    ({"retry_policy": {"schedule": [0]}}, "retry_policy.schedule.0"),
    ({"retry_policy": {"speed": 1}}, "retry_policy.speed"),
    ({"max_concurrency": 0}, "max_concurrency"),
    ({"max_per_second": 0}, "max_per_second"),
    ({"signing_secret": "whsec_c2hvcnQ="}, "signing_secret"),
    ({"sender": None}, "sender"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "field"), WRONG, ids=str)
def test_what_cannot_be_is_refused_by_its_field(
    wrong: dict[str, Any], field: str, api: ApiClient, settings: Any
) -> None:
    settings.EGRESS_ALLOW = []
    response = api.post("webhook-destinations/", {"url": "https://hooks.example.com/", **wrong})
    assert (response.status_code, error_of(response)["field"]) == (400, field)
    assert not WebhookDestination.objects.exists()


def test_a_secret_is_rotated(api: ApiClient, made: dict[str, Any]) -> None:
    rotated = api.post(f"webhook-destinations/{made['id']}/rotate-secret/", {}).json()
    assert rotated["signing_secret"] not in ("", made["signing_secret"])
    assert rotated["previous_secret_expires_at"]


def test_a_test_tells_what_came_of_it(api: ApiClient, made: dict[str, Any], receiver: Receiver) -> None:
    sent = api.post(f"webhook-destinations/{made['id']}/test/").json()
    assert (sent["status"], sent["event"], sent["attempts"][0]["response_status"]) == ("delivered", None, 204)
    assert receiver.verified(made["signing_secret"])["type"] == "hub.test"
    assert receiver.requests[0].headers["x-api-key"] == "canary-0-yellow"


def test_deliveries_are_listed_filtered_and_shown_with_their_attempts(
    api: ApiClient, made: dict[str, Any], deliveries: list[WebhookDelivery], receiver: Receiver
) -> None:
    receiver.answers = lambda request: 500 if request.headers["webhook-id"] == str(deliveries[0].pk) else 204
    drain()

    def found(**query: str) -> set[str]:
        return {row["id"] for row in api.get("webhook-deliveries/", query).json()["results"]}

    ids = [str(one.pk) for one in deliveries]
    assert found(destination=made["id"]) == set(ids)
    assert found(status="retrying") == found(event=str(deliveries[0].event_id)) == {ids[0]}
    assert found(type="payment.succeeded") == set(ids)
    hour = timedelta(hours=1)
    assert found(since=(timezone.now() - hour).isoformat()) == set(ids)
    assert found(until=(timezone.now() - hour).isoformat()) == set()
    shown = api.get(f"webhook-deliveries/{ids[0]}/").json()
    assert [(one["number"], one["response_status"]) for one in shown["attempts"]] == [(1, 500)]


def test_deliveries_are_retried_one_and_many(
    api: ApiClient, made: dict[str, Any], deliveries: list[WebhookDelivery], receiver: Receiver
) -> None:
    WebhookDelivery.objects.update(status="failed", next_attempt_at=None)
    assert api.post(f"webhook-deliveries/{deliveries[0].pk}/retry/").json()["status"] == "pending"
    assert api.post("webhook-deliveries/retry/", {"ids": [str(deliveries[1].pk)]}).json() == {"count": 1}
    assert api.post("webhook-deliveries/retry/", {"destination": made["id"]}).json() == {"count": 1}
    assert api.post("webhook-deliveries/retry/", {"status": "held"}).json() == {"count": 0}
    nothing_named = api.post("webhook-deliveries/retry/", {"ids": []})
    assert (nothing_named.status_code, error_of(nothing_named)["field"]) == (400, "ids")
    drain()
    assert len(receiver.requests) == 3


def test_one_that_is_off_is_enabled_again(
    api: ApiClient, made: dict[str, Any], deliveries: list[WebhookDelivery]
) -> None:
    off = api.patch(f"webhook-destinations/{made['id']}/", {"is_active": False}).json()
    assert (off["is_active"], off["disabled_reason"]) == (False, "by_hand")
    assert error_of(api.post(f"webhook-deliveries/{deliveries[0].pk}/retry/"))["code"] == "conflict"
    on = api.post(f"webhook-destinations/{made['id']}/enable/").json()
    assert (on["is_active"], on["disabled_at"], on["disabled_reason"]) == (True, None, "")
    assert api.post("webhook-deliveries/retry/", {"status": "held"}).json() == {"count": 3}


def test_it_takes_the_scope_of_webhooks(organization: Organization, made: dict[str, Any]) -> None:
    reader = ApiClient(token_for(organization, "read"))
    assert reader.get("webhook-destinations/").status_code == 200
    assert reader.post("webhook-destinations/", {"url": "https://hooks.example.com/"}).status_code == 403
    assert reader.post("webhook-deliveries/retry/", {}).status_code == 403
    assert ApiClient(token_for(organization, "payments")).get("webhook-deliveries/").status_code == 403
