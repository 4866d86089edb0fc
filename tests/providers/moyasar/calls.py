"""What is asked of Moyasar over the wire, as its tests say it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from integrations.providers.payment.moyasar import Moyasar
from integrations.providers.results import PaymentRequest, PaymentResult, RefundResult
from tests.providers.moyasar.wire import ORDER
from tests.providers.wire_client import WireClient


def order(amount: str = "12.50", currency: str = "SAR", **fields: Any) -> PaymentRequest:
    told = {"reference": "order-1", "payment_id": "ours", **ORDER, **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, **told)


def create(client: WireClient, request: PaymentRequest, key: str = "key-1") -> PaymentResult:
    return Moyasar().create_payment(client, request, idempotency_key=key)


def refund(client: WireClient, reference: str, amount: str | None) -> RefundResult:
    exact = None if amount is None else Decimal(amount)
    return Moyasar().refund_payment(client, reference, amount=exact, currency="SAR", idempotency_key="key")


def get(client: WireClient, reference: str) -> PaymentResult:
    return Moyasar().get_payment(client, reference)
