"""What is asked of Telr over the wire, as its tests say it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from integrations.providers.payment.telr import Telr
from integrations.providers.results import PaymentRequest, PaymentResult, RefundResult
from tests.providers.telr.wire import (
    ORDER,
)
from tests.providers.wire_client import WireClient
from tests.wire import WireServer

OURS = "01980000-0000-7000-8000-000000000001"


gateway = Telr()


def order(amount: str = "12.50", currency: str = "AED", **fields: Any) -> PaymentRequest:
    given = {"reference": "order-1", "payment_id": OURS, **ORDER, **fields}
    return PaymentRequest(amount=Decimal(amount), currency=currency, **given)


def create(client: WireClient, request: PaymentRequest) -> PaymentResult:
    return gateway.create_payment(client, request, idempotency_key="key-1")


def capture(client: WireClient, reference: str, amount: str | None, currency: str = "AED") -> PaymentResult:
    money = None if amount is None else Decimal(amount)
    return gateway.capture_payment(client, reference, amount=money, currency=currency, idempotency_key="key-2")


def refund(client: WireClient, reference: str, amount: str | None, currency: str = "AED") -> RefundResult:
    money = None if amount is None else Decimal(amount)
    return gateway.refund_payment(client, reference, amount=money, currency=currency, idempotency_key="key-3")


def follow_ups(server: WireServer) -> list[str]:
    return [call.body.decode() for call in server.requests if call.path == "/gateway/remote.xml"]
