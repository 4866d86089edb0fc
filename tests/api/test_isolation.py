"""Another organization's rows are not found, by whichever address they are asked for, just as rows that nobody has."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

import pytest

from integrations.models import Connection, Organization, Payment, PaymentRoute
from integrations.operations.catalogue import sync_catalogue
from tests.factories import ConnectionFactory, CredentialFactory, catalogue_row, token_for
from tests.operations.stripe_wire import StripeWire, connect
from tests.pages.rows import plant
from webhooks.models import WebhookDelivery, WebhookDestination, WebhookEndpoint, WebhookEvent, WebhookReplay

from .client import ApiClient, error_of

LISTS = [
    "connections/", "payments/", "payment-routes/", "payment-disputes/", "payment-settlements/", "webhook-endpoints/",
    "webhook-events/", "webhook-replays/", "logs/", "health-checks/", "analytics/", "metrics-hourly/", "alerts/",
    "maintenance-windows/", "audit-logs/", "webhook-destinations/", "webhook-deliveries/",
]  # fmt: skip
CALLS = [
    ("GET", "connections/{connection}/", None),
    ("PATCH", "connections/{connection}/", {"connection_name": "Taken"}),
    ("DELETE", "connections/{connection}/", None),
    ("POST", "connections/{connection}/test/", None),
    ("POST", "connections/{connection}/activate/", None),
    ("POST", "connections/{connection}/deactivate/", None),
    ("GET", "connections/{connection}/proxy/v1/balance", None),
    ("POST", "connections/{connection}/proxy/v1/refunds", {}),
    ("GET", "connections/{connection}/credentials/", None),
    ("POST", "connections/{connection}/credentials/", {"credential_key": "webhook_secret", "value": "whsec_sample"}),
    ("POST", "connections/{connection}/credentials/{credential}/rotate/", {"value": "sk_test_other_not_a_key"}),
    ("POST", "connections/{connection}/credentials/{credential}/deactivate/", None),
    ("GET", "connections/{connection}/rate-limits/", None),
    ("GET", "connections/{connection}/rate-limits/check/", None),
    ("POST", "connections/{connection}/rate-limits/", {"limit_type": "per_day", "max_requests": 1}),
    ("PATCH", "connections/{connection}/rate-limits/{limit}/", {"max_requests": 1}),
    ("GET", "connections/{connection}/health/", None),
    ("POST", "connections/{connection}/health/check/", None),
    ("GET", "connections/{connection}/health-rule/", None),
    ("PATCH", "connections/{connection}/health-rule/", {"slow_ms": 100}),
    ("DELETE", "connections/{connection}/health-rule/", None),
    ("GET", "maintenance-windows/{window}/", None),
    ("PATCH", "maintenance-windows/{window}/", {"reason": "Taken"}),
    ("POST", "maintenance-windows/{window}/end/", None),
    (
        "POST", "maintenance-windows/",
        {"ends_at": "2099-01-01T00:00:00Z", "starts_at": "2098-12-31T00:00:00Z", "reason": "r",
         "connection": "{connection}"},
    ),
    ("GET", "payments/{payment}/", None),
    ("POST", "payments/{payment}/capture/", {}),
    ("POST", "payments/{payment}/void/", None),
    ("POST", "payments/{payment}/refund/", {}),
    ("POST", "payments/{payment}/sync/", None),
    ("GET", "payment-routes/{route}/", None),
    ("PATCH", "payment-routes/{route}/", {"name": "Taken"}),
    ("DELETE", "payment-routes/{route}/", None),
    ("POST", "payment-routes/", {"name": "Mine", "connection": "{connection}"}),
    ("GET", "payment-disputes/{dispute}/", None),
    (
        "POST", "payments/{payment}/confirm/",
        {"amount": "12.50", "currency": "AED", "reference": "r", "received_on": "2026-01-02", "confirmed": True},
    ),
    ("POST", "payments/{payment}/refuse/", {"reason": "r"}),
    (
        "POST", "payments/{payment}/record-refund/",
        {"refund": "{payment}", "method": "cash", "reference": "r", "paid_on": "2026-01-02"},
    ),
    ("POST", "payments/{payment}/drop-refund/", {"refund": "{payment}"}),
    ("GET", "payments/{payment}/proofs/", None),
    ("GET", "payments/{payment}/proofs/{proof}/file/", None),
    ("GET", "webhook-endpoints/{endpoint}/", None),
    ("PATCH", "webhook-endpoints/{endpoint}/", {"is_active": False}),
    ("POST", "webhook-endpoints/{endpoint}/rotate-secret/", {}),
    ("POST", "webhook-endpoints/{endpoint}/test/", {"event_type": "charge.captured"}),
    ("GET", "webhook-events/{event}/", None),
    ("GET", "webhook-events/{event}/body/", None),
    ("POST", "webhook-events/{event}/replay/", None),
    ("GET", "webhook-replays/{replay}/", None),
    ("POST", "webhook-replays/{replay}/cancel/", None),
    ("GET", "webhook-destinations/{destination}/", None),
    ("PATCH", "webhook-destinations/{destination}/", {"description": "Taken"}),
    ("DELETE", "webhook-destinations/{destination}/", None),
    ("POST", "webhook-destinations/{destination}/rotate-secret/", {}),
    ("POST", "webhook-destinations/{destination}/enable/", None),
    ("POST", "webhook-destinations/{destination}/test/", None),
    ("GET", "webhook-deliveries/{delivery}/", None),
    ("POST", "webhook-deliveries/{delivery}/retry/", None),
    ("POST", "webhook-deliveries/retry/", {"destination": "{destination}"}),
    ("POST", "webhook-deliveries/retry/", {"event": "{event}"}),
    ("POST", "webhook-destinations/", {"url": "https://example.com/", "connection": "{connection}"}),
    ("GET", "logs/{log}/", None),
    ("GET", "health-checks/{check}/", None),
    ("GET", "analytics/{day}/", None),
    ("GET", "metrics-hourly/{hour}/", None),
    ("GET", "alerts/{alert}/", None),
    ("GET", "audit-logs/{entry}/", None),
    ("POST", "payments/", {"amount": "12.50", "currency": "AED", "reference": "r", "connection": "{connection}"}),
    ("POST", "webhook-endpoints/", {"connection": "{connection}"}),
    ("POST", "webhook-events/replay/", {"since": "2026-01-01T00:00:00Z", "endpoint": "{endpoint}"}),
    ("POST", "webhook-events/replay/", {"since": "2026-01-01T00:00:00Z", "replay": "{replay}"}),
    ("POST", "webhook-events/replay/", {"ids": ["{event}"]}),
]  # fmt: skip
_LABELS = {
    "connection": "integrations.Connection", "credential": "integrations.Credential", "limit": "integrations.RateLimit",
    "route": "integrations.PaymentRoute", "dispute": "integrations.PaymentDispute",
    "settlement": "integrations.PaymentSettlement", "payment": "integrations.Payment",
    "proof": "integrations.PaymentProof",
    "endpoint": "webhooks.WebhookEndpoint", "event": "webhooks.WebhookEvent",
    "replay": "webhooks.WebhookReplay",
    "destination": "webhooks.WebhookDestination", "delivery": "webhooks.WebhookDelivery",
    "window": "monitoring.MaintenanceWindow",
    "log": "monitoring.CallLog", "check": "monitoring.HealthCheck", "day": "monitoring.DailyAnalytics",
    "hour": "monitoring.HourlyMetrics", "alert": "monitoring.Alert", "entry": "monitoring.AuditLog",
}  # fmt: skip


def _ids(organization: Organization, mark: str) -> dict[str, str]:
    rows = plant(organization, mark)
    return {name: str(rows[label].pk) for name, label in _LABELS.items()}


def _send(api: ApiClient, method: str, path: str, body: Any, ids: dict[str, str]) -> Any:
    if body is not None:
        body = json.loads(re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], json.dumps(body)))
    return api.send(method, path.format(**ids), body)


@pytest.fixture
def theirs(organization: Organization, other: Organization, wire: StripeWire) -> dict[str, str]:
    """Rows of the other organization; ours could take a payment."""
    connect(organization, wire)
    return _ids(other, "theirs")


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_what_is_another_organizations_is_not_found(
    method: str, path: str, body: Any, api: ApiClient, theirs: dict[str, str]
) -> None:
    response = _send(api, method, path, body, theirs)
    unknown = _send(api, method, path, body, {name: str(uuid4()) for name in theirs})
    assert (response.status_code, unknown.status_code) == (404, 404)
    told, told_of_unknown = error_of(response), error_of(unknown)
    assert {**told, "request_id": ""} == {**told_of_unknown, "request_id": ""}
    _assert_untouched(theirs)


def _assert_untouched(theirs: dict[str, str]) -> None:
    connection = Connection.objects.get(pk=theirs["connection"])
    assert (connection.connection_name, connection.status) == ("theirs connection", "active")
    assert connection.credentials.count() == connection.rate_limits.count() == 1
    assert connection.credentials.get().is_active
    assert Payment.objects.get(pk=theirs["payment"]).status == Payment.Status.PENDING
    assert PaymentRoute.objects.get().name == "theirs rule"
    assert WebhookEndpoint.objects.get().is_active
    assert WebhookEvent.objects.get().replays == 0
    assert WebhookReplay.objects.get().is_open
    assert WebhookDestination.objects.get().description == "theirs destination"
    assert WebhookDelivery.objects.get().status == "failed"
    assert not Payment.objects.exclude(pk=theirs["payment"]).exists()


@pytest.mark.parametrize("path", LISTS)
def test_lists_hold_our_rows_alone(path: str, organization: Organization, other: Organization) -> None:
    ours, theirs = _ids(organization, "ours"), _ids(other, "theirs")
    for owner, own, foreign in ((organization, ours, theirs), (other, theirs, ours)):
        shown = {row["id"] for row in ApiClient(token_for(owner)).get(path).json()["results"]}
        assert shown & set(own.values())
        assert not shown & set(foreign.values())


@pytest.mark.parametrize("path", [*LISTS[1:-1]])
def test_a_filter_by_their_connection_finds_no_row_of_theirs(path: str, api: ApiClient, theirs: dict[str, str]) -> None:
    response = api.get(path, {"connection": theirs["connection"]})
    assert response.status_code == 400 or response.json()["results"] == []


def test_a_credential_is_only_found_below_its_own_connection(
    organization: Organization, api: ApiClient, connection: Connection
) -> None:
    elsewhere = CredentialFactory(connection=ConnectionFactory(organization=organization))
    path = f"connections/{connection.pk}/credentials/{elsewhere.pk}/deactivate/"
    assert api.post(path).status_code == 404
    elsewhere.refresh_from_db()
    assert elsewhere.is_active


def test_who_can_take_a_payment_names_none_of_their_connections(
    organization: Organization, other: Organization, api: ApiClient
) -> None:
    sync_catalogue()
    ours, theirs = _ids(organization, "ours"), _ids(other, "theirs")
    (stripe,) = api.get("payments/providers/", {"capability": "link", "country": "AE"}).json()["results"]
    assert [one["id"] for one in stripe["connections"]] == [ours["connection"]]
    assert theirs["connection"] not in str(stripe)


def test_a_private_provider_is_its_organizations_secret(api: ApiClient, other: Organization) -> None:
    row = catalogue_row("stripe")
    row.organization, row.payment_capabilities = other, ["card"]
    row.save()
    assert api.get("providers/").json()["results"] == []
    assert api.get("providers/stripe/").status_code == 404
    assert api.get("payments/providers/", {"capability": "card", "country": "AE"}).json()["results"] == []
    refused = api.post("connections/", {"provider": "stripe", "connection_name": "Mine"})
    unknown = api.post("connections/", {"provider": "nobody", "connection_name": "Mine"})
    assert error_of(refused)["message"].replace("stripe", "nobody") == error_of(unknown)["message"]
