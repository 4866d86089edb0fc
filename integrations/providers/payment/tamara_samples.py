"""Tamara's webhooks about an order that does not exist, to try the way with.

The shapes are those of https://docs.tamara.co/reference/getting-started-with-webhooks
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import NotSupported

_AMOUNT = {"amount": 10, "currency": "AED"}
# What the event tells beside the order; a list where there is nothing.
_DATA: Mapping[str, Mapping[str, Any] | list[Any]] = {
    "order_approved": [],
    "order_authorised": [],
    "order_captured": {"capture_id": "capture_test", "captured_amount": _AMOUNT},
    "order_refunded": {
        "refund_id": "refund_test",
        "capture_id": "capture_test",
        "refunded_amount": _AMOUNT,
        "comment": "test",
    },
    "order_canceled": {"cancel_id": "cancel_test", "canceled_amount": _AMOUNT},
    "order_declined": {"declined_reason": "test", "declined_code": "test", "decline_type": "test"},
    "order_expired": [],
}


def sample(event_type: str, event_id: str) -> Mapping[str, Any]:
    if event_type not in _DATA:
        raise NotSupported("There is no sample of {type}.", type=event_type)
    order = {"order_id": event_id, "order_reference_id": "test", "order_number": "test"}
    return {**order, "event_type": event_type, "data": _DATA[event_type]}
