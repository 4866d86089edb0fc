"""The fake is strict: otherwise what is proven by it proves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import Rejected
from integrations.providers.payment.tamara import Tamara
from integrations.providers.payment.tamara_checkout import checkout
from integrations.providers.results import PaymentRequest
from tests.providers.orders import AN_ORDER
from tests.providers.tamara.wire import CONFIGURATION, CREDENTIALS, TamaraWire
from tests.providers.wire_client import WireClient
from tests.wire import WireServer

OURS = "01980000-0000-7000-8000-000000000001"
AN_ORDER_OF_OURS = PaymentRequest(Decimal("12.50"), "AED", "order-1", payment_id=OURS, **AN_ORDER)


@pytest.fixture
def wire() -> TamaraWire:
    return TamaraWire()


@pytest.fixture
def client(wire: TamaraWire) -> Iterator[WireClient]:
    with WireServer(wire.answer) as server:
        yield WireClient(Tamara(), server.url, CREDENTIALS, configuration=CONFIGURATION)


def test_what_is_not_as_documented_is_refused(client: WireClient, wire: TamaraWire) -> None:
    good = checkout(AN_ORDER_OF_OURS)
    key = client.post("/checkout", json=good).json()["order_id"]
    item, money = good["items"][0], good["total_amount"]
    parts: list[tuple[str, Any]] = [
        ("total_amount", {**money, "amount": "12.50"}),
        ("total_amount", {**money, "amount": 1250}),
        ("order_reference_id", 5),
        ("country_code", "US"),
        ("items", [{**item, "name": "x" * 256}]),
        ("items", [{**item, "quantity": "1"}]),
        ("consumer", {**good["consumer"], "email": "nobody"}),
        ("consumer", {**good["consumer"], "phone_number": "none"}),
        ("shipping_address", {**good["shipping_address"], "country_code": "UAE"}),
        ("risk_assessment", {"total_order_count": "3"}),
    ]
    for name, value in parts:
        with pytest.raises(Rejected):
            client.post("/checkout", json={**good, name: value})
    wire.approve(key)
    client.post(f"/orders/{key}/authorise")
    shipped = {"shipped_at": "2026-11-26T10:00:00Z", "shipping_company": "Aramex"}
    nothing = {**money, "amount": 0}
    for path, bad in (
        ("/payments/capture", {"order_id": key, "total_amount": nothing, "shipping_info": shipped}),
        ("/payments/capture", {"order_id": key, "total_amount": money, "shipping_info": {"shipped_at": "today"}}),
        (f"/orders/{key}/cancel", {"total_amount": nothing}),
    ):
        with pytest.raises(Rejected):
            client.post(path, json=bad)
    client.post("/payments/capture", json={"order_id": key, "total_amount": money, "shipping_info": shipped})
    for path, bad in (
        (f"/payments/simplified-refund/{key}", {"total_amount": nothing, "comment": "x"}),
        (f"/payments/simplified-refund/{key}", {"total_amount": money, "comment": "x", "merchant_refund_id": 5}),
    ):
        with pytest.raises(Rejected):
            client.post(path, json=bad)
