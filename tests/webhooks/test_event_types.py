"""The vocabulary: every type is documented, and what is emitted is as documented."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from jsonschema import Draft202012Validator

from integrations.models import Connection, Membership
from integrations.providers.event_schemas import schema_of
from integrations.providers.events import EventType, NormalizedEvent
from integrations.providers.registry import providers
from tests.api.client import ApiClient
from tests.factories import ConnectionFactory, MembershipFactory, PaymentFactory, token_for
from webhooks.endpoints import create_endpoint
from webhooks.envelope import normalized_body
from webhooks.event_catalogue import DOMAINS, MEANINGS, catalogue, example_of
from webhooks.inbox import drain
from webhooks.models import WebhookEvent
from webhooks.signals import event_processed

from .stripe_sender import event, post

CAPTURED = sorted(Path(__file__).parents[1].glob("providers/*/events/*.json"))


def check(body: dict[str, Any]) -> None:
    """As its schema has it, and with no name in `data` that the schema does not know."""
    schema = schema_of(EventType(body["type"]))
    plain = json.loads(json.dumps(body))
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(plain)
    assert plain.keys() == schema["properties"].keys()
    assert plain["data"].keys() <= schema["properties"]["data"]["properties"].keys()


@pytest.mark.parametrize("kind", EventType, ids=str)
def test_every_type_has_a_schema_a_meaning_and_an_example_that_fits(kind: EventType) -> None:
    Draft202012Validator.check_schema(schema_of(kind))
    assert str(MEANINGS[kind])
    assert str(DOMAINS[kind.domain])
    example = example_of(kind)
    assert example["type"] == kind
    check(example)


def test_a_schema_refuses_what_is_not_as_documented() -> None:
    schema = Draft202012Validator(schema_of(EventType.PAYMENT_CAPTURED))
    good = example_of(EventType.PAYMENT_CAPTURED)
    assert schema.is_valid(good)
    assert not schema.is_valid({**good, "type": "payment.failed"})
    assert not schema.is_valid({**good, "data": {**good["data"], "amount": 12.5}})
    assert not schema.is_valid({name: value for name, value in good.items() if name != "organization"})


@pytest.mark.parametrize("captured", CAPTURED, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_every_captured_payload_becomes_events_as_documented(db: None, captured: Path) -> None:
    provider = providers()[captured.parts[-3]]
    wire = import_module(f"tests.providers.{provider.slug}.wire")
    endpoint, _ = create_endpoint(ConnectionFactory(slug=provider.slug, credentials=wire.CREDENTIALS))
    payload = json.loads(captured.read_bytes())
    stored = WebhookEvent.objects.create(
        signature_verified=True,
        organization=endpoint.organization,
        webhook_endpoint=endpoint,
        event_id="evt",
        event_type=captured.stem,
    )
    stored.refresh_from_db()
    told = provider.parse_events(payload, {})
    assert told
    for one in told:
        body = normalized_body(stored, one)
        check(body)
        assert (body["provider"], body["environment"]) == (provider.slug, "development")


def test_events_that_came_in_one_call_have_ids_of_their_own(db: None) -> None:
    endpoint, _ = create_endpoint(ConnectionFactory())
    stored = WebhookEvent.objects.create(
        signature_verified=True,
        organization=endpoint.organization,
        webhook_endpoint=endpoint,
        event_id="evt",
        event_type="batch",
    )
    stored.refresh_from_db()
    told = [NormalizedEvent(EventType.MESSAGE_READ, f"SM{n}", position=n) for n in range(3)]
    ids = [normalized_body(stored, one)["id"] for one in told]
    assert len(set(ids)) == 3
    assert ids[0] == str(stored.pk)


@pytest.fixture
def heard() -> Iterator[list[dict[str, Any]]]:
    """What `event_processed` told."""
    told: list[dict[str, Any]] = []

    def hear(sender: object, event: WebhookEvent, normalized: NormalizedEvent, body: dict[str, Any], **_: Any) -> None:
        told.append(body | {"status": WebhookEvent.objects.get(pk=event.pk).processing_status})

    event_processed.connect(hear)
    yield told
    event_processed.disconnect(hear)


@pytest.mark.django_db(transaction=True)
def test_what_was_processed_is_told_once_it_is_completed(connection: Connection, heard: list[dict[str, Any]]) -> None:
    endpoint, _ = create_endpoint(connection, webhook_secret="whsec_sample_not_a_secret")
    payment = PaymentFactory(connection=connection, provider_reference="pi_sample")
    post(f"/webhooks/{endpoint.pk}/", event())
    drain()
    (body,) = heard
    assert body.pop("status") == "completed"
    check(body)
    assert (body["type"], body["subject"]) == ("payment.succeeded", "pi_sample")
    assert body["organization"] == str(connection.organization_id)
    data = body["data"]
    assert (data["payment"], data["reference"]) == (str(payment.pk), payment.reference)
    assert (Decimal(data["amount"]), data["currency"], data["status"]) == (Decimal("12.50"), "AED", "captured")


@pytest.mark.django_db(transaction=True)
def test_a_listener_that_fails_stops_nothing(connection: Connection, heard: list[dict[str, Any]]) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError

    event_processed.connect(fail)
    try:
        endpoint, _ = create_endpoint(connection, webhook_secret="whsec_sample_not_a_secret")
        post(f"/webhooks/{endpoint.pk}/", event())
        assert drain() == 1
    finally:
        event_processed.disconnect(fail)
    assert len(heard) == 1


@pytest.mark.django_db(transaction=True)
def test_a_test_event_is_told_and_changes_nothing(connection: Connection, heard: list[dict[str, Any]]) -> None:
    endpoint, _ = create_endpoint(connection, webhook_secret="whsec_sample_not_a_secret")
    payment = PaymentFactory(connection=connection, provider_reference="pi_sample")
    post(f"/webhooks/{endpoint.pk}/", event())
    WebhookEvent.objects.update(is_test=True)
    drain()
    payment.refresh_from_db()
    assert payment.status == "pending"
    assert [one["is_test"] for one in heard] == [True]


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_page_lists_every_type_with_schema_and_example(db: None, language: str) -> None:
    client = Client(headers={"Accept-Language": language})
    client.force_login(MembershipFactory(role=Membership.Role.VIEWER).user)
    answer = client.get(reverse("event-types"))
    assert answer.status_code == 200
    text = answer.content.decode()
    assert all(f'id="{kind}"' in text for kind in EventType)
    assert "2020-12" in text
    assert f'<html lang="{language}"' in text


def test_the_page_is_for_people_of_an_organization(db: None) -> None:
    assert Client().get(reverse("event-types")).status_code == 302


def test_the_api_lists_every_type_with_its_schema(db: None) -> None:
    answer = ApiClient(token_for(ConnectionFactory().organization)).get("event-types/")
    assert answer.status_code == 200
    listed = {row["type"]: row for row in answer.json()["results"]}
    assert listed.keys() == {kind.value for kind in EventType}
    for entry in catalogue():
        row = listed[entry.type]
        assert (row["schema"], row["example"]) == (entry.schema, entry.example)
    assert {"sandbox", "stripe"} <= set(listed["payment.captured"]["providers"])
    assert ApiClient().get("event-types/").status_code == 401
