"""Pauses, allow-lists and test events, by REST."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from integrations.models import Connection, Organization
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory
from tests.webhooks.conftest import outside_providers as outside_providers
from webhooks.models import WebhookEndpoint, WebhookEvent

from .client import ApiClient, error_of


@pytest.fixture
def path(api: ApiClient, connection: Connection) -> str:
    made = api.post("webhook-endpoints/", {"connection": str(connection.pk), "allowed_networks": ["192.0.2.0/24"]})
    assert made.status_code == 201
    return f"webhook-endpoints/{made.json()['id']}/"


def test_an_address_is_paused_and_resumed(api: ApiClient, path: str) -> None:
    for is_paused in (True, False):
        assert api.patch(path, {"is_paused": is_paused}).json()["is_paused"] is is_paused
        assert api.get(path).json()["is_paused"] is is_paused
        assert len(api.get("webhook-endpoints/", {"is_paused": str(is_paused).lower()}).json()["results"]) == 1


def test_who_may_call_is_shown_and_changed(api: ApiClient, path: str) -> None:
    assert api.get(path).json()["allowed_networks"] == ["192.0.2.0/24"]
    networks = ["198.51.100.7", "2001:db8::/32"]
    assert api.patch(path, {"allowed_networks": networks}).json()["allowed_networks"] == networks
    assert api.patch(path, {"allowed_networks": []}).json()["allowed_networks"] == []


@pytest.mark.parametrize("network", ["192.0.2.1/24", "hub.example.com", "192.0.2.0/33", "*"])
def test_what_is_no_network_is_refused(network: str, api: ApiClient, path: str, connection: Connection) -> None:
    for answer in (
        api.patch(path, {"allowed_networks": [network]}),
        api.post("webhook-endpoints/", {"connection": str(connection.pk), "allowed_networks": [network]}),
    ):
        assert (answer.status_code, error_of(answer)["field"]) == (400, "allowed_networks")
    assert WebhookEndpoint.objects.get().allowed_networks == ["192.0.2.0/24"]


def test_a_test_event_is_sent(api: ApiClient, path: str) -> None:
    sent = api.post(f"{path}test/", {"event_type": "payment_intent.succeeded"}, Idempotency_Key="try-1")
    assert sent.status_code == 201
    assert WebhookEvent.objects.get(pk=sent.json()["id"]).is_test
    again = api.post(f"{path}test/", {"event_type": "payment_intent.succeeded"}, Idempotency_Key="try-1")
    assert again.json()["id"] == sent.json()["id"]


def test_a_test_event_says_whether_its_signature_was_checked(
    api: ApiClient, organization: Organization, path: str, outside_providers: None
) -> None:
    signed = api.post(f"{path}test/", {"event_type": "charge.captured"}).json()
    assert (signed["signature_verified"], signed["note"]) == (True, "")
    connection = ConnectionFactory(organization=organization, slug="outside_certificate")
    made = api.post("webhook-endpoints/", {"connection": str(connection.pk), "webhook_secret": "outside-sample"}).json()
    sent = api.post(f"webhook-endpoints/{made['id']}/test/", {"event_type": "told"})
    assert sent.status_code == 201
    assert (sent.json()["is_test"], sent.json()["signature_verified"]) == (True, False)
    assert "Only Names its certificate by address itself can sign its events" in sent.json()["note"]
    shown = api.get(f"webhook-events/{sent.json()['id']}/").json()
    assert (shown["is_test"], shown["signature_verified"]) == (True, False)


def test_a_test_event_of_no_known_type_says_so(api: ApiClient, path: str) -> None:
    answer = api.post(f"{path}test/", {"event_type": "customer.created"})
    assert (answer.status_code, error_of(answer)["code"]) == (422, "not_supported")
    assert not WebhookEvent.objects.exists()


def test_a_test_event_needs_an_address_that_is_on(api: ApiClient, path: str) -> None:
    api.patch(path, {"is_active": False})
    answer = api.post(f"{path}test/", {"event_type": "charge.captured"})
    assert (answer.status_code, error_of(answer)["code"]) == (409, "conflict")


def test_the_audit_log_names_the_caller_behind_our_proxy(api: ApiClient, path: str, settings: Any) -> None:
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("127.0.0.0/8")]
    api.patch(path, {"is_paused": True}, X_Forwarded_For="203.0.113.9, 192.0.2.44")
    assert AuditLog.objects.get(action="webhook_endpoint.updated").ip_address == "192.0.2.44"


def test_a_secret_that_is_a_credential_of_the_connection_is_not_told_again(
    api: ApiClient, organization: Organization
) -> None:
    own = "sample-not-a-secret-at-all"
    connection = ConnectionFactory(
        organization=organization, slug="network_international", credentials={"webhook_secret": own}
    )
    made = api.post("webhook-endpoints/", {"connection": str(connection.pk)})
    assert made.status_code == 201
    assert own not in str(made.json())
