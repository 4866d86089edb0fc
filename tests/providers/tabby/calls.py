"""What is asked of Tabby over the wire, as its tests say it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from integrations.providers.payment.tabby import Tabby
from integrations.providers.results import PaymentRequest, PaymentResult, PaymentStatus
from tests.providers.orders import AN_ORDER
from tests.providers.tabby.wire import TabbyWire
from tests.providers.wire_client import WireClient
from tests.wire import WireRequest, WireServer

OURS = "01980000-0000-7000-8000-000000000001"
TABBY = Tabby()
S = PaymentStatus


def order(amount: str = "12.50", currency: str = "AED", **fields: Any) -> PaymentRequest:
    told = {"payment_id": OURS, "reference": "order-1", **AN_ORDER, **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, **told)


def create(client: WireClient, request: PaymentRequest) -> PaymentResult:
    return TABBY.create_payment(client, request, idempotency_key="key-create")


def paid(client: WireClient, wire: TabbyWire, *, capture: bool = False) -> str:
    """The reference of a payment that the payer has just been lent."""
    key = create(client, order(capture=capture)).provider_reference
    wire.pay(key)
    return key


def complete(client: WireClient, key: str, *, capture: bool = True, idempotency_key: str = "key") -> PaymentResult:
    return TABBY.complete_payment(client, key, capture=capture, idempotency_key=idempotency_key)


def capture(client: WireClient, key: str, amount: str, idempotency_key: str = "key-capture") -> PaymentResult:
    return TABBY.capture_payment(client, key, amount=Decimal(amount), currency="AED", idempotency_key=idempotency_key)


def refund(client: WireClient, key: str, amount: str, idempotency_key: str = "key-refund") -> Any:
    return TABBY.refund_payment(client, key, amount=Decimal(amount), currency="AED", idempotency_key=idempotency_key)


def calls(server: WireServer, method: str, ending: str) -> list[WireRequest]:
    return [call for call in server.requests if call.method == method and call.path.endswith(ending)]
