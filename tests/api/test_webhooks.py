from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from integrations.models import Connection
from tests.factories import PaymentFactory
from tests.webhooks.stripe_sender import event as stripe_event
from webhooks.models import WebhookAccessLog, WebhookEndpoint, WebhookEvent, WebhookReplay

from .client import ApiClient, error_of

SECRET = "whsec_canary_not_a_secret"
CAPTURED = stripe_event()


@pytest.fixture
def endpoint(api: ApiClient, connection: Connection) -> dict[str, Any]:
    body = {"connection": str(connection.pk), "event_types": ["charge.refunded"], "webhook_secret": SECRET}
    made: dict[str, Any] = api.post("webhook-endpoints/", body).json()
    return made


def test_an_address_is_made_and_its_secret_told_once(api: ApiClient, endpoint: dict[str, Any]) -> None:
    assert endpoint["webhook_secret"] == SECRET
    assert endpoint["webhook_url"].endswith(f"/webhooks/{endpoint['id']}/")
    for path in ("webhook-endpoints/", f"webhook-endpoints/{endpoint['id']}/", "audit-logs/"):
        assert SECRET.encode() not in api.get(path).content
    changed = api.patch(
        f"webhook-endpoints/{endpoint['id']}/", {"is_active": False, "retry_policy": {"max_retries": 2}}
    )
    assert (changed.json()["is_active"], changed.json()["retry_policy"]["max_retries"]) == (False, 2)
    assert changed.json()["retry_policy"]["factor"] == 4
    assert "webhook_secret" not in changed.json()


def test_a_secret_is_made_where_none_is_given(api: ApiClient, connection: Connection) -> None:
    made = api.post("webhook-endpoints/", {"connection": str(connection.pk)}).json()
    assert len(made["webhook_secret"]) > 20
    assert made["event_types"] == []


def test_a_secret_is_rotated(api: ApiClient, endpoint: dict[str, Any]) -> None:
    rotated = api.post(f"webhook-endpoints/{endpoint['id']}/rotate-secret/").json()
    assert rotated["webhook_secret"] not in ("", SECRET)
    assert rotated["previous_secret_expires_at"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"webhook_url": "https://evil.example/"}, "webhook_url"),
        ({"event_types": "charge"}, "event_types"),
        ({"event_types": ["x" * 101]}, "event_types.0"),
        ({"retry_policy": {"max_retries": -1}}, "retry_policy.max_retries"),
        ({"retry_policy": {"speed": 1}}, "retry_policy.speed"),
        ({"max_per_minute": 0}, "max_per_minute"),
        ({"webhook_secret": SECRET}, "webhook_secret"),
    ],
)
def test_an_endpoint_names_the_field_that_is_wrong(
    changes: dict[str, Any], field: str, api: ApiClient, endpoint: dict[str, Any]
) -> None:
    before = WebhookEndpoint.objects.values("updated_at", "event_types").get()
    response = api.patch(f"webhook-endpoints/{endpoint['id']}/", changes)
    assert response.status_code == 400
    assert error_of(response)["field"] == field
    assert WebhookEndpoint.objects.values("updated_at", "event_types").get() == before


def _event(endpoint: dict[str, Any], name: str, **fields: Any) -> WebhookEvent:
    row = WebhookEndpoint.objects.get(pk=endpoint["id"])
    body = b'{"id": "evt_1",  "type": "charge.refunded"}'
    return WebhookEvent.objects.create(signature_verified=True,
        organization=row.organization, webhook_endpoint=row, event_id=name,
        **{"raw_body": body, "event_type": "charge.refunded", "processing_status": "failed", **fields},
    )  # fmt: skip


def test_events_are_listed_and_filtered(api: ApiClient, endpoint: dict[str, Any], connection: Connection) -> None:
    first, second = _event(endpoint, "a"), _event(endpoint, "b", event_type="payout.paid", processing_status="pending")

    def found(**query: str) -> list[str]:
        return [row["id"] for row in api.get("webhook-events/", query).json()["results"]]

    assert found(endpoint=endpoint["id"]) == found(connection=str(connection.pk)) == [str(second.pk), str(first.pk)]
    assert found(status="failed") == found(type="charge.refunded") == [str(first.pk)]
    hour = timedelta(hours=1)
    assert found(since=(timezone.now() - hour).isoformat()) == [str(second.pk), str(first.pk)]
    assert found(until=(timezone.now() - hour).isoformat()) == []
    WebhookEvent.objects.filter(pk=first.pk).update(subject="pi_sample", error_message="The payment is unknown.")
    assert found(q="a") == found(q="pi_sample") == found(q="charge.") == found(q="is UNKNOWN") == [str(first.pk)]


def test_an_events_body_is_told_byte_for_byte_and_the_reading_written_down(
    api: ApiClient, endpoint: dict[str, Any]
) -> None:
    event = _event(endpoint, "a")
    response = api.get(f"webhook-events/{event.pk}/body/", {"reason": "a dispute"}, Accept="application/octet-stream")
    assert response.content == event.raw_body
    assert response["Content-Disposition"].startswith("attachment")
    access = WebhookAccessLog.objects.get()
    assert (access.webhook_event_id, access.actor, access.reason) == (event.pk, "token:test", "a dispute")
    assert api.get(f"webhook-events/{event.pk}/").json()["payload"]["type"] == "charge.refunded"


