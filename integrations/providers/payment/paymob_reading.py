"""What Paymob's transactions of one order say together of the payment.

A transaction has no status: flags and totals say how it stands. What captures, refunds or voids it is a transaction of
its own, a child, and its totals are added up in the parent.
https://developers.paymob.com/paymob-docs/manage-callback/transaction-callbacks
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from ...errors import InvalidResponse
from ...money import currency_exponent, from_minor_units
from ..json_values import UNDOCUMENTED, mapping
from ..results import PaymentResult, PaymentStatus

_FLAGS = {"true": True, "false": False}
_CARDS = {"mada": "mada", "meeza": "meeza", "omannet": "omannet"}


@dataclass(frozen=True)
class Transaction:
    """One entry of an order, a payment or the child of one; amounts as Paymob counts them."""

    id: int
    order: str  # the merchant's reference of the order, which is our payment's id
    parent: int
    units: int
    currency: str
    success: bool
    pending: bool
    is_error: bool
    is_auth: bool
    is_voided: bool
    child_of: str  # "capture", "refund" or "void"; empty for a payment
    captured_units: int
    refunded_units: int
    told: Mapping[str, Any]

    @property
    def is_paid(self) -> bool:
        return self.success and not self.pending

    @property
    def taken(self) -> int:
        if not self.is_paid:
            return 0
        return self.captured_units if self.is_auth else self.units

    @property
    def given_back(self) -> int:
        """What is voided after it was taken has gone back whole."""
        return self.taken if self.is_voided else self.refunded_units

    @property
    def is_held(self) -> bool:
        return self.is_paid and self.is_auth and not self.is_voided and not self.captured_units

    def with_children(self, children: Sequence[Transaction]) -> Transaction:
        """The totals are this one's own; where its children, as far as they are known, show more, they are newer."""
        done = [child for child in children if child.is_paid]

        def units(kind: str) -> int:
            return sum(child.units for child in done if child.child_of == kind)

        return replace(
            self,
            captured_units=max(self.captured_units, units("capture")),
            refunded_units=max(self.refunded_units, units("refund")),
            is_voided=self.is_voided or any(child.child_of == "void" for child in done),
        )

    @property
    def message(self) -> str:
        return str(mapping(self.told.get("data")).get("message") or "")

    @property
    def code(self) -> str:
        return str(mapping(self.told.get("data")).get("txn_response_code") or "")

    @property
    def method(self) -> str:
        source = mapping(self.told.get("source_data"))
        kind, brand = str(source.get("type") or "").lower(), str(source.get("sub_type") or "").lower()
        return {"card": _CARDS.get(brand, "card"), "wallet": "wallet"}.get(kind, "")


def read_transaction(told: Mapping[str, Any]) -> Transaction:
    """Raises InvalidResponse for flags that contradict each other, and for what is no transaction as documented."""
    try:
        return _transaction(told)
    except UNDOCUMENTED as error:
        raise InvalidResponse("Paymob's transaction is not as documented.") from error


def _transaction(told: Mapping[str, Any]) -> Transaction:
    told = told["obj"] if isinstance(told.get("obj"), Mapping) else told
    units, is_auth = _whole(told["amount_cents"]), _flag(told.get("is_auth"))
    captured = _whole(told.get("captured_amount") or 0)
    transaction = Transaction(
        id=_whole(told["id"]),
        order=str(mapping(told["order"]).get("merchant_order_id") or ""),
        parent=_parent(told),
        units=units,
        currency=str(told["currency"]),
        success=_flag(told["success"], required=True),
        pending=_flag(told["pending"], required=True),
        is_error=_flag(told.get("error_occured")),
        is_auth=is_auth,
        is_voided=_flag(told.get("is_voided")),
        child_of=_child_of(told),
        captured_units=captured or (units if is_auth and _flag(told.get("is_captured")) else 0),
        refunded_units=_whole(told.get("refunded_amount_cents") or 0)
        or (units if _flag(told.get("is_refunded")) else 0),
        told=told,
    )
    currency_exponent(transaction.currency)
    if transaction.success and transaction.is_error:
        raise ValueError("a transaction that succeeded and failed")
    return transaction


def _child_of(told: Mapping[str, Any]) -> str:
    for kind in ("capture", "refund", "void"):
        if _flag(told.get(f"is_{kind}")):
            return kind
    return ""


def _parent(told: Mapping[str, Any]) -> int:
    return _whole(told["parent_transaction"]) if _flag(told.get("has_parent_transaction")) else 0


def _flag(value: object, *, required: bool = False) -> bool:
    """The older documentation has them as text; one that is missing is not set."""
    if isinstance(value, bool) or (value is None and not required):
        return bool(value)
    if not isinstance(value, str):
        raise TypeError(value)
    return _FLAGS[value.lower()]


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(value)
    return int(value)


@dataclass(frozen=True)
class Order:
    """The payments that were tried for one order. `exponent`: in how many decimals this account counts."""

    payments: Sequence[Transaction]
    exponent: int

    def __post_init__(self) -> None:
        if len({(one.order, one.currency) for one in self.payments}) != 1:
            raise InvalidResponse("Paymob's transactions are not of one order.")

    @property
    def held(self) -> Transaction | None:
        """The authorisation that stands."""
        return next((one for one in self.payments if one.is_held), None)

    @property
    def refundable(self) -> Transaction | None:
        """Of which the most is left."""
        taken = [one for one in self.payments if one.taken > one.given_back]
        return max(taken, key=lambda one: one.taken - one.given_back) if taken else None

    def captured(self, payment: Transaction, units: int) -> Order:
        """As it is after `units` more of a payment were captured."""
        return self._after(replace(payment, captured_units=payment.captured_units + units))

    def voided(self, payment: Transaction) -> Order:
        return self._after(replace(payment, is_voided=True))

    def result(self) -> PaymentResult:
        payment = self._payment
        status = self._status()
        is_failed = status is PaymentStatus.FAILED
        return PaymentResult(
            provider_reference=payment.order,
            status=status,
            amount=self.money(payment.units),
            currency=payment.currency,
            amount_captured=self.money(self._taken),
            amount_refunded=self.money(self._given_back),
            failure_code=payment.code if is_failed else "",
            failure_message=payment.message if is_failed else "",
            method=payment.method,
            raw={"transactions": [dict(one.told) for one in self.payments]},
        )

    def money(self, units: int) -> Decimal:
        return from_minor_units(units, self.payments[0].currency, exponent=self.exponent)

    def _after(self, changed: Transaction) -> Order:
        return replace(self, payments=[changed if one.id == changed.id else one for one in self.payments])

    @property
    def _payment(self) -> Transaction:
        """Of several tries, the one that counts: what succeeded, else what may yet, else the last."""
        for chosen in (
            [one for one in self.payments if one.is_paid],
            [one for one in self.payments if one.pending],
        ):
            if chosen:
                return chosen[0]
        return max(self.payments, key=lambda one: one.id)

    @property
    def _taken(self) -> int:
        return sum(one.taken for one in self.payments)

    @property
    def _given_back(self) -> int:
        return sum(one.given_back for one in self.payments)

    def _status(self) -> PaymentStatus:
        if self._taken:
            if not self._given_back:
                return PaymentStatus.CAPTURED
            is_all = self._given_back >= self._taken
            return PaymentStatus.REFUNDED if is_all else PaymentStatus.PARTIALLY_REFUNDED
        payment = self._payment
        if payment.is_voided:
            return PaymentStatus.CANCELLED
        if payment.is_paid:
            return PaymentStatus.AUTHORISED
        return PaymentStatus.PENDING if payment.pending else PaymentStatus.FAILED
