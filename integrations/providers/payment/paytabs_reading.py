"""What PayTabs' transactions of one cart say together of the payment that the cart is.

A sale, or an authorisation with its captures, refunds and voids: each is a transaction of its own with a `tran_type`
and, once it is over, a letter in `payment_result.response_status`.
https://support.paytabs.com/en/support/solutions/articles/60000711358
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ...errors import InvalidResponse
from ...money import check_decimals, in_own_decimals
from ..json_values import UNDOCUMENTED, mapping
from ..results import PaymentResult, PaymentStatus, RefundResult, RefundStatus

OPEN = ""  # a page that nobody has paid on: there is no result yet
SETTLED = "A"
UNDECIDED = frozenset({"H", "P"})  # held for review; waiting for cash, or for the bank
REFUSED = frozenset({"D", "E"})
ENDED = frozenset({"C", "V", "X"})
STATUSES = frozenset({OPEN, SETTLED}) | UNDECIDED | REFUSED | ENDED

PAYING = frozenset({"sale", "auth", "payment request"})
LETTING_GO = frozenset({"void", "release"})
# A card that is kept, and an authorisation that is prolonged, move nothing.
MOVING_NOTHING = frozenset({"register", "authext"})
KINDS = PAYING | LETTING_GO | MOVING_NOTHING | {"capture", "refund"}


_LONG_AGO = datetime.min.replace(tzinfo=UTC)
# `payment_info.payment_method` names a card's scheme, or the method; what is not known here is not told.
_METHODS = {
    "visa": "card",
    "mastercard": "card",
    "amex": "card",
    "americanexpress": "card",
    "unionpay": "card",
    "mada": "mada",
    "knet": "knet",
    "knetdebit": "knet",
    "knetcredit": "knet",
    "omannet": "omannet",
    "meeza": "meeza",
    "fawry": "fawry",
    "valu": "valu",
    "stcpay": "stc_pay",
    "applepay": "apple_pay",
    "samsungpay": "samsung_pay",
    "paypal": "paypal",
}


@dataclass(frozen=True)
class Transaction:
    """One entry of a cart. `previous` is the transaction that it follows up, where the answer tells."""

    reference: str
    previous: str
    kind: str
    status: str
    amount: Decimal
    currency: str
    cart_id: str
    at: datetime | None
    told: Mapping[str, Any]

    @property
    def is_done(self) -> bool:
        return self.status == SETTLED

    @property
    def code(self) -> str:
        return str(self._result.get("response_code") or "")

    @property
    def message(self) -> str:
        return str(self._result.get("response_message") or "")

    @property
    def method(self) -> str:
        info = self.told.get("payment_info")
        name = str(info.get("payment_method") or "") if isinstance(info, Mapping) else ""
        return _METHODS.get("".join(filter(str.isalnum, name.lower())), "")

    def as_refund(self) -> RefundResult:
        is_failed = not self.is_done and self.status not in UNDECIDED
        waits = RefundStatus.FAILED if is_failed else RefundStatus.PENDING
        return RefundResult(
            provider_reference=self.reference,
            status=RefundStatus.SUCCEEDED if self.is_done else waits,
            amount=self.amount,
            currency=self.currency,
            failure_message=self.message if is_failed else "",
            raw=dict(self.told),
        )

    @property
    def _result(self) -> Mapping[str, Any]:
        return mapping(self.told.get("payment_result"))


def read_transaction(told: Mapping[str, Any]) -> Transaction:
    """Raises InvalidResponse for a kind, a status or an amount that PayTabs does not document."""
    try:
        return _transaction(told)
    except UNDOCUMENTED as error:
        raise InvalidResponse("PayTabs' transaction is not as documented.") from error


def _transaction(told: Mapping[str, Any]) -> Transaction:
    result = told["payment_result"] if told.get("payment_result") is not None else {}
    kind, status = told["tran_type"].lower(), (result["response_status"].upper() if result else OPEN)
    if kind not in KINDS or status not in STATUSES or (status == OPEN and kind not in PAYING | MOVING_NOTHING):
        raise ValueError(kind)
    currency = told["cart_currency"]
    return Transaction(
        reference=_text(told["tran_ref"]),
        previous=str(told.get("previous_tran_ref") or ""),
        kind=kind,
        status=status,
        amount=check_decimals(Decimal(str(told["cart_amount"])), currency),
        currency=currency,
        cart_id=_text(told["cart_id"]),
        at=read_time(result.get("transaction_time")),
        told={key: value for key, value in told.items() if key != "token"},
    )


def read_time(text: object) -> datetime | None:
    """`2024-12-09T06:05:47Z`."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a reference is missing")
    return value


