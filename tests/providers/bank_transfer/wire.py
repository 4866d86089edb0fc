"""There is no wire: whoever calls is answered with an error, and found in the server's list of requests."""

from __future__ import annotations

from decimal import Decimal

from integrations.providers.results import PaymentResult, PaymentStatus, RefundStatus
from tests.wire import WireAnswer, WireRequest

CREDENTIALS: dict[str, str] = {}
BAD_CREDENTIALS: dict[str, str] = {}
PAYMENT = "RF847K3M9Q2XTB"
STANDING = PaymentResult(PAYMENT, PaymentStatus.CAPTURED, Decimal("12.50"), "AED", Decimal("12.50"), Decimal(0))
CREATED = PaymentStatus.REQUIRES_ACTION
REFUNDED = RefundStatus.PENDING
CONFIGURATION = {
    "account_name": "Needle and Thread LLC",
    "bank_name": "Sample Bank",
    "iban": "AE07 0331 2345 6789 0123 456",
    "swift": "SAMPAEAD",
}


def answer(request: WireRequest) -> WireAnswer:
    return WireAnswer(500, {"error": "nobody is to be called"})
