"""What is asked of N-Genius over the wire, as its tests say it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from integrations.providers.payment.network_international import NetworkInternational
from integrations.providers.results import PaymentRequest, PaymentResult, RefundResult
from tests.providers.network_international.wire import (
    ORDER as A_PAYER,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireRequest, WireServer

OURS = "01980000-0000-7000-8000-000000000001"


gateway = NetworkInternational()


def order(amount: str = "12.50", currency: str = "AED", **fields: Any) -> PaymentRequest:
    told: dict[str, Any] = {**A_PAYER, **fields}
    return PaymentRequest(
        amount=Decimal(amount),
        currency=currency,
        reference="order 1",
        payment_id=OURS,
        success_url="https://hub.example/pay/1/return/",
        cancel_url="https://hub.example/pay/1/cancel/",
        **told,
    )


def create(client: WireClient, request: PaymentRequest) -> PaymentResult:
    return gateway.create_payment(client, request, idempotency_key="key-1")


def capture(client: WireClient, reference: str, amount: str | None, currency: str = "AED") -> PaymentResult:
    money = None if amount is None else Decimal(amount)
    return gateway.capture_payment(client, reference, amount=money, currency=currency, idempotency_key="key-2")


def refund(client: WireClient, reference: str, amount: str | None, currency: str = "AED") -> RefundResult:
    money = None if amount is None else Decimal(amount)
    return gateway.refund_payment(client, reference, amount=money, currency=currency, idempotency_key="key-3")


def void(client: WireClient, reference: str) -> PaymentResult:
    return gateway.void_payment(client, reference, idempotency_key="key-4")


def totals(payment: PaymentResult) -> tuple[str, str, str]:
    return payment.status, str(payment.amount_captured), str(payment.amount_refunded)


def sent(server: WireServer, method: str = "POST") -> list[WireRequest]:
    return [call for call in server.requests if call.method == method and not call.path.startswith("/identity")]
