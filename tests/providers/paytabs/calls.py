"""What is asked of PayTabs over the wire, as its tests say it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from integrations.providers.payment.paytabs import PayTabs
from integrations.providers.results import (
    PaymentRequest,
    PaymentResult,
    RefundResult,
)
from tests.providers.wire_client import WireClient

CART = "01980000-0000-7000-8000-0000000000c1"


def order(amount: str = "12.50", currency: str = "AED", **fields: Any) -> PaymentRequest:
    given = {"payment_id": CART, "success_url": "https://hub.example/pay/1/return/", **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, reference="order-1", **given)


def create(client: WireClient, request: PaymentRequest) -> PaymentResult:
    return PayTabs().create_payment(client, request, idempotency_key="key-1")


def get(client: WireClient) -> PaymentResult:
    return PayTabs().get_payment(client, CART)


def refund(client: WireClient, amount: str | None, currency: str = "AED") -> RefundResult:
    value = None if amount is None else Decimal(amount)
    return PayTabs().refund_payment(client, CART, amount=value, currency=currency, idempotency_key="key-3")


def totals(result: PaymentResult) -> tuple[str, str, str]:
    return result.status.value, str(result.amount_captured), str(result.amount_refunded)
