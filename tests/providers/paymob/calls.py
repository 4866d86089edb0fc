"""What is asked of Paymob over the wire, as its tests say it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from integrations.providers.payment.paymob import Paymob
from integrations.providers.results import (
    Customer,
    PaymentRequest,
    PaymentResult,
    RefundResult,
)
from tests.providers.wire_client import WireClient

ORDER = "01980000-0000-7000-8000-0000000000c1"


PAYER = Customer("Sample Payer", "payer@example.com", "+971500000000")


def order(amount: str = "12.50", currency: str = "AED", **fields: Any) -> PaymentRequest:
    given = {"payment_id": ORDER, "success_url": "https://hub.example/pay/1/return/", "customer": PAYER, **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, reference="order-1", **given)


def create(client: WireClient, request: PaymentRequest) -> PaymentResult:
    return Paymob().create_payment(client, request, idempotency_key="key-1")


def get(client: WireClient) -> PaymentResult:
    return Paymob().get_payment(client, ORDER)


def capture(client: WireClient, amount: str, currency: str = "AED") -> PaymentResult:
    return Paymob().capture_payment(client, ORDER, amount=Decimal(amount), currency=currency, idempotency_key="key-2")


def refund(client: WireClient, amount: str | None, currency: str = "AED") -> RefundResult:
    value = None if amount is None else Decimal(amount)
    return Paymob().refund_payment(client, ORDER, amount=value, currency=currency, idempotency_key="key-3")


def totals(result: PaymentResult) -> tuple[str, str, str]:
    return result.status.value, str(result.amount_captured), str(result.amount_refunded)
