"""N-Genius's events: what they mean, what they tell, and samples of an order that does not exist.

The shape is that of https://docs.ngenius-payments.com/reference/consuming-web-hooks and of the order that is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...errors import NotSupported
from ..events import EventType, NormalizedEvent
from ..json_values import mapping
from .network_international_reading import Object, embedded

_AMOUNT = {"currencyCode": "AED", "value": 1000}
# What each event means to us, and the state that a sample's payment is in. A capture that is voided is an authorisation
# again: https://docs.ngenius-payments.com/reference/cancel-a-capture-request-1
EVENTS: Mapping[str, tuple[EventType, str]] = {
    "AUTHORISED": (EventType.PAYMENT_AUTHORISED, "AUTHORISED"),
    "DECLINED": (EventType.PAYMENT_FAILED, "FAILED"),
    "AUTHORISATION_FAILED": (EventType.PAYMENT_FAILED, "FAILED"),
    "APM_PAYMENT_ACCEPTED": (EventType.PAYMENT_SUCCEEDED, "PURCHASED"),
    "PURCHASED": (EventType.PAYMENT_SUCCEEDED, "PURCHASED"),
    "PURCHASE_DECLINED": (EventType.PAYMENT_FAILED, "FAILED"),
    "PURCHASE_FAILED": (EventType.PAYMENT_FAILED, "FAILED"),
    "PURCHASE_REVERSED": (EventType.PAYMENT_REFUNDED, "REVERSED"),
    "CAPTURED": (EventType.PAYMENT_CAPTURED, "CAPTURED"),
    "PARTIALLY_CAPTURED": (EventType.PAYMENT_CAPTURED, "PARTIALLY_CAPTURED"),
    "CAPTURE_FAILED": (EventType.PAYMENT_FAILED, "AUTHORISED"),
    "CAPTURE_VOIDED": (EventType.PAYMENT_AUTHORISED, "AUTHORISED"),
    "FULL_AUTH_REVERSED": (EventType.PAYMENT_CANCELLED, "REVERSED"),
    "CANCELLED": (EventType.PAYMENT_CANCELLED, "CANCELLED"),
    "REFUNDED": (EventType.PAYMENT_REFUNDED, "REFUNDED"),
    "PARTIALLY_REFUNDED": (EventType.PAYMENT_REFUNDED, "PARTIALLY_REFUNDED"),
    "REFUND_FAILED": (EventType.PAYMENT_REFUND_FAILED, "CAPTURED"),
    "PARTIAL_REFUND_FAILED": (EventType.PAYMENT_REFUND_FAILED, "CAPTURED"),
    "REFUND_VOIDED": (EventType.PAYMENT_REFUND_FAILED, "CAPTURED"),
    "GATEWAY_RISK_PRE_AUTH_REJECTED": (EventType.PAYMENT_FAILED, "FAILED"),
    "PRE_AUTH_FRAUD_CHECK_REJECTED": (EventType.PAYMENT_FAILED, "FAILED"),
    "POST_AUTH_FRAUD_CHECK_REJECTED": (EventType.PAYMENT_FAILED, "FAILED"),
    "POST_AUTH_FRAUD_CHECK_REVIEW": (EventType.PAYMENT_PENDING, "POST_AUTH_REVIEW"),
    "POST_AUTH_FRAUD_CHECK_ACCEPTED": (EventType.PAYMENT_AUTHORISED, "AUTHORISED"),
}


def read_event(payload: Object) -> NormalizedEvent:
    """Which order an event is about, by its reference there and by ours, and when its payment changed last."""
    order = mapping(payload.get("order"))
    reference, ours = order.get("reference"), order.get("merchantOrderReference")
    payments = embedded(order, "payment")
    return NormalizedEvent(
        EventType.UNKNOWN,
        reference if isinstance(reference, str) else "",
        _time(payments[0].get("updateDateTime")) if payments else None,
        payment_id=ours if isinstance(ours, str) else "",
    )


def sample(event_name: str, event_id: str, now: datetime) -> dict[str, Any]:
    if event_name not in EVENTS:
        raise NotSupported("There is no sample of {type}.", type=event_name)
    reference = f"order-{event_id}"
    payment = {
        "_id": f"urn:payment:payment-{event_id}",
        "state": EVENTS[event_name][1],
        "amount": _AMOUNT,
        "orderReference": reference,
        "paymentMethod": {"name": "VISA", "pan": "411111******1111"},
        "updateDateTime": now.isoformat(),
    }
    order = {
        "_id": f"urn:order:{reference}",
        "type": "SINGLE",
        "action": "PURCHASE" if event_name.startswith("PURCHASE") else "SALE",
        "amount": _AMOUNT,
        "language": "en",
        "reference": reference,
        "_embedded": {"payment": [payment]},
    }
    return {"eventId": event_id, "eventName": event_name, "outletId": "outlet-sample", "order": order}


def _time(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None
