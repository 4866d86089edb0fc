"""What is asked of Tap over the wire, as its tests say it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from integrations.providers.payment.tap import Tap
from integrations.providers.results import PaymentRequest, PaymentResult
from tests.providers.tap.wire import ORDER
from tests.providers.wire_client import WireClient

OURS = "01980000-0000-7000-8000-000000000001"


def order(amount: str = "12.50", currency: str = "AED", **fields: Any) -> PaymentRequest:
    told = {"reference": "order-1", "payment_id": OURS, **ORDER, **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, **told)


def create(client: WireClient, request: PaymentRequest, key: str = "key-1") -> PaymentResult:
    return Tap().create_payment(client, request, idempotency_key=key)


def capture(client: WireClient, reference: str, amount: str, currency: str = "AED") -> PaymentResult:
    some = {"amount": Decimal(amount), "currency": currency, "idempotency_key": "key-capture"}
    return Tap().capture_payment(client, reference, **some)


def refund(client: WireClient, reference: str, amount: str, key: str, currency: str = "AED") -> Any:
    return Tap().refund_payment(
        client, reference, amount=Decimal(amount), currency=currency, idempotency_key=f"refund-{key}"
    )
