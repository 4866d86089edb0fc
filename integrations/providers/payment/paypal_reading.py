"""What PayPal's order says of a payment: by its own status, and by the authorisations, captures and refunds in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Self

from ...errors import InvalidResponse
from ..json_values import UNDOCUMENTED, mapping
from ..results import PaymentResult, PaymentStatus, RefundResult, RefundStatus

JSON = Mapping[str, Any]

AWAITS_PAYER = frozenset({"CREATED", "SAVED", "PAYER_ACTION_REQUIRED"})
ORDER_STATUSES = {
    **dict.fromkeys(AWAITS_PAYER, PaymentStatus.REQUIRES_ACTION),
    "APPROVED": PaymentStatus.PENDING,  # the payer has agreed; nothing is taken before `complete_payment`
    "VOIDED": PaymentStatus.CANCELLED,
}
AUTHORISATION_STATUSES = {
    "CREATED": PaymentStatus.AUTHORISED,
    "PENDING": PaymentStatus.PENDING,
    "DENIED": PaymentStatus.FAILED,
    "VOIDED": PaymentStatus.CANCELLED,
    "EXPIRED": PaymentStatus.CANCELLED,  # not in the document's list
    "CAPTURED": PaymentStatus.PENDING,  # seen only where the capture itself is not settled
    "PARTIALLY_CAPTURED": PaymentStatus.PENDING,
}
REFUND_STATUSES = {
    "PENDING": RefundStatus.PENDING,
    "COMPLETED": RefundStatus.SUCCEEDED,
    "FAILED": RefundStatus.FAILED,
    "CANCELLED": RefundStatus.CANCELLED,
}
REFUSED = frozenset({"DECLINED", "FAILED"})
_TAKEN = frozenset({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"})
_CAPTURABLE = frozenset({"CREATED", "PENDING", "PARTIALLY_CAPTURED"})
# A capture that was paid and is held again for one of these reasons is disputed by the payer.
_DISPUTES = frozenset({"BUYER_COMPLAINT", "CHARGEBACK"})
_METHODS = ("paypal", "card", "apple_pay", "google_pay")
_TO_THE_PAGE = ("payer-action", "approve")
_PLAIN_DECIMAL = re.compile(r"\d{1,15}(\.\d{1,4})?", re.ASCII)


@dataclass(frozen=True)
class Order:
    """An order of one purchase unit, which is what `create_payment` makes."""

    document: JSON
    reference: str
    status: str
    amount: Decimal
    currency: str
    authorisations: Sequence[JSON]
    captures: Sequence[JSON]
    refunds: Sequence[JSON]

    @classmethod
    def read(cls, document: JSON) -> Self:
        """Raises InvalidResponse when this is not an order as documented."""
        try:
            (unit,) = document["purchase_units"]
            payments, currency = unit.get("payments") or {}, unit["amount"]["currency_code"]
            return cls(
                document=document,
                reference=document["id"],
                status=document["status"],
                amount=read_money(unit["amount"], currency),
                currency=currency,
                authorisations=_parts(payments.get("authorizations")),
                captures=_parts(payments.get("captures")),
                refunds=_parts(payments.get("refunds")),
            )
        except UNDOCUMENTED as error:
            raise InvalidResponse("PayPal's order is not as documented.") from error

    @property
    def custom_id(self) -> str:
        return str(self.document["purchase_units"][0].get("custom_id") or "")

    @property
    def awaits_payer(self) -> bool:
        return self.status in AWAITS_PAYER and not (self.authorisations or self.captures)

    @property
    def authorisation(self) -> JSON | None:
        """The one to capture or void: the newest that is still open, else the newest."""
        still_open = [one for one in self.authorisations if one["status"] in _CAPTURABLE]
        candidates = still_open or self.authorisations
        return candidates[-1] if candidates else None

    def with_capture(self, capture: JSON) -> Self:
        """The order after this capture. Raises InvalidResponse when it is none as documented."""
        return replace(self, captures=_with(self.captures, capture))

    def with_authorisation(self, authorisation: JSON) -> Self:
        """The order after this change of an authorisation. Raises as `with_capture` does."""
        return replace(self, authorisations=_with(self.authorisations, authorisation))

    def refund_named(self, custom_id: str) -> JSON | None:
        return next((refund for refund in self.refunds if refund.get("custom_id") == custom_id), None)

    def refundable(self) -> list[tuple[str, Decimal]]:
        """The captures that something is left of, with what is: oldest first. Raises InvalidResponse."""
        try:
            left = [(capture["id"], self._left_of(capture)) for capture in self.captures if _is_taken(capture)]
        except UNDOCUMENTED as error:
            raise InvalidResponse("PayPal's order is not as documented.") from error
        return [(capture, amount) for capture, amount in left if amount > 0]

    def result(self) -> PaymentResult:
        """Raises InvalidResponse when the order is not as documented."""
        try:
            return self._result()
        except UNDOCUMENTED as error:
            raise InvalidResponse("PayPal's order is not as documented.") from error

    def _result(self) -> PaymentResult:
        captured, refunded, status = self._captured(), self._refunded(), self._status()
        refused = self._refusal() if status is PaymentStatus.FAILED else {}
        fee = self._fee()
        return PaymentResult(
            provider_reference=self.reference,
            status=status,
            amount=self.amount,
            currency=self.currency,
            amount_captured=captured,
            amount_refunded=refunded,
            redirect_url=self._page(),
            failure_code=_reason(refused),
            failure_message=str(refused.get("status") or ""),
            method=next((name for name in _METHODS if name in (self.document.get("payment_source") or {})), ""),
            fee=fee,
            fee_currency="" if fee is None else self.currency,
            awaits_completion=self.status == "APPROVED"
            and status is PaymentStatus.PENDING
            and not self._is_under_way(),
            refunds=[read_refund(refund) for refund in self.refunds],
            raw=self.document,
        )

    def _status(self) -> PaymentStatus:
        """What was taken or is held says more than the order's own status, which stays COMPLETED whatever comes."""
        if captured := self._captured():
            if any(_is_disputed(capture) for capture in self.captures):
                return PaymentStatus.DISPUTED
            refunded = self._refunded()
            partly = PaymentStatus.PARTIALLY_REFUNDED if refunded else PaymentStatus.CAPTURED
            return PaymentStatus.REFUNDED if refunded >= captured else partly
        if any(capture["status"] == "PENDING" for capture in self.captures):
            return PaymentStatus.PENDING
        if self.authorisation is not None:
            return AUTHORISATION_STATUSES[self.authorisation["status"]]
        if self.status == "COMPLETED" and any(capture["status"] in REFUSED for capture in self.captures):
            return PaymentStatus.FAILED
        return ORDER_STATUSES[self.status]

    def _is_under_way(self) -> bool:
        return bool(self.authorisations) or any(capture["status"] not in REFUSED for capture in self.captures)

    def _captured(self) -> Decimal:
        known = _TAKEN | REFUSED | {"PENDING"}
        if any(capture["status"] not in known for capture in self.captures):
            raise ValueError("A capture's status is none that is documented.")
        return self._sum(capture for capture in self.captures if _is_taken(capture))

    def _refunded(self) -> Decimal:
        """What its refunds gave back; a capture that PayPal reversed is refunded whole, with no refund in the list."""
        completed = self._sum(refund for refund in self.refunds if refund["status"] == "COMPLETED")
        pending = self._sum(refund for refund in self.refunds if refund["status"] == "PENDING")
        whole = self._sum(capture for capture in self.captures if capture["status"] == "REFUNDED")
        return max(completed, whole - pending)

    def _left_of(self, capture: JSON) -> Decimal:
        """A refund that names no capture counts against each, so that never too much is asked for."""
        ended = ("FAILED", "CANCELLED")
        given = [refund for refund in self.refunds if refund["status"] not in ended]
        own = [refund for refund in given if len(self.captures) == 1 or _capture_of(refund) in ("", capture["id"])]
        return Decimal(0) if capture["status"] == "REFUNDED" else self._sum([capture]) - self._sum(own)

    def _fee(self) -> Decimal | None:
        """Where each capture that was taken tells it: it is not known of one that is pending."""
        taken = [mapping(one.get("seller_receivable_breakdown")) for one in self.captures if _is_taken(one)]
        if not taken or not all("paypal_fee" in breakdown for breakdown in taken):
            return None
        return sum((read_money(breakdown["paypal_fee"], self.currency) for breakdown in taken), Decimal(0))

    def _refusal(self) -> JSON:
        return (self.captures or self.authorisations)[-1]

    def _page(self) -> str:
        links = _documents(self.document.get("links")) if self.awaits_payer else []
        return next((str(link["href"]) for rel in _TO_THE_PAGE for link in links if link.get("rel") == rel), "")

    def _sum(self, parts: Any) -> Decimal:
        return sum((read_money(part["amount"], self.currency) for part in parts), Decimal(0))


