from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from integrations.errors import ConfigurationError, InvalidRequest
from integrations.models import Connection, Organization, Payment, PaymentRoute, PaymentSettings
from integrations.models.base import first_uuid7
from integrations.operations import track_record
from integrations.operations.payment_order import PaymentOrder
from integrations.operations.routing import route_payment
from tests.factories import ConnectionFactory, OrganizationFactory, PaymentFactory

ORDER = PaymentOrder(amount="12.50", currency="AED", reference="order-1", country="AE", method="card")


def make(organization: Organization, name: str, **fields: Any) -> Connection:
    connection: Connection = ConnectionFactory(organization=organization, connection_name=name, **fields)
    return connection


def rule(connection: Connection, **parts: Any) -> PaymentRoute:
    return PaymentRoute.objects.create(
        organization=connection.organization, connection=connection, name="rule", **parts
    )


def names(organization: Organization, order: PaymentOrder = ORDER) -> list[str]:
    track_record.forget()
    return [connection.connection_name for connection in route_payment(organization, order).connections]


@pytest.mark.parametrize(
    ("parts", "applies"),
    [
        ({}, True),
        ({"country": "AE"}, True),
        ({"country": "SA"}, False),
        ({"currency": "AED", "method": "card"}, True),
        ({"method": "mada"}, False),
        ({"environment": "development"}, True),
        ({"environment": "production"}, False),
        ({"currency": "AED", "min_amount": Decimal("12.50")}, True),
        ({"currency": "AED", "min_amount": Decimal("12.51")}, False),
        ({"currency": "AED", "max_amount": Decimal("12.50")}, True),
        ({"currency": "AED", "max_amount": Decimal("12.49")}, False),
        ({"is_active": False}, False),
    ],
    ids=str,
)
def test_a_rule_comes_before_the_primary_where_every_part_of_it_fits(
    organization: Organization, parts: dict[str, Any], applies: bool
) -> None:
    make(organization, "primary", is_primary=True)
    rule(make(organization, "ruled"), **parts)
    assert names(organization) == (["ruled", "primary"] if applies else ["primary", "ruled"])


def test_the_first_rule_wins_and_the_others_come_after_it(organization: Organization) -> None:
    make(organization, "rest", health_status="healthy")
    rule(make(organization, "second"), position=2)
    rule(make(organization, "first"), position=1)
    assert names(organization) == ["first", "second", "rest"]


def test_a_rule_cannot_make_a_connection_take_what_it_does_not(organization: Organization) -> None:
    rule(make(organization, "ruled"), currency="AED")
    make(organization, "rest")
    with pytest.raises(ConfigurationError):
        names(organization, replace(ORDER, method="mada"))


def test_a_ruled_connection_that_is_down_is_passed_over(organization: Organization) -> None:
    rule(make(organization, "ruled", health_status="down"))
    make(organization, "rest")
    route = route_payment(organization, ORDER)
    assert [one.connection_name for one in route.connections] == ["rest"]
    assert [one.connection_name for one in route.passed_over] == ["ruled"]


def test_another_organization_s_rules_count_for_nothing(organization: Organization) -> None:
    make(organization, "primary", is_primary=True)
    mine = make(organization, "mine")
    PaymentRoute.objects.create(organization=OrganizationFactory(), connection=mine, name="foreign")
    assert names(organization) == ["primary", "mine"]


def test_an_order_may_ask_for_an_environment(organization: Organization) -> None:
    make(organization, "live", environment="production")
    make(organization, "trial", environment="staging")
    assert names(organization) == ["live"]
    assert names(organization, replace(ORDER, environment="staging")) == ["trial"]
    with pytest.raises(ConfigurationError):
        names(organization, replace(ORDER, environment="development"))
    with pytest.raises(InvalidRequest, match="environment"):
        replace(ORDER, environment="moon").request()


def attempts(connection: Connection, outcome: str, count: int, **fields: Any) -> None:
    for _ in range(count):
        attempt = {"connection": str(connection.pk), "outcome": outcome}
        PaymentFactory(connection=connection, attempts=[attempt], amount=Decimal(100), currency="AED", **fields)


def test_of_equals_the_one_that_took_more_of_the_last_hour_s_payments_comes_first(organization: Organization) -> None:
    poor, good = make(organization, "poor"), make(organization, "good")
    assert names(organization) == ["poor", "good"]
    attempts(poor, "failed", 9)
    assert names(organization) == ["poor", "good"], "nine say nothing"
    attempts(poor, "declined", 1)
    attempts(good, "accepted", 10)
    assert names(organization) == ["good", "poor"]


def test_what_was_taken_and_failed_after_all_counts_as_failed_but_not_what_nobody_paid(
    organization: Organization,
) -> None:
    poor, idle = make(organization, "poor"), make(organization, "idle")
    attempts(poor, "accepted", 10, status="failed", failure_code="insufficient_funds")
    attempts(idle, "accepted", 10, status="failed", failure_code="expired")
    assert names(organization) == ["idle", "poor"]


def test_what_happened_more_than_an_hour_ago_is_forgotten(organization: Organization) -> None:
    poor, good = make(organization, "poor"), make(organization, "good")
    attempts(poor, "failed", 10)
    for number, payment in enumerate(Payment.objects.all()):
        then = first_uuid7(timezone.now() - timedelta(minutes=61 + number))
        Payment.objects.filter(pk=payment.pk).update(id=then)
    assert names(organization) == ["poor", "good"]
    assert good


def test_of_two_that_are_equally_good_the_cheaper_comes_first(organization: Organization) -> None:
    dear, cheap = make(organization, "dear"), make(organization, "cheap")
    for connection, percent, fixed in ((dear, "2.9", "0"), (cheap, "1.0", "0.20")):
        PaymentSettings.objects.create(
            organization=organization, connection=connection, provider_name="Stripe",
            fee_percent=Decimal(percent), fee_fixed=Decimal(fixed),
        )  # fmt: skip
    assert names(organization, replace(ORDER, amount="5")) == ["dear", "cheap"]
    assert names(organization, replace(ORDER, amount="100")) == ["cheap", "dear"]


def test_fees_that_nobody_has_set_are_learnt_from_what_was_charged(organization: Organization) -> None:
    dear, cheap = make(organization, "dear"), make(organization, "cheap")
    for connection, fee in ((dear, "4.00"), (cheap, "2.00")):
        attempts(connection, "accepted", 1, amount_captured=Decimal(100), fee=Decimal(fee), fee_currency="AED")
    assert names(organization) == ["cheap", "dear"]
