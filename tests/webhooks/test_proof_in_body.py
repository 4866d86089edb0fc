"""A token that stands in the body proves its sender, so whoever could read it could send: it is kept nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Membership
from tests.api.client import ApiClient
from tests.factories import ConnectionFactory, MembershipFactory, token_for
from tests.forward.receiver import Receiver
from webhooks.archive import archive_bodies
from webhooks.endpoints import create_endpoint
from webhooks.forward.destinations import create_destination
from webhooks.forward.drain import drain as drain_deliveries
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent
from webhooks.payloads import payload_of
from webhooks.replay import replay_event
from webhooks.samples import send_test_event
from webhooks.stored_body import body_of

from . import outside
from .conftest import outside_providers as outside_providers

TOKEN = "sample-token-nobody-is-to-read"
EVENTS = Path(__file__).parents[1] / "providers" / "moyasar" / "events"
BODY = (EVENTS / "payment_paid.json").read_bytes().replace(b"sample-not-a-secret", TOKEN.encode())

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def endpoint(tmp_path: Path, settings: Any) -> WebhookEndpoint:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    options = {"BACKEND": "integrations.folder_storage.FolderStorage", "OPTIONS": {"location": str(tmp_path / "files")}}
    settings.STORAGES = {**settings.STORAGES, "folder": options}
    return create_endpoint(ConnectionFactory(slug="moyasar"), webhook_secret=TOKEN)[0]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def post(endpoint: WebhookEndpoint, body: bytes = BODY) -> WebhookEvent:
    answer = outside.post(endpoint.webhook_url, body, {"content-type": "application/json"})
    assert answer.status_code == 200
    return WebhookEvent.objects.latest("pk")


def program(event: WebhookEvent) -> ApiClient:
    return ApiClient(token_for(event.organization, "webhooks"))


def test_what_is_stored_is_what_came_but_for_the_token(endpoint: WebhookEndpoint) -> None:
    stored = post(endpoint)
    assert bytes(stored.raw_body or b"") == BODY.replace(TOKEN.encode(), b"[redacted]")
    assert TOKEN not in str(WebhookEvent.objects.values())


def test_a_token_that_does_not_fit_is_refused_as_ever(endpoint: WebhookEndpoint) -> None:
    for token in (b"another-token", b"[redacted]", b""):
        answer = outside.post(endpoint.webhook_url, BODY.replace(TOKEN.encode(), token), {})
        assert answer.status_code == 401


def test_the_event_is_processed_and_replayed_without_it(endpoint: WebhookEndpoint) -> None:
    stored = post(endpoint)
    for _ in range(2):
        drain()
        stored.refresh_from_db()
        assert (stored.processing_status, stored.normalized_type) == ("completed", "payment.succeeded")
        replay_event(stored)


def test_neither_the_outline_nor_the_body_shows_it_to_a_program(endpoint: WebhookEndpoint) -> None:
    stored = post(endpoint)
    drain()
    assert TOKEN.encode() not in program(stored).get(f"webhook-events/{stored.pk}/").content
    read = program(stored).get(f"webhook-events/{stored.pk}/body/", query={"reason": "a test"})
    assert read.status_code == 200
    assert json.loads(read.content) == {**json.loads(BODY), "secret_token": "[redacted]"}


def test_no_page_shows_it(endpoint: WebhookEndpoint) -> None:
    stored = post(endpoint)
    drain()
    client = Client()
    client.force_login(MembershipFactory(organization=stored.organization, role=Membership.Role.ADMIN).user)
    page = client.get(reverse("webhook-event", args=[stored.pk]))
    whole = client.post(reverse("webhook-event-body", args=[stored.pk]), {"reason": "a test", "action": "read"})
    assert (page.status_code, whole.status_code) == (200, 200)
    assert "payment_paid" in whole.content.decode()
    assert TOKEN.encode() not in page.content + whole.content


def test_a_destination_that_wants_the_raw_form_does_not_get_it(endpoint: WebhookEndpoint, receiver: Receiver) -> None:
    create_destination(endpoint.organization, url=receiver.url, form="raw")
    stored = post(endpoint)
    drain()
    drain_deliveries()
    assert receiver.requests[0].body == bytes(stored.raw_body or b"")
    assert TOKEN.encode() not in receiver.requests[0].body


def test_it_is_not_in_the_archive_either(endpoint: WebhookEndpoint) -> None:
    stored = post(endpoint)
    drain()
    assert archive_bodies() == 1
    stored.refresh_from_db()
    assert stored.raw_body is None
    assert TOKEN.encode() not in body_of(stored)
    assert payload_of(stored)["id"] == stored.event_id


def test_a_test_event_that_is_signed_with_it_does_not_keep_it(endpoint: WebhookEndpoint) -> None:
    stored = WebhookEvent.objects.get(pk=send_test_event(endpoint, "payment_paid"))
    assert stored.signature_verified
    assert TOKEN.encode() not in bytes(stored.raw_body or b"")


def test_the_id_of_an_event_without_one_does_not_depend_on_it(outside_providers: None) -> None:
    """It comes again with another token once that was rotated, and is the same event."""
    endpoint = outside.connect("outside_body")
    for secret in (outside.SECRET, "another-sample-not-a-secret"):
        endpoint.webhook_secret = secret
        endpoint.save()
        assert outside.deliver(endpoint, b'{"kind": "told"}', secret=secret).status_code == 200
    assert WebhookEvent.objects.count() == 1
