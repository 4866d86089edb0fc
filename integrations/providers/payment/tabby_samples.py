"""Tabby's webhooks about a payment that does not exist, to try the way with.

The shapes are those of https://docs.tabby.ai/pay-in-4-custom-integration/webhooks and of dispute-webhooks beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...errors import NotSupported

# The payment's status, and whether it was captured and refunded.
_PAYMENTS = {
    "payment.authorized": ("authorized", False, False),
    "payment.captured": ("authorized", True, False),
    "payment.closed": ("closed", True, False),
    "payment.cancelled": ("closed", False, False),
    "payment.refunded": ("closed", True, True),
    "payment.rejected": ("rejected", False, False),
    "payment.expired": ("expired", False, False),
}
_DISPUTES = ("pending", "arbitration", "evidence_merchant", "approved", "declined", "cancelled")


def sample(event_type: str, event_id: str, now: datetime) -> Mapping[str, Any]:
    at = now.isoformat()
    kind, _, status = event_type.partition(".")
    if kind == "dispute" and status in _DISPUTES:
        of = {"dispute_id": f"dispute_{event_id}", "payment_id": event_id}
        return {"status": status, **of, "amount": "10.00", "currency": "AED", "created_at": at}
    if event_type not in _PAYMENTS:
        raise NotSupported("There is no sample of {type}.", type=event_type)
    told, is_captured, is_refunded = _PAYMENTS[event_type]
    entry = {"amount": "10.00", "created_at": at}
    return {
        "id": event_id,
        "created_at": at,
        "expires_at": at,
        "closed_at": at if told == "closed" else None,
        "status": told,
        "is_test": True,
        "is_expired": told == "expired",
        "amount": "10.00",
        "currency": "AED",
        "order": {"reference_id": "test"},
        "captures": [{"id": f"capture_{event_id}", "reference_id": "test", **entry}] if is_captured else [],
        "refunds": [{"id": f"refund_{event_id}", "reference_id": "test", **entry}] if is_refunded else [],
        "meta": {"order_id": "test", "customer": None},
        "token": None,
    }
