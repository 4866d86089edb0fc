"""What an operation is asked and what it answers, whatever the provider.

Amounts are Decimals in major units with the currency's own exponent. `raw` is the provider's own object as it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

JSON = Mapping[str, Any]


class PaymentStatus(StrEnum):
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    DISPUTED = "disputed"


class RefundStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Customer:
    name: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True)
class PaymentRequest:
    """A payment to be taken. `reference` is the caller's own; `capture` False authorises only.

    `payment_token` is the gateway's own name for a way to pay (Stripe's `pm_…`), never a card number.
    """

    amount: Decimal
    currency: str
    reference: str
    capture: bool = True
    method: str = ""
    customer: Customer = field(default_factory=Customer)
    success_url: str = ""
    cancel_url: str = ""
    payment_token: str = field(default="", repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PaymentResult:
    """The state of a payment as its provider tells it. `amount_captured` and `amount_refunded` are totals, so applying
    one twice changes nothing; None where the provider's answer does not say.

    `client_secret` is for the payer's browser and is kept out of `repr` and of logs.
    """

    provider_reference: str
    status: PaymentStatus
    amount: Decimal
    currency: str
    amount_captured: Decimal | None = None
    amount_refunded: Decimal | None = None
    redirect_url: str = ""
    client_secret: str = field(default="", repr=False)
    failure_code: str = ""
    failure_message: str = ""
    raw: JSON = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class RefundResult:
    """One refund. `amount` is what this refund gives back; the payment's total is read with `get_payment`."""

    provider_reference: str
    status: RefundStatus
    amount: Decimal
    currency: str
    failure_message: str = ""
    raw: JSON = field(default_factory=dict, repr=False)
