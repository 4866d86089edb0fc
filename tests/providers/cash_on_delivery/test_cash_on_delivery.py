from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integrations.configuration import validate_configuration
from integrations.errors import ConfigurationError, InvalidRequest
from integrations.providers.payment.cash_on_delivery import CashOnDelivery, collection_fee, emirate_code
from integrations.providers.results import Address, PaymentRequest, PaymentStatus
from tests.providers.wire_client import WireClient

from .wire import CONFIGURATION, PAYMENT, STANDING

PROVIDER = CashOnDelivery()


def create(configuration: dict[str, Any] | None = None, **fields: Any) -> Any:
    client = WireClient(PROVIDER, "http://127.0.0.1:9", {}, configuration=configuration or CONFIGURATION)
    usual = {"amount": Decimal("12.50"), "currency": "AED", "reference": "order-1", "payment_id": PAYMENT}
    place = {"country": "AE", "shipping_address": Address(region="Dubai", country="AE")}
    return PROVIDER.create_payment(client, PaymentRequest(**{**usual, **place, **fields}), idempotency_key="k")


def test_the_money_is_owed_until_the_parcel_arrives() -> None:
    payment = create()
    assert (payment.status, payment.amount_captured, payment.method) == (PaymentStatus.PENDING, None, "cod")


@pytest.mark.parametrize(
    ("region", "code"),
    [
        ("Dubai", "DU"),
        ("  دبي ", "DU"),
        ("AE-DU", "DU"),
        ("sh", "SH"),
        ("Abu  Dhabi", "AZ"),
        ("أبوظبي", "AZ"),
        ("Muscat", ""),
        ("", ""),
    ],
)
def test_emirates_go_by_many_names(region: str, code: str) -> None:
    assert emirate_code(region) == code


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"amount": Decimal("9.99")}, "amount"),
        ({"amount": Decimal("1000.01")}, "amount"),
        ({"currency": "SAR"}, "currency"),
        ({"country": "OM", "shipping_address": Address()}, "country"),
        ({"country": "AE", "shipping_address": Address(country="OM")}, "country"),
        ({"country": "", "shipping_address": Address(region="Dubai")}, "country"),
        ({"shipping_address": Address(region="Abu Dhabi", country="AE")}, "shipping_address"),
        ({"shipping_address": Address(country="AE")}, "shipping_address"),
    ],
)
def test_what_the_courier_does_not_collect_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        create(**fields)
    assert refusal.value.field == field


def test_bounds_belong_to_the_range_and_emirates_to_the_emirates() -> None:
    assert create(amount=Decimal("10.00")).status is PaymentStatus.PENDING
    assert create(amount=Decimal("1000.00")).status is PaymentStatus.PENDING
    assert create(country="SA", shipping_address=Address(region="Riyadh", country="SA")).status is PaymentStatus.PENDING


def test_with_nothing_said_everything_is_taken() -> None:
    assert create({"currency": "KWD"}, amount=Decimal("0.001"), currency="KWD", country="").amount == Decimal("0.001")


def test_a_range_that_holds_nothing_does_not_pass_the_test() -> None:
    client = WireClient(PROVIDER, "", {}, configuration={"min_amount": "10", "max_amount": "9.99"})
    with pytest.raises(ConfigurationError):
        PROVIDER.check(client)


@pytest.mark.parametrize(
    ("field", "value"),
    [("emirates", "DX"), ("countries", "ae"), ("min_amount", "-1"), ("fee", "1e3"), ("collection_days", 0)],
)
def test_what_cannot_be_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        validate_configuration(PROVIDER, environment="production", configuration={"currency": "AED", field: value})
    assert refusal.value.field == f"configuration.{field}"


@pytest.mark.parametrize("key", ["min_amount", "max_amount", "fee"])
def test_an_amount_that_would_have_to_be_rounded_does_not_pass_the_test(key: str) -> None:
    for amount, currency in (("5.12", "AED"), ("5.125", "KWD")):
        PROVIDER.check(WireClient(PROVIDER, "", {}, configuration={key: amount, "currency": currency}))
    with pytest.raises(ConfigurationError, match=r"5\.125 has more"):
        PROVIDER.check(WireClient(PROVIDER, "", {}, configuration={key: "5.125", "currency": "AED"}))


def test_the_fee_has_the_currency_s_decimals() -> None:
    assert str(collection_fee({"fee": "5"}, "AED")) == "5.00"
    assert str(collection_fee({"fee": "0.5"}, "KWD")) == "0.500"
    assert collection_fee({}, "AED") is None


def test_the_payer_is_told_what_to_have_ready() -> None:
    lines = PROVIDER.instructions({"instructions": "Exact change, please."}, STANDING)
    assert [(line.key, line.value) for line in lines] == [("amount", "12.50 AED"), ("note", "Exact change, please.")]