def test_an_event_is_replayed(api: ApiClient, endpoint: dict[str, Any]) -> None:
    event = _event(endpoint, "a")
    assert api.post(f"webhook-events/{event.pk}/replay/").status_code == 200
    event.refresh_from_db()
    assert event.processing_status != "failed"


def test_a_dry_run_of_an_event_tells_what_it_would_do(api: ApiClient, endpoint: dict[str, Any]) -> None:
    event = _event(endpoint, "a", raw_body=CAPTURED, event_type="payment_intent.succeeded")
    WebhookEndpoint.objects.update(event_types=[])
    payment = PaymentFactory(connection=event.webhook_endpoint.connection, provider_reference="pi_sample")
    before = WebhookEvent.objects.values().get()
    told = api.post(f"webhook-events/{event.pk}/replay/", {"dry_run": True}).json()
    (step,) = told.pop("events")
    assert told == {"dry_run": True, "is_wanted": True, "problem": ""}
    assert (step["type"], step["subject"], step["payment"]) == ("payment.succeeded", "pi_sample", str(payment.pk))
    assert (step["now"]["status"], step["now"]["amount_captured"]) == ("pending", "0.00")
    assert (step["becomes"]["status"], step["becomes"]["amount_captured"]) == ("captured", "12.50")
    assert (step["is_looked_up"], step["problem"]) == (False, "")
    assert WebhookEvent.objects.values().get() == before
    WebhookEvent.objects.update(raw_body=b"\xff")
    unreadable = api.post(f"webhook-events/{event.pk}/replay/", {"dry_run": True}).json()
    assert (unreadable["events"], bool(unreadable["problem"])) == ([], True)


def test_a_range_of_events_is_counted_then_replayed(api: ApiClient, endpoint: dict[str, Any]) -> None:
    for name in "abc":
        _event(endpoint, name)
    body = {"since": (timezone.now() - timedelta(hours=1)).isoformat(), "status": "failed"}
    counted = api.post("webhook-events/replay/", {**body, "dry_run": True}).json()
    assert counted == {
        "count": 3, "dry_run": True, "replay": None, "by_status": {"failed": 3}, "by_type": {"charge.refunded": 3},
    }  # fmt: skip
    by_text = [{**body, "q": text, "dry_run": True} for text in ("charge.", "payout.")]
    assert [api.post("webhook-events/replay/", asked).json()["count"] for asked in by_text] == [3, 0]
    assert WebhookEvent.objects.filter(processing_status="failed").count() == 3
    replayed = api.post("webhook-events/replay/", body).json()
    assert replayed["count"] == 3
    assert not WebhookEvent.objects.filter(processing_status="failed").exists()
    run = api.get(f"webhook-replays/{replayed['replay']}/").json()
    assert (run["status"], run["total"], run["done"], run["skipped"]) == ("completed", 3, 3, 0)
    assert (run["created_by"], run["filters"]["status"], run["events"]["pending"]) == ("token:test", "failed", 3)
    assert error_of(api.post("webhook-events/replay/", {}))["field"] == "since"


def test_named_events_are_replayed(api: ApiClient, endpoint: dict[str, Any]) -> None:
    first, second, _ = (_event(endpoint, name) for name in "abc")
    body = {"ids": [str(first.pk), str(second.pk), str(first.pk)]}
    assert api.post("webhook-events/replay/", {**body, "dry_run": True}).json()["count"] == 2
    run = api.post("webhook-events/replay/", body).json()
    assert run["count"] == 2
    found = api.get("webhook-events/", {"replay": run["replay"]}).json()["results"]
    assert {row["id"]: row["replays"] for row in found} == {str(first.pk): 1, str(second.pk): 1}
    assert error_of(api.post("webhook-events/replay/", {**body, "status": "failed"}))["field"] == "ids"
    assert error_of(api.post("webhook-events/replay/", {"ids": []}))["field"] == "ids"
    stranger = error_of(api.post("webhook-events/replay/", {"ids": [str(uuid4())]}))
    assert (stranger["field"], stranger["message"]) == ("ids", "There is no such event.")
    assert [row["id"] for row in api.get("webhook-replays/").json()["results"]] == [run["replay"]]


def test_a_replay_asked_for_twice_under_one_key_is_one(api: ApiClient, endpoint: dict[str, Any]) -> None:
    body = {"ids": [str(_event(endpoint, "a").pk)]}
    answers = [api.post("webhook-events/replay/", body, Idempotency_Key="again").json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert WebhookReplay.objects.count() == 1


def test_a_replay_is_cancelled(api: ApiClient, endpoint: dict[str, Any]) -> None:
    event = _event(endpoint, "a")
    run = WebhookReplay.objects.create(organization=event.organization, total=7, created_by="sara")
    assert api.post(f"webhook-replays/{run.pk}/cancel/").json()["status"] == "cancelled"
    again = api.post(f"webhook-replays/{run.pk}/cancel/")
    assert (again.status_code, error_of(again)["code"]) == (409, "conflict")
    assert [row["id"] for row in api.get("webhook-replays/", {"status": "running"}).json()["results"]] == []
