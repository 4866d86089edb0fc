"""The payment gateways: how each stands, what it came to, and how it is set."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import (
    Connection,
    IntegrationProvider,
    Organization,
    PaymentDispute,
    PaymentSettings,
    PaymentSettlement,
)
from integrations.models.base import first_uuid7
from integrations.operations.gateway_figures import GatewayFigures
from integrations.providers.registry import get_provider
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, OrganizationFactory, PaymentFactory
from webhooks.endpoints import create_endpoint

TEST_RIBBON = "TEST: no real money moves"


def gateway(organization: Organization, name: str = "Till", **fields: Any) -> Connection:
    connection: Connection = ConnectionFactory(organization=organization, connection_name=name, **fields)
    PaymentSettings.objects.create(organization=organization, connection=connection, provider_name="Stripe")
    return connection


@pytest.fixture
def till(organization: Organization) -> Connection:
    return gateway(organization, environment=Connection.Environment.PRODUCTION)


def figures(client: Client, connection: Connection) -> GatewayFigures:
    shown = dict(client.get(reverse("payment-gateways")).context["gateways"])
    return shown[connection]  # type: ignore[no-any-return]


def settled(connection: Connection, currency: str, captured: str, days_ago: int = 0) -> None:
    PaymentSettlement.objects.create(
        organization=connection.organization, connection=connection, day=timezone.localdate() - timedelta(days_ago),
        currency=currency, payments=1, captured=captured, refunded="1", fees="0.5",
        net=Decimal(captured) - Decimal("1.5"),
    )  # fmt: skip


def test_a_week_without_disputes_has_no_column_for_them(viewer: Client, till: Connection) -> None:
    settled(till, "AED", "100.00")
    assert "Disputed</th>" not in viewer.get(reverse("payment-gateways")).text
    PaymentSettlement.objects.update(disputed="12.50")
    text = viewer.get(reverse("payment-gateways")).text
    assert "Disputed</th>" in text
    assert "AED\N{NO-BREAK SPACE}12.50" in text


def test_neither_a_test_connection_nor_a_live_one_can_be_overlooked(
    viewer: Client, organization: Organization, till: Connection
) -> None:
    page = viewer.get(reverse("payment-gateways")).text
    assert TEST_RIBBON not in page
    assert page.count("hub-badge--live") == 1
    gateway(organization, "Trial", environment=Connection.Environment.STAGING)
    assert viewer.get(reverse("payment-gateways")).text.count(TEST_RIBBON) == 1


def test_the_success_rate_is_of_payments_that_were_decided_and_says_of_how_many(
    viewer: Client, till: Connection
) -> None:
    for status in ("captured", "captured", "authorised", "refunded", "disputed", "partially_refunded"):
        PaymentFactory(connection=till, status=status)
    for status in ("failed", "failed", "cancelled", "pending", "requires_action"):
        PaymentFactory(connection=till, status=status, failure_code="card_declined")
    PaymentFactory(connection=till, status="failed", failure_code="expired")
    PaymentFactory(connection=till, status="failed", pk=first_uuid7(timezone.now() - timedelta(days=31)))
    shown = figures(viewer, till)
    assert (shown.taken, shown.decided, shown.success_percent) == (6, 8, Decimal("75.0"))
    assert "6 of 8 decided payments" in viewer.get(reverse("payment-gateways")).text


def test_where_nothing_was_decided_there_is_no_rate(viewer: Client, till: Connection) -> None:
    assert figures(viewer, till).success_percent is None


def test_dirhams_are_added_up_and_other_currencies_stand_beside_them(viewer: Client, till: Connection) -> None:
    settled(till, "AED", "100.00")
    settled(till, "AED", "50.00", days_ago=10)
    settled(till, "SAR", "70.00")
    settled(till, "AED", "999.00", days_ago=31)
    shown = figures(viewer, till)
    assert shown.captured_aed == Decimal(150)
    assert [(row["currency"], row["captured"]) for row in shown.other_volume] == [("SAR", Decimal(70))]
    assert [(row["currency"], row["net"]) for row in shown.days] == [("AED", Decimal("98.5")), ("SAR", Decimal("68.5"))]
    assert timezone.localdate().strftime("%d/%m/%Y") in viewer.get(reverse("payment-gateways")).text


def test_what_has_to_be_looked_at_is_counted_and_linked(viewer: Client, till: Connection) -> None:
    payment = PaymentFactory(connection=till, difference="missing")
    for status in ("open", "won"):
        PaymentDispute.objects.create(
            organization=till.organization, payment=payment, provider_reference=status, status=status
        )
    shown = figures(viewer, till)
    assert (shown.differences, shown.disputes) == (1, 1)
    assert f"?connection={till.pk}&amp;difference=any" in viewer.get(reverse("payment-gateways")).text


def test_a_missing_webhook_address_is_said_and_one_that_is_there_is_linked(
    administrator: Client, till: Connection
) -> None:
    to_make = reverse("connection-webhooks", args=[till.pk])
    assert to_make in administrator.get(reverse("payment-gateways")).text
    endpoint, _ = create_endpoint(till, webhook_secret="whsec_sample_not_a_secret")
    text = administrator.get(reverse("payment-gateways")).text
    assert reverse("webhook-endpoint", args=[endpoint.pk]) in text
    assert to_make not in text


def test_another_organizations_gateways_and_figures_stay_theirs(viewer: Client, till: Connection) -> None:
    theirs = gateway(OrganizationFactory(), "Theirs")
    PaymentFactory(connection=theirs, status="captured")
    settled(theirs, "AED", "5")
    answer = viewer.get(reverse("payment-gateways"))
    assert "Theirs" not in answer.text
    assert figures(viewer, till).decided == 0


def test_a_viewer_sees_no_buttons(viewer: Client, till: Connection) -> None:
    text = viewer.get(reverse("payment-gateways")).text
    for name in ("payment-gateway-settings", "connection-webhooks"):
        assert reverse(name, args=[till.pk]) not in text
    assert viewer.get(reverse("payment-gateway-settings", args=[till.pk])).status_code == 403
    assert viewer.post(reverse("payment-gateway-settings", args=[till.pk]), {}).status_code == 403


def currencies_shown(client: Client) -> list[str]:
    return re.findall(
        r'<span class="hub-badge" dir="ltr">([A-Z]{3})</span>', client.get(reverse("payment-gateways")).text
    )


def test_of_many_currencies_the_regions_are_named_and_the_rest_counted(
    viewer: Client, organization: Organization
) -> None:
    connection = gateway(organization)
    PaymentSettings.objects.filter(connection=connection).update(supported_currencies=[])
    IntegrationProvider.objects.filter(slug="stripe").update(
        supported_currencies=list(get_provider("stripe").currencies)
    )
    shown = currencies_shown(viewer)
    assert shown[:3] == ["AED", "BHD", "EGP"]
    assert len(shown) == 12
    assert "and 125 more" in viewer.get(reverse("payment-gateways")).text


def test_an_account_in_one_currency_is_shown_with_that_alone(viewer: Client, organization: Organization) -> None:
    ConnectionFactory(organization=organization, slug="bank_transfer", configuration={"currency": "SAR"})
    ConnectionFactory(organization=organization, slug="tabby", configuration={"country": "KW"})
    assert sorted(currencies_shown(viewer)) == ["KWD", "SAR"]


def test_without_a_gateway_the_page_says_what_to_do(viewer: Client, administrator: Client) -> None:
    answer = administrator.get(reverse("payment-gateways"))
    assert "No payment gateway yet" in answer.text
    assert reverse("setup") in answer.text


def test_twenty_gateways_cost_what_one_does(
    viewer: Client, organization: Organization, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        connection = gateway(organization, f"Till {number}")
        PaymentFactory(connection=connection, status="captured", difference="missing")
        settled(connection, "AED", "5")
        settled(connection, "SAR", "5")
    with django_assert_max_num_queries(24):
        answer = viewer.get(reverse("payment-gateways"))
    assert len(answer.context["gateways"]) == 20


SETTINGS = {
    "supported_currencies": ["AED", "SAR"],
    "supported_payment_methods": ["card"],
    "success_url": "https://shop.example/thanks",
    "cancel_url": "",
    "settlement_schedule": "weekly",
    "fee_percent": "2.9",
    "fee_fixed": "1",
}


def test_settings_are_changed_and_written_down(administrator: Client, till: Connection) -> None:
    answer = administrator.post(reverse("payment-gateway-settings", args=[till.pk]), SETTINGS)
    assert answer.headers["Location"] == reverse("payment-gateways")
    kept = PaymentSettings.objects.get(connection=till)
    assert (kept.supported_currencies, kept.supported_payment_methods) == (["AED", "SAR"], ["card"])
    assert (kept.auto_capture, kept.settlement_schedule) == (False, "weekly")
    assert (kept.fee_percent, kept.fee_fixed) == (Decimal("2.9"), Decimal(1))
    changes = AuditLog.objects.get(action="payment_settings.updated").changes
    assert changes["settlement_schedule"] == ["daily", "weekly"]
    assert "cancel_url" not in changes


def test_a_fee_is_shown_as_it_was_typed(administrator: Client, till: Connection) -> None:
    PaymentSettings.objects.filter(connection=till).update(fee_percent="2.75", fee_fixed="1.00")
    page = administrator.get(reverse("payment-gateway-settings", args=[till.pk])).text
    assert 'value="2.75"' in page
    assert 'value="1"' in page


def test_settings_that_stay_as_they_are_leave_no_entry(administrator: Client, till: Connection) -> None:
    for _ in range(2):
        administrator.post(reverse("payment-gateway-settings", args=[till.pk]), SETTINGS)
    assert AuditLog.objects.filter(action="payment_settings.updated").count() == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("success_url", "javascript:alert(1)"),
        ("supported_currencies", ["XYZ"]),
        ("supported_payment_methods", ["barter"]),
        ("fee_percent", "-1"),
        ("fee_percent", "101"),
        ("settlement_schedule", "never"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_and_nothing_is_changed(
    administrator: Client, till: Connection, name: str, value: Any
) -> None:
    answer = administrator.post(reverse("payment-gateway-settings", args=[till.pk]), {**SETTINGS, name: value})
    assert answer.status_code == 400
    assert name in answer.context["form"].errors
    assert PaymentSettings.objects.get(connection=till).settlement_schedule == "daily"


def test_another_organizations_settings_are_not_found(administrator: Client, till: Connection) -> None:
    theirs = gateway(OrganizationFactory(), "Theirs")
    assert administrator.post(reverse("payment-gateway-settings", args=[theirs.pk]), SETTINGS).status_code == 404
