from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from integrations.errors import ConfigurationError, InvalidRequest
from integrations.models import Connection, Organization, PaymentSettings
from integrations.operations.payment_order import PaymentOrder
from integrations.operations.routing import route_payment
from tests.factories import ConnectionFactory, OrganizationFactory

ORDER = PaymentOrder(amount="12.50", currency="AED", reference="order-1")


def make(organization: Organization, name: str, **fields: Any) -> Connection:
    return ConnectionFactory(organization=organization, connection_name=name, **fields)


def names(organization: Organization, order: PaymentOrder = ORDER) -> list[str]:
    return [connection.connection_name for connection in route_payment(organization, order).connections]


def test_the_primary_comes_first_and_then_the_healthiest(organization: Organization) -> None:
    make(organization, "degraded", health_status="degraded")
    make(organization, "unknown")
    make(organization, "healthy", health_status="healthy")
    make(organization, "primary", is_primary=True, health_status="degraded")
    assert names(organization) == ["primary", "healthy", "unknown", "degraded"]


def test_what_is_down_is_tried_only_when_there_is_nothing_else(organization: Organization) -> None:
    down = make(organization, "down", health_status="down", is_primary=True)
    assert names(organization) == ["down"]
    make(organization, "degraded", health_status="degraded")
    assert names(organization) == ["degraded"]
    assert names(organization, replace(ORDER, connection_id=down.pk)) == ["down"]


def test_a_token_is_shown_to_no_gateway_but_its_own(organization: Organization) -> None:
    make(organization, "first", is_primary=True, health_status="healthy")
    make(organization, "second", health_status="healthy")
    make(organization, "another's", slug="tap", health_status="healthy")
    assert set(names(organization)) == {"first", "second", "another's"}
    token = replace(ORDER, payment_token="pm_sample")
    assert names(organization, token) == ["first", "second"]
    Connection.objects.filter(provider__slug="stripe").update(health_status="down")
    assert names(organization, token) == ["first", "second"]


def test_live_and_test_are_never_mixed(organization: Organization) -> None:
    make(organization, "development", environment="development")
    assert names(organization) == ["development"]
    make(organization, "staging", environment="staging")
    assert names(organization) == ["staging"]
    make(organization, "production", environment="production")
    assert names(organization) == ["production"]


def test_inactive_and_foreign_connections_are_left_out(organization: Organization) -> None:
    make(organization, "inactive", status=Connection.Status.INACTIVE)
    make(OrganizationFactory(), "foreign")
    with pytest.raises(ConfigurationError, match="No payment connection is active"):
        route_payment(organization, ORDER)


def test_only_connections_that_take_the_currency_are_tried(organization: Organization) -> None:
    dirhams = make(organization, "dirhams")
    PaymentSettings.objects.create(organization=organization, connection=dirhams, provider_name="Stripe")
    assert names(organization) == ["dirhams"]
    with pytest.raises(ConfigurationError, match="currency KWD"):
        route_payment(organization, replace(ORDER, currency="KWD"))
    with pytest.raises(InvalidRequest) as refusal:
        route_payment(organization, replace(ORDER, currency="KWD", connection_id=dirhams.pk))
    assert refusal.value.field == "currency"


@pytest.mark.parametrize("change", [{"method": "knet"}, {"country": "ZZ"}])
def test_what_no_provider_offers_is_said_clearly(organization: Organization, change: dict[str, str]) -> None:
    make(organization, "stripe")
    with pytest.raises(ConfigurationError, match=next(iter(change.values()))):
        route_payment(organization, replace(ORDER, **change))


def test_a_method_is_tried_only_where_it_is_to_be_had_in_the_currency(organization: Organization) -> None:
    tap = make(organization, "tap", slug="tap", is_primary=True)
    make(organization, "paytabs", slug="paytabs")
    knet = replace(ORDER, method="knet")
    assert names(organization, replace(knet, currency="KWD", amount="1.500")) == ["tap", "paytabs"]
    assert names(organization, replace(knet, currency="USD")) == ["paytabs"]
    with pytest.raises(ConfigurationError, match="currency AED, method knet"):
        route_payment(organization, knet)
    with pytest.raises(InvalidRequest, match="'tap' takes knet in KWD only") as refusal:
        route_payment(organization, replace(knet, connection_id=tap.pk))
    assert refusal.value.field == "method"
