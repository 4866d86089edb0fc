"""What is asked of PayPal over the wire, as its tests say it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from integrations.providers.payment.paypal import PayPal
from integrations.providers.results import (
    PaymentRequest,
    PaymentResult,
    RefundResult,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireServer

from .wire import ORDER, PayPalWire

OUR_ID = "01980000-0000-7000-8000-000000000001"


PAYPAL = PayPal()


def order(amount: str = "12.50", currency: str = "USD", **fields: Any) -> PaymentRequest:
    given = {"reference": "order-1", "payment_id": OUR_ID, **ORDER, **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, **given)


def create(client: WireClient, request: PaymentRequest | None = None) -> PaymentResult:
    return PAYPAL.create_payment(client, request or order(), idempotency_key="create-1")


def complete(client: WireClient, reference: str, *, capture: bool = True, key: str = "complete-1") -> PaymentResult:
    return PAYPAL.complete_payment(client, reference, capture=capture, idempotency_key=key)


def take(client: WireClient, reference: str, amount: str | None = None, key: str = "capture-1") -> PaymentResult:
    value = None if amount is None else Decimal(amount)
    return PAYPAL.capture_payment(client, reference, amount=value, currency="USD", idempotency_key=key)


def refund(client: WireClient, reference: str, amount: str | None, key: str = "refund-1") -> RefundResult:
    value = None if amount is None else Decimal(amount)
    return PAYPAL.refund_payment(client, reference, amount=value, currency="USD", idempotency_key=key)


def look(client: WireClient, reference: str) -> PaymentResult:
    return PAYPAL.get_payment(client, reference)


def authorised(client: WireClient, wire: PayPalWire) -> str:
    made = create(client, order(capture=False))
    wire.books.approve(made.provider_reference)
    complete(client, made.provider_reference, capture=False)
    return made.provider_reference


def bodies(server: WireServer, ending: str) -> list[Any]:
    return [sent.json() for sent in server.requests if sent.method == "POST" and sent.path.endswith(ending)]
