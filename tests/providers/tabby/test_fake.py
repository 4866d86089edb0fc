"""The fake is strict: otherwise what is proven by it proves nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import Rejected
from integrations.providers.payment.tabby_checkout import session
from integrations.providers.results import PaymentRequest
from tests.providers.orders import AN_ORDER
from tests.providers.tabby.wire import CONFIGURATION, TabbyWire
from tests.providers.wire_client import WireClient

from .calls import OURS

AN_ORDER_OF_OURS = PaymentRequest(Decimal("12.50"), "AED", "order-1", payment_id=OURS, **AN_ORDER)


def test_what_is_not_as_documented_is_refused(client: WireClient, wire: TabbyWire) -> None:
    good = session(AN_ORDER_OF_OURS, CONFIGURATION)
    key = client.post("/api/v2/checkout", json=good).json()["payment"]["id"]
    item = {**good["payment"]["order"]["items"][0], "unit_price": "12.50"}
    parts: list[tuple[str, Any]] = [
        ("amount", 12.5),
        ("amount", "1250"),
        ("order_history", {}),
        ("meta", "order-1"),
        ("buyer", {**good["payment"]["buyer"], "phone": "00971500000001"}),
        ("buyer", {**good["payment"]["buyer"], "email": "nobody"}),
        ("order", {"reference_id": "", "items": [item]}),
        *(("order", {"reference_id": OURS, "items": [{**item, name: ""}]}) for name in ("title", "category")),
        ("order", {"reference_id": OURS, "items": [{**item, "quantity": "1"}]}),
        ("order", {"reference_id": OURS, "items": []}),
    ]
    for name, value in parts:
        with pytest.raises(Rejected):
            client.post("/api/v2/checkout", json={**good, "payment": {**good["payment"], name: value}})
    wire.pay(key)
    for bad in ({"amount": "12.50"}, {"amount": "12.50", "reference_id": ""}, {"amount": 12.5, "reference_id": "1"}):
        with pytest.raises(Rejected):
            client.post(f"/api/v2/payments/{key}/captures", json=bad)
