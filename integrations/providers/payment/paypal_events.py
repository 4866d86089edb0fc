"""PayPal's events: which payment each concerns, and test events in their shape.

https://developer.paypal.com/api/rest/webhooks/event-names/ has their names, /docs/disputes/webhooks those of disputes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ...errors import NotSupported
from ..events import EventType, NormalizedEvent
from ..json_values import first_mapping, mapping

EVENT_TYPES: Mapping[str, str] = {
    "CHECKOUT.ORDER.APPROVED": EventType.PAYMENT_PENDING,
    "CHECKOUT.PAYMENT-APPROVAL.REVERSED": EventType.PAYMENT_CANCELLED,
    "PAYMENT.AUTHORIZATION.CREATED": EventType.PAYMENT_AUTHORISED,
    "PAYMENT.AUTHORIZATION.VOIDED": EventType.PAYMENT_CANCELLED,
    "PAYMENT.CAPTURE.COMPLETED": EventType.PAYMENT_SUCCEEDED,
    "PAYMENT.CAPTURE.PENDING": EventType.PAYMENT_PENDING,
    "PAYMENT.CAPTURE.DENIED": EventType.PAYMENT_FAILED,
    "PAYMENT.CAPTURE.DECLINED": EventType.PAYMENT_FAILED,
    "PAYMENT.CAPTURE.REFUNDED": EventType.PAYMENT_REFUNDED,
    "PAYMENT.CAPTURE.REVERSED": EventType.PAYMENT_REFUNDED,
    "PAYMENT.REFUND.FAILED": EventType.PAYMENT_REFUND_FAILED,
    "CUSTOMER.DISPUTE.CREATED": EventType.PAYMENT_DISPUTED,
    "CUSTOMER.DISPUTE.UPDATED": EventType.PAYMENT_DISPUTED,
    "CUSTOMER.DISPUTE.RESOLVED": EventType.PAYMENT_DISPUTE_LOST,  # or won: its outcome says
}
_WON = frozenset({"RESOLVED_SELLER_FAVOUR", "CANCELED_BY_BUYER", "DENIED"})
_DISPUTE = "CUSTOMER.DISPUTE."


def read_event(payload: Mapping[str, Any]) -> NormalizedEvent:
    """A hint at what to ask for: the checksum in PayPal's signature proves the sender, not the content."""
    name, resource = str(payload.get("event_type")), mapping(payload.get("resource"))
    kind = EventType(EVENT_TYPES.get(name, EventType.UNKNOWN))
    if kind is EventType.UNKNOWN:
        return NormalizedEvent(kind, occurred_at=occurred_at(payload))
    if name.startswith(_DISPUTE):
        return _dispute(kind, resource, occurred_at(payload))
    return NormalizedEvent(kind, subject_of(payload), occurred_at(payload), payment_id=_own_id(resource))


def subject_of(payload: Mapping[str, Any]) -> str:
    """The order; where the event names none, the capture or refund that it is about."""
    name, resource = str(payload.get("event_type")), mapping(payload.get("resource"))
    if name not in EVENT_TYPES:
        return ""
    if name.startswith(_DISPUTE):
        return _text(_transaction(resource).get("seller_transaction_id"))
    related = mapping(mapping(resource.get("supplementary_data")).get("related_ids"))
    return _text(related.get("order_id")) or _text(resource.get("order_id")) or _text(resource.get("id"))