@dataclass(frozen=True)
class Cart:
    """All transactions of one payment, which the cart's id is the reference of."""

    transactions: Sequence[Transaction]

    def __post_init__(self) -> None:
        if len({(one.cart_id, one.currency) for one in self.transactions}) != 1 or not self._payments:
            raise InvalidResponse("PayTabs' transactions are not of one cart.")

    @property
    def held(self) -> Transaction | None:
        """The authorisation that stands."""
        return next((one for one in self._payments if one.kind == "auth" and one.is_done), None)

    def refundable(self) -> Transaction | None:
        """The sale or capture of which the most is left: a refund follows up one of them."""
        taken = self._taken
        return max(taken, key=lambda one: one.amount - self._refunded_of(one)) if taken else None

    def result(self, redirect_url: str = "") -> PaymentResult:
        payment = self._payment
        status = self._status()
        is_failed = status is PaymentStatus.FAILED
        return PaymentResult(
            provider_reference=payment.cart_id,
            status=status,
            amount=payment.amount,
            currency=payment.currency,
            amount_captured=self._captured,
            amount_refunded=self._refunded,
            redirect_url=redirect_url,
            failure_code=payment.code if is_failed else "",
            failure_message=payment.message if is_failed else "",
            method=payment.method,
            refunds=[one.as_refund() for one in self.transactions if one.kind == "refund"],
            raw={"transactions": [dict(one.told) for one in self.transactions]},
        )

    @property
    def _payments(self) -> list[Transaction]:
        return [one for one in self.transactions if one.kind in PAYING]

    @property
    def _payment(self) -> Transaction:
        """Of several tries, the one that counts: what succeeded, else what may yet, else the last."""
        for statuses in ({SETTLED}, UNDECIDED, {OPEN}):
            if found := [one for one in self._payments if one.status in statuses]:
                return found[0]
        return max(self._payments, key=lambda one: one.at or _LONG_AGO)

    def _status(self) -> PaymentStatus:
        payment = self._payment
        if self._captured:
            if not self._refunded:
                return PaymentStatus.CAPTURED
            is_all = self._refunded >= self._captured
            return PaymentStatus.REFUNDED if is_all else PaymentStatus.PARTIALLY_REFUNDED
        if payment.is_done and payment.kind == "auth":
            return PaymentStatus.CANCELLED if self._let_go >= payment.amount else PaymentStatus.AUTHORISED
        if payment.is_done or payment.status in UNDECIDED:  # a payment request that is taken is yet to be paid
            return PaymentStatus.PENDING
        if payment.status == OPEN:
            return PaymentStatus.REQUIRES_ACTION
        return PaymentStatus.FAILED if payment.status in REFUSED else PaymentStatus.CANCELLED

    @property
    def _taken(self) -> list[Transaction]:
        return [one for one in self.transactions if one.kind in ("sale", "capture") and one.is_done]

    @property
    def _captured(self) -> Decimal:
        return self._sum(self._taken)

    @property
    def _refunded(self) -> Decimal:
        of_sales = self._let_go if self._taken and not self.held else Decimal(0)
        return self._sum(self._done("refund")) + of_sales

    @property
    def _let_go(self) -> Decimal:
        """What was voided: of an authorisation; of a sale, whose money then goes back."""
        return self._sum(self._done(*LETTING_GO))

    def _refunded_of(self, taken: Transaction) -> Decimal:
        return self._sum([one for one in self._done("refund") if one.previous == taken.reference])

    def _done(self, *kinds: str) -> list[Transaction]:
        return [one for one in self.transactions if one.kind in kinds and one.is_done]

    def _sum(self, transactions: Sequence[Transaction]) -> Decimal:
        zero = in_own_decimals(Decimal(0), self.transactions[0].currency)
        return sum((one.amount for one in transactions), zero)
