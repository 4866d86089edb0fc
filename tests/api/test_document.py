from __future__ import annotations

import re
from typing import Any

from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client

from .client import document


def test_the_document_is_valid_and_generated_without_a_warning(tmp_path: Any, db: None) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))


def test_the_document_is_served_to_anyone(db: None) -> None:
    response = Client().get("/api/v1/schema/", headers={"Accept": "application/json"})
    assert response.status_code == 200
    assert response.json()["paths"].keys() == document()["paths"].keys()


def test_every_operation_documents_its_errors_and_how_to_sign_in() -> None:
    operations = [operation for path in document()["paths"].values() for operation in path.values()]
    assert len(operations) > 40
    for operation in operations:
        schema = operation["responses"]["default"]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Error"}
        assert {"token": []} in operation["security"]
        assert {} not in operation["security"]


def test_every_promised_resource_is_documented() -> None:
    promised = [
        "providers/", "providers/{slug}/", "connections/", "connections/{id}/", "connections/{id}/test/",
        "connections/{id}/activate/", "connections/{id}/deactivate/", "connections/{connection_pk}/proxy/{path}",
        "connections/{connection_pk}/credentials/", "connections/{connection_pk}/credentials/{id}/rotate/",
        "connections/{connection_pk}/credentials/{id}/deactivate/", "connections/{connection_pk}/rate-limits/",
        "connections/{connection_pk}/rate-limits/check/", "payments/", "payments/{id}/", "payments/{id}/capture/",
        "payments/{id}/void/", "payments/{id}/refund/", "payments/{id}/sync/", "payments/providers/",
        "payment-routes/", "payment-routes/{id}/", "payment-disputes/", "payment-disputes/{id}/",
        "payment-settlements/", "payments/{id}/confirm/", "payments/{payment_pk}/proofs/", "webhook-endpoints/",
        "webhook-endpoints/{id}/rotate-secret/", "webhook-events/", "webhook-events/{id}/body/",
        "webhook-events/{id}/replay/", "webhook-events/replay/", "webhook-replays/", "webhook-replays/{id}/",
        "webhook-replays/{id}/cancel/", "event-types/", "webhook-destinations/", "webhook-destinations/{id}/",
        "webhook-destinations/{id}/rotate-secret/", "webhook-destinations/{id}/test/",
        "webhook-destinations/{id}/enable/", "webhook-deliveries/", "webhook-deliveries/{id}/",
        "webhook-deliveries/{id}/retry/", "webhook-deliveries/retry/", "logs/", "health-checks/", "analytics/",
        "metrics-hourly/", "audit-logs/",
    ]  # fmt: skip
    assert {f"/api/v1/{path}" for path in promised} <= document()["paths"].keys()


def test_no_secret_is_part_of_an_answer() -> None:
    """But for a webhook's, when it is made, and a payment's, for the payer's browser."""
    schemas = document()["components"]["schemas"]
    answered = {
        (name, field)
        for name, schema in schemas.items()
        if not name.endswith("Request")
        for field, described in schema.get("properties", {}).items()
        if re.search("secret|token|password|^value$|encrypted_value", field) and not described.get("writeOnly")
    }
    with_secret = {("EndpointWithSecret", "webhook_secret"), ("DestinationWithSecret", "signing_secret")}
    shown = ("EndpointRow", "EndpointWithSecret", "DestinationRow", "DestinationWithSecret")
    expiry = {(name, "previous_secret_expires_at") for name in shown}
    assert answered == expiry | with_secret | {("PaymentDetail", "client_secret")}


def test_the_documentation_page_loads_nothing_from_elsewhere(db: None) -> None:
    page = Client().get("/api/v1/docs/").content.decode()
    assert not re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", page)
    for path in re.findall(r'(?:src|href)="/static/([^"]+)"', page):
        assert finders.find(path), path
