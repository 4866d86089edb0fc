"""What an operation is asked and what it answers, whatever the provider.

Amounts are Decimals in major units with the currency's own exponent. `raw` is the provider's own object as it was read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """`registered_since` (ISO 8601) and `orders`, how many they have completed before, are asked for by lenders."""

    name: str = ""
    email: str = ""
    phone: str = ""  # E.164: +971501234567
    registered_since: str = ""
    orders: str = ""

    @property
    def first_name(self) -> str:
        return next(iter(self.name.split(maxsplit=1)), "")

    @property
    def last_name(self) -> str:
        return next(iter(self.name.split(maxsplit=1)[1:]), "").strip()


@dataclass(frozen=True)
class Address:
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""  # emirate, state or province
    postal_code: str = ""
    country: str = ""  # ISO 3166-1 alpha-2


@dataclass(frozen=True)
class Item:
    """A line of an order: `quantity` times `unit_price`, in the payment's currency."""

    name: str
    quantity: int
    unit_price: Decimal
    sku: str = ""
    category: str = ""


@dataclass(frozen=True)
class PaymentRequest:
    """A payment to be taken. `reference` is the caller's own; `capture` False authorises only.

    `payment_id` is ours: unique, at most 36 characters, for gateways that want an order id and give it back.
    `success_url` and `cancel_url` are where the payer comes back to, `webhook_url` where the gateway is to send its
    events, where it takes that with each payment; empty where there is none. `instructions_url` is our own page that
    tells the payer how to pay where there is no gateway's. `language` is en or ar. `payment_token` is the gateway's own
    name for a way to pay (Stripe's `pm_…`), never a card number.
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
    payment_id: str = ""
    webhook_url: str = ""
    instructions_url: str = ""
    description: str = ""
    language: str = "en"
    country: str = ""
    items: Sequence[Item] = ()
    shipping_address: Address = field(default_factory=Address)
    billing_address: Address = field(default_factory=Address)

    @property
    def title(self) -> str:
        """What the payer is told that they pay for."""
        return self.description or self.reference

    @property
    def lines(self) -> Sequence[Item]:
        """The items where they add up to the amount, else all as one: gateways refuse a difference."""
        total = sum((item.unit_price * item.quantity for item in self.items), Decimal(0))
        return self.items if self.items and total == self.amount else (Item(self.title, 1, self.amount),)


@dataclass(frozen=True)
class PaymentResult:
    """The state of a payment as its provider tells it. `amount_captured` and `amount_refunded` are totals, so applying
    one twice changes nothing; None where the provider's answer does not say, as with `fee`, what the provider keeps for
    it in `fee_currency`. `method` is the capability that the payer used (`card`, `mada`, `knet`), where that is told.
    `awaits_completion`: the payer has agreed, and the provider waits for `complete_payment` to take the money.
    `formerly` is the reference whose place this one takes: a page's, which has become a payment.
    `refunds` are those that the provider lists one by one: operations end by them, and by the sums where it lists none.

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
    method: str = ""
    fee: Decimal | None = None
    fee_currency: str = ""
    awaits_completion: bool = False
    formerly: str = ""
    refunds: Sequence[RefundResult] = ()
    raw: JSON = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Instruction:
    """A line of what a payer has to know: `value` is to be copied as it is, or read where `value_ar` is its Arabic."""

    key: str
    label: str
    label_ar: str
    value: str
    value_ar: str = ""


@dataclass(frozen=True)
class RefundResult:
    """One refund. `amount` is what this refund gives back; the payment's total is read with `get_payment`.

    `idempotency_key` is the one of ours that it was asked for under, where the provider tells it again.
    """

    provider_reference: str
    status: RefundStatus
    amount: Decimal
    currency: str
    failure_message: str = ""
    idempotency_key: str = ""
    raw: JSON = field(default_factory=dict, repr=False)
