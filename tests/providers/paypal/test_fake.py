"""The fake is strict, by PayPal's own documents and by its books: otherwise what is proven by it proves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from integrations.errors import Rejected
from tests.providers.wire_client import WireClient

from .books import payments
from .wire import PayPalWire


def usd(value: str) -> dict[str, str]:
    return {"currency_code": "USD", "value": value}


GOOD = {"intent": "CAPTURE", "purchase_units": [{"amount": usd("12.50")}]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"intent": "SALE"}, "SALE"),
        ({"purchase_units": []}, "purchase_units"),
        ({"purchase_units": None}, "purchase_units"),
        ({"purchase_units": [{"amount": {"currency_code": "USD", "value": 12.50}}]}, "value"),
        ({"purchase_units": [{"amount": {"value": "12.50"}}]}, "currency_code"),
        ({"purchase_units": [{"amount": usd("12.50"), "custom_id": "x" * 128}]}, "custom_id"),
        ({"purchase_units": [{"amount": usd("12.50"), "colour": "red"}]}, "colour"),
        ({"capture": True}, "capture"),
    ],
    ids=["wrong intent", "no unit", "null", "numeric amount", "no currency", "too long", "unknown within", "unknown"],
)
def test_paypal_s_own_document_refuses_a_wrong_order(client: WireClient, change: Mapping[str, Any], says: str) -> None:
    client.post("/v2/checkout/orders", json=GOOD, idempotency_key="good")
    with pytest.raises(Rejected) as refused:
        client.post("/v2/checkout/orders", json={**GOOD, **change}, idempotency_key="bad")
    assert (refused.value.provider_status, refused.value.provider_code) == (400, "INVALID_PARAMETER_VALUE")
    assert says in str(refused.value)


def test_an_order_with_no_purchase_unit_at_all_is_refused(client: WireClient) -> None:
    with pytest.raises(Rejected) as refused:
        client.post("/v2/checkout/orders", json={"intent": "CAPTURE"}, idempotency_key="bad")
    assert refused.value.provider_status == 400


@pytest.mark.parametrize(
    ("unit", "issue"),
    [
        ({"amount": usd("12.5")}, "DECIMAL_PRECISION"),
        ({"amount": usd("0.00")}, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ({"amount": {"currency_code": "AED", "value": "12.50"}}, "INVALID_CURRENCY_CODE"),
        ({"amount": {"currency_code": "JPY", "value": "12.50"}}, "DECIMALS_NOT_SUPPORTED"),
        ({"amount": {"currency_code": "HUF", "value": "12.00"}}, "DECIMALS_NOT_SUPPORTED"),
        ({"amount": {**usd("12.50"), "breakdown": {"item_total": usd("12.00")}}}, "AMOUNT_MISMATCH"),
        ({"amount": {**usd("12.50"), "breakdown": {"item_total": usd("12.50")}},
          "items": [{"name": "x", "quantity": "2", "unit_amount": usd("12.50")}]}, "ITEM_TOTAL_MISMATCH"),
    ],
)  # fmt: skip
def test_the_books_refuse_what_does_not_add_up(client: WireClient, unit: Mapping[str, Any], issue: str) -> None:
    with pytest.raises(Rejected) as refused:
        client.post("/v2/checkout/orders", json={**GOOD, "purchase_units": [unit]}, idempotency_key="bad")
    assert refused.value.provider_code == issue


def test_the_wire_wants_a_key_json_and_one_body_a_key(client: WireClient) -> None:
    with pytest.raises(Rejected):
        client.post("/v2/checkout/orders", json=GOOD)
    with pytest.raises(Rejected):
        client.post("/v2/checkout/orders", json=GOOD, idempotency_key="x" * 109)
    with pytest.raises(Rejected):
        client.post("/v2/checkout/orders", form={"intent": "CAPTURE"}, idempotency_key="key")
    client.post("/v2/checkout/orders", json=GOOD, idempotency_key="key")
    with pytest.raises(Rejected):
        client.post("/v2/checkout/orders", json={**GOOD, "intent": "AUTHORIZE"}, idempotency_key="key")


def test_a_part_is_taken_and_given_back_in_the_order_s_own_currency(client: WireClient, wire: PayPalWire) -> None:
    order = client.post("/v2/checkout/orders", json={**GOOD, "intent": "AUTHORIZE"}, idempotency_key="key").json()["id"]
    wire.books.approve(order)
    client.post(f"/v2/checkout/orders/{order}/authorize", json={}, idempotency_key="authorise")
    held = payments(wire.books.order(order))["authorizations"][0]["id"]
    euros = {"amount": {"currency_code": "EUR", "value": "5.00"}}
    with pytest.raises(Rejected, match="MISMATCH"):
        client.post(f"/v2/payments/authorizations/{held}/capture", json=euros, idempotency_key="capture-1")
    made = client.post(f"/v2/payments/authorizations/{held}/capture", json={}, idempotency_key="capture-2").json()["id"]
    with pytest.raises(Rejected, match="MISMATCH"):
        client.post(f"/v2/payments/captures/{made}/refund", json=euros, idempotency_key="refund-1")
