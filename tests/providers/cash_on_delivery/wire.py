"""There is no wire: whoever calls is answered with an error, and found in the server's list of requests."""

from __future__ import annotations

from decimal import Decimal

from integrations.providers.results import Address, PaymentResult, PaymentStatus, RefundStatus
from tests.wire import WireAnswer, WireRequest

CREDENTIALS: dict[str, str] = {}
BAD_CREDENTIALS: dict[str, str] = {}
PAYMENT = "01980000-0000-7000-8000-000000000001"
STANDING = PaymentResult(PAYMENT, PaymentStatus.CAPTURED, Decimal("12.50"), "AED", Decimal("12.50"), Decimal(0))
CREATED = PaymentStatus.PENDING
REFUNDED = RefundStatus.PENDING
CONFIGURATION = {"countries": "AE SA", "emirates": "DU SH", "min_amount": "10", "max_amount": "1000", "fee": "5"}
ORDER = {"country": "AE", "shipping_address": Address(region="Dubai", country="AE")}


def answer(request: WireRequest) -> WireAnswer:
    return WireAnswer(500, {"error": "nobody is to be called"})
