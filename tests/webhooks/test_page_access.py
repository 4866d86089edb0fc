"""The pages under /integrations/webhooks/, as people of different roles see them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Connection, Membership
from tests.factories import MembershipFactory
from webhooks.models import WebhookAccessLog, WebhookEndpoint, WebhookEvent

from .event_pages import NEW, shown

Role = Membership.Role
READS = ["webhook-event", "webhook-endpoint"]
WRITES = [
    "webhook-event-body", "webhook-event-replay", "webhook-endpoint-toggle", "webhook-endpoint-rotate",
    "webhook-endpoint-test",
]  # fmt: skip


def address(name: str, event: WebhookEvent) -> str:
    return reverse(name, args=[event.pk if "event" in name else event.webhook_endpoint_id])


def state(event: WebhookEvent) -> tuple[Any, Any]:
    endpoints = WebhookEndpoint.objects.filter(pk=event.webhook_endpoint_id).values("is_active", "updated_at")
    return list(endpoints), list(
        WebhookEvent.objects.filter(pk=event.pk).values("processing_status", "next_attempt_at")
    )


@pytest.mark.parametrize("name", READS)
def test_a_viewer_may_look(viewer: Client, received: WebhookEvent, name: str) -> None:
    assert viewer.get(address(name, received)).status_code == 200


@pytest.mark.parametrize("name", WRITES)
def test_a_viewer_may_change_nothing(viewer: Client, received: WebhookEvent, name: str) -> None:
    before = state(received)
    assert viewer.post(address(name, received)).status_code == 403
    assert state(received) == before


def test_a_viewer_makes_no_address(viewer: Client, connection: Connection) -> None:
    assert viewer.get(reverse("webhook-endpoint-new")).status_code == 403
    assert viewer.post(reverse("webhook-endpoint-new"), {**NEW, "connection": connection.pk}).status_code == 403
    assert not WebhookEndpoint.objects.exists()


def test_a_viewer_is_offered_no_button(viewer: Client, received: WebhookEvent) -> None:
    text = shown(viewer) + "".join(viewer.get(address(name, received)).content.decode() for name in READS)
    assert not [name for name in WRITES if address(name, received) in text]
    assert reverse("webhook-endpoint-new") not in text


@pytest.mark.parametrize("name", [*READS, *WRITES])
def test_what_is_another_organizations_is_not_found(administrator: Client, theirs: WebhookEvent, name: str) -> None:
    before = state(theirs)
    call = administrator.get if name in READS else administrator.post
    assert call(address(name, theirs)).status_code == 404
    assert state(theirs) == before
    assert not WebhookAccessLog.objects.exists()


@pytest.mark.parametrize("name", [*READS, *WRITES])
def test_strangers_are_sent_to_sign_in(received: WebhookEvent, name: str) -> None:
    call = Client().get if name in READS else Client().post
    response = call(address(name, received))
    assert response.status_code == 302
    assert "login" in response["Location"]
    assert not WebhookAccessLog.objects.exists()


@pytest.mark.parametrize("name", WRITES)
def test_nothing_changes_by_a_link_or_without_a_csrf_token(received: WebhookEvent, name: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(MembershipFactory(organization=received.organization, role=Role.ADMIN).user)
    before = state(received)
    assert client.get(address(name, received)).status_code == 405
    assert client.post(address(name, received)).status_code == 403
    assert state(received) == before
