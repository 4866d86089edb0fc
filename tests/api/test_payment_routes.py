from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from integrations.models import Connection, Organization, PaymentRoute
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, MembershipFactory, token_for

from .client import ApiClient, error_of

WHOLE = {
    "name": "Large", "position": 7, "environment": "development", "country": "AE", "currency": "AED", "method": "card",
    "min_amount": "100", "max_amount": "500.5", "is_active": False,
}  # fmt: skip


@pytest.fixture
def till(organization: Organization) -> Connection:
    made: Connection = ConnectionFactory(organization=organization, connection_name="till", slug="sandbox")
    return made


def test_a_rule_is_made_shown_changed_and_deleted(api: ApiClient, till: Connection) -> None:
    made = api.post("payment-routes/", {**WHOLE, "connection": str(till.pk)})
    assert made.status_code == 201
    shown = made.json()
    path = f"payment-routes/{shown['id']}/"
    assert {
        **WHOLE,
        "connection": str(till.pk),
        "min_amount": "100.00",
        "max_amount": "500.50",
    }.items() <= shown.items()
    assert api.get(path).json() == shown
    changed = api.patch(path, {"max_amount": None, "is_active": True})
    assert (changed.status_code, changed.json()["max_amount"], changed.json()["is_active"]) == (200, None, True)
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    written = AuditLog.objects.filter(action__startswith="payment_route.").order_by("id")
    assert [entry.action.partition(".")[2] for entry in written] == ["created", "updated", "deleted"]


def test_a_rule_needs_no_more_than_a_name_and_a_connection_and_comes_last(api: ApiClient, till: Connection) -> None:
    shown = [api.post("payment-routes/", {"name": name, "connection": str(till.pk)}).json() for name in "ab"]
    assert [row["position"] for row in shown] == [10, 20]
    assert (shown[0]["min_amount"], shown[0]["currency"], shown[0]["is_active"]) == (None, "", True)
    api.patch(f"payment-routes/{shown[1]['id']}/", {"position": 0})
    page = api.get("payment-routes/", {"page_size": "1"}).json()
    assert [row["name"] for row in page["results"]] == ["b"]
    assert [row["name"] for row in api.get(page["next"].removeprefix("http://testserver")).json()["results"]] == ["a"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"currency": ""}, "currency"),
        ({"currency": "KWX", "min_amount": None, "max_amount": None}, "currency"),
        ({"min_amount": "100.001"}, "min_amount"),
        ({"min_amount": True}, "min_amount"),
        ({"max_amount": "99.99"}, "max_amount"),
        ({"method": "telepathy"}, "method"),
        ({"environment": "production"}, "environment"),
        ({"country": "UAE"}, "country"),
        ({"country": "UK"}, "country"),
        ({"position": 40_000}, "position"),
        ({"priority": 1}, "priority"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_and_nothing_is_kept(
    api: ApiClient, till: Connection, change: dict[str, Any], field: str
) -> None:
    refused = api.post("payment-routes/", {**WHOLE, "connection": str(till.pk), **change})
    assert (refused.status_code, error_of(refused)["field"]) == (400, field)
    assert not PaymentRoute.objects.exists()


def test_only_a_payment_connection_takes_payments(api: ApiClient, organization: Organization) -> None:
    shipping = ConnectionFactory(organization=organization, provider_type="shipping")
    refused = api.post("payment-routes/", {"name": "a", "connection": str(shipping.pk)})
    assert (refused.status_code, error_of(refused)["field"]) == (400, "connection")


def test_the_same_key_makes_one_rule(api: ApiClient, till: Connection) -> None:
    body = {"name": "a", "connection": str(till.pk)}
    first, again = (api.post("payment-routes/", body, Idempotency_Key="once") for _ in range(2))
    assert first.json() == again.json()
    assert PaymentRoute.objects.count() == 1


@pytest.mark.parametrize(
    ("scope", "reads", "writes"), [("read", 200, 403), ("payments", 403, 403), ("connections", 200, 201)]
)
def test_a_token_that_takes_payments_does_not_decide_where_they_go(
    organization: Organization, till: Connection, scope: str, reads: int, writes: int
) -> None:
    api = ApiClient(token_for(organization, scope))
    assert api.get("payment-routes/").status_code == reads
    assert api.post("payment-routes/", {"name": "a", "connection": str(till.pk)}).status_code == writes


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("staff", 403), ("admin", 201)])
def test_everyone_sees_the_rules_and_administrators_change_them(
    client: Client, organization: Organization, till: Connection, role: str, status: int
) -> None:
    client.force_login(MembershipFactory(organization=organization, role=role).user)
    api = ApiClient(django=client)
    assert api.get("payment-routes/").status_code == 200
    assert api.post("payment-routes/", {"name": "a", "connection": str(till.pk)}).status_code == status