def read_refund(refund: JSON) -> RefundResult:
    """Raises InvalidResponse when this is not a refund as documented."""
    try:
        currency = refund["amount"]["currency_code"]
        return RefundResult(
            provider_reference=refund["id"],
            status=REFUND_STATUSES[refund["status"]],
            amount=read_money(refund["amount"], currency),
            currency=currency,
            failure_message=_reason(refund),
            idempotency_key=str(refund.get("custom_id") or "").rpartition(".")[2],  # see `PayPal.refund_payment`
            raw=refund,
        )
    except UNDOCUMENTED as error:
        raise InvalidResponse("PayPal's refund is not as documented.") from error


def read_money(given: JSON, currency: str) -> Decimal:
    if given["currency_code"] != currency or not _PLAIN_DECIMAL.fullmatch(given["value"]):
        raise ValueError("The amount is not a plain decimal in the order's currency.")
    return Decimal(given["value"])


def _documents(value: Any) -> list[JSON]:
    """The list that may be missing. Raises TypeError for anything but objects in it."""
    if not all(isinstance(one, Mapping) for one in value or []):
        raise TypeError("A list holds something else than objects.")
    return [*(value or [])]


def _parts(value: Any) -> list[JSON]:
    """Authorisations, captures or refunds: each has an id and a status. Raises TypeError and KeyError."""
    parts = _documents(value)
    if not all(isinstance(part["id"], str) and isinstance(part["status"], str) for part in parts):
        raise TypeError("A part of a payment has a text for an id and for a status.")
    return parts


def _with(parts: Sequence[JSON], changed: JSON) -> list[JSON]:
    try:
        return [*(part for part in parts if part["id"] != changed["id"]), *_parts([changed])]
    except UNDOCUMENTED as error:
        raise InvalidResponse("PayPal's answer is not as documented.") from error


def _is_taken(capture: JSON) -> bool:
    return capture["status"] in _TAKEN or _is_disputed(capture)


def _is_disputed(capture: JSON) -> bool:
    return capture["status"] == "PENDING" and mapping(capture.get("status_details")).get("reason") in _DISPUTES


def _reason(document: JSON) -> str:
    """Of a refusal: the card processor's code, or PayPal's reason."""
    processor = mapping(document.get("processor_response")).get("response_code")
    return str(processor or mapping(document.get("status_details")).get("reason") or "")


def _capture_of(refund: JSON) -> str:
    """The capture that a refund's link `up` leads to."""
    for link in _documents(refund.get("links")):
        if link.get("rel") == "up" and "/captures/" in str(link.get("href")):
            return str(link["href"]).rpartition("/")[2]
    return ""
