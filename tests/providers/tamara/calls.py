"""What is asked of Tamara over the wire, as its tests say it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from integrations.providers.payment.tamara import Tamara
from integrations.providers.results import PaymentRequest, PaymentResult, PaymentStatus
from tests.providers.orders import AN_ORDER
from tests.providers.tamara.wire import TamaraWire
from tests.providers.wire_client import WireClient

OURS = "01980000-0000-7000-8000-000000000001"


TAMARA = Tamara()


S = PaymentStatus


def order(amount: str = "12.50", currency: str = "AED", **fields: Any) -> PaymentRequest:
    told = {"payment_id": OURS, "reference": "order-1", **AN_ORDER, **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, **told)


def create(client: WireClient, request: PaymentRequest) -> PaymentResult:
    return TAMARA.create_payment(client, request, idempotency_key="key-create")


def authorised(client: WireClient, wire: TamaraWire) -> str:
    """The reference of an order that was ordered to wait, and is authorised."""
    key = create(client, order(capture=False)).provider_reference
    wire.approve(key)
    assert complete(client, key, capture=False).status is S.AUTHORISED
    return key


def approved(client: WireClient, wire: TamaraWire) -> str:
    """The reference of an order whose customer has just been approved."""
    key = create(client, order()).provider_reference
    wire.approve(key)
    return key


def complete(client: WireClient, key: str, *, capture: bool = True) -> PaymentResult:
    return TAMARA.complete_payment(client, key, capture=capture, idempotency_key="key")


def capture(client: WireClient, key: str, amount: str | None) -> PaymentResult:
    wanted = Decimal(amount) if amount else None
    return TAMARA.capture_payment(client, key, amount=wanted, currency="AED", idempotency_key="key-capture")


def refund(client: WireClient, key: str, amount: str | None, idempotency_key: str = "key-refund") -> Any:
    wanted = Decimal(amount) if amount else None
    return TAMARA.refund_payment(client, key, amount=wanted, currency="AED", idempotency_key=idempotency_key)
