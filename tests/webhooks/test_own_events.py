"""What Hub tells of payments without a gateway is seen among the events; its endpoint is nobody's address."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Connection, Payment
from integrations.operations.offline_receipts import confirm_payment
from tests.api.client import ApiClient
from tests.factories import OrganizationFactory, token_for
from tests.operations.offline import bank, came, transfer
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent
from webhooks.rehearsal import rehearse

from .event_pages import shown

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connection() -> Connection:
    return bank(OrganizationFactory())


@pytest.fixture
def payment(connection: Connection) -> Payment:
    return confirm_payment(transfer(connection.organization), came())


@pytest.fixture
def told(payment: Payment) -> WebhookEvent:
    drain()
    return WebhookEvent.objects.get()


def test_it_is_found_among_the_events_and_counted(administrator: Client, told: WebhookEvent) -> None:
    assert "payment.succeeded" in shown(administrator)
    assert WebhookEndpoint.objects.get().success_count == 1


def test_its_page_says_who_told_it_and_leads_to_no_address(administrator: Client, told: WebhookEvent) -> None:
    page = administrator.get(reverse("webhook-event", args=[told.pk])).content.decode()
    assert "Told by Hub itself" in page
    assert reverse("webhook-endpoint", args=[told.webhook_endpoint_id]) not in page


def test_a_dry_run_of_it_finds_nothing_to_do(told: WebhookEvent) -> None:
    outcome = rehearse(told)
    assert outcome.problem is None
    assert [(step.event.type, step.becomes) for step in outcome.steps] == [("payment.succeeded", None)]


def test_it_is_in_the_payment_s_story(administrator: Client, payment: Payment, told: WebhookEvent) -> None:
    page = administrator.get(
        reverse("payment-trail", args=[payment.pk]), headers={"HX-Request": "true"}
    ).content.decode()
    assert reverse("webhook-event", args=[told.pk]) in page


def test_its_endpoint_is_no_address_to_be_shown_changed_or_rotated(administrator: Client, told: WebhookEvent) -> None:
    endpoint = told.webhook_endpoint
    card = reverse("webhook-endpoint", args=[endpoint.pk])
    assert card not in shown(administrator)
    assert administrator.get(card).status_code == 404
    api = ApiClient(token_for(endpoint.organization))
    assert api.get("webhook-endpoints/").json()["results"] == []
    assert api.patch(f"webhook-endpoints/{endpoint.pk}/", {"is_active": True}).status_code == 404
    assert api.post(f"webhook-endpoints/{endpoint.pk}/rotate-secret/", {}).status_code == 404
    assert api.get("webhook-events/").json()["results"][0]["event_type"] == "payment.succeeded"