def occurred_at(payload: Mapping[str, Any]) -> datetime | None:
    try:
        moment = datetime.fromisoformat(payload["create_time"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None


def _dispute(kind: EventType, dispute: Mapping[str, Any], moment: datetime | None) -> NormalizedEvent:
    transaction, amount = _transaction(dispute), mapping(dispute.get("dispute_amount"))
    outcome = mapping(dispute.get("dispute_outcome")).get("outcome_code")
    if kind is EventType.PAYMENT_DISPUTE_LOST and outcome in _WON:
        kind = EventType.PAYMENT_DISPUTE_WON
    told = {
        "dispute": dispute.get("dispute_id"),
        "dispute_reason": dispute.get("reason"),
        "dispute_amount": amount.get("value"),
        "dispute_currency": amount.get("currency_code"),
        "respond_by": dispute.get("seller_response_due_date"),
    }
    return NormalizedEvent(
        kind,
        _text(transaction.get("seller_transaction_id")),
        moment,
        attributes={name: value for name, value in told.items() if _text(value)},
        payment_id=_text(transaction.get("custom")),
    )


def _transaction(dispute: Mapping[str, Any]) -> Mapping[str, Any]:
    return _first(dispute.get("disputed_transactions"))


def _own_id(resource: Mapping[str, Any]) -> str:
    """Our own id of the payment. On a refund of ours, the refund's key follows it after a dot."""
    custom = _text(resource.get("custom_id")) or _text(_first(resource.get("purchase_units")).get("custom_id"))
    return custom.partition(".")[0]


def _first(several: Any) -> Mapping[str, Any]:
    return first_mapping(several)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


_AMOUNT = {"currency_code": "USD", "value": "10.00"}
_RESOURCES: Mapping[str, tuple[str, str]] = {
    "PAYMENT.AUTHORIZATION.CREATED": ("authorization", "CREATED"),
    "PAYMENT.AUTHORIZATION.VOIDED": ("authorization", "VOIDED"),
    "PAYMENT.CAPTURE.COMPLETED": ("capture", "COMPLETED"),
    "PAYMENT.CAPTURE.PENDING": ("capture", "PENDING"),
    "PAYMENT.CAPTURE.DENIED": ("capture", "DECLINED"),
    "PAYMENT.CAPTURE.DECLINED": ("capture", "DECLINED"),
    "PAYMENT.CAPTURE.REFUNDED": ("refund", "COMPLETED"),
    "PAYMENT.CAPTURE.REVERSED": ("refund", "COMPLETED"),
    "PAYMENT.REFUND.FAILED": ("refund", "FAILED"),
    "CUSTOMER.DISPUTE.CREATED": ("dispute", "OPEN"),
    "CUSTOMER.DISPUTE.UPDATED": ("dispute", "UNDER_REVIEW"),
    "CUSTOMER.DISPUTE.RESOLVED": ("dispute", "RESOLVED"),
    "CHECKOUT.ORDER.APPROVED": ("checkout-order", "APPROVED"),
    "CHECKOUT.PAYMENT-APPROVAL.REVERSED": ("checkout-order", ""),
}


def sample(event_type: str, event_id: str, now: datetime) -> dict[str, Any]:
    """An event of a payment that does not exist."""
    if event_type not in _RESOURCES:
        raise NotSupported("There is no sample of {type}.", type=event_type)
    kind, status = _RESOURCES[event_type]
    moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "id": event_id,
        "event_version": "1.0",
        "create_time": moment,
        "resource_type": kind,
        "event_type": event_type,
        "summary": "A test event.",
        "resource": _resource(kind, status, event_id, moment),
        "links": [],
    }


def _resource(kind: str, status: str, event_id: str, moment: str) -> dict[str, Any]:
    order = f"ORDER-{event_id}"
    if kind == "dispute":
        outcome = {"dispute_outcome": {"outcome_code": "RESOLVED_BUYER_FAVOUR"}} if status == "RESOLVED" else {}
        transaction = {"seller_transaction_id": f"CAPTURE-{event_id}"}
        told = {"dispute_id": f"PP-D-{event_id}", "reason": "UNAUTHORISED", "dispute_amount": _AMOUNT, **outcome}
        return {**told, "status": status, "disputed_transactions": [transaction], "create_time": moment}
    if kind == "checkout-order":
        units = [{"reference_id": "test", "amount": _AMOUNT}]
        return (
            {"id": order, "intent": "CAPTURE", "status": status, "purchase_units": units}
            if status
            else {
                "order_id": order,
                "purchase_units": units,
            }
        )
    related = {"related_ids": {"order_id": order}}
    return {"id": f"{kind.upper()}-{event_id}", "status": status, "amount": _AMOUNT, "supplementary_data": related}
