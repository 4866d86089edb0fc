"""Stripe's events of a payment that does not exist, to try the way with.

The shapes are those of https://docs.stripe.com/api/events/object and of the objects named there, without what is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import NotSupported

_AMOUNT = 1000
_DECLINE = {
    "type": "card_error",
    "code": "card_declined",
    "decline_code": "generic_decline",
    "message": "Your card was declined.",
}
# What each type says of its object beside what all say.
_INTENTS: Mapping[str, Mapping[str, Any]] = {
    "payment_intent.succeeded": {"status": "succeeded", "amount_received": _AMOUNT},
    "payment_intent.amount_capturable_updated": {
        "status": "requires_capture",
        "amount_capturable": _AMOUNT,
        "capture_method": "manual",
    },
    "payment_intent.processing": {"status": "processing"},
    "payment_intent.requires_action": {"status": "requires_action"},
    "payment_intent.payment_failed": {"status": "requires_payment_method", "last_payment_error": _DECLINE},
    "payment_intent.canceled": {"status": "canceled", "cancellation_reason": "requested_by_customer"},
}
_SESSIONS: Mapping[str, Mapping[str, Any]] = {
    "checkout.session.completed": {"status": "complete", "payment_status": "paid"},
    "checkout.session.async_payment_succeeded": {"status": "complete", "payment_status": "paid"},
    "checkout.session.async_payment_failed": {"status": "complete", "payment_status": "unpaid"},
    "checkout.session.expired": {"status": "expired", "payment_status": "unpaid"},
}
_CHARGES: Mapping[str, Mapping[str, Any]] = {
    "charge.captured": {"amount_refunded": 0, "refunded": False},
    "charge.refunded": {"amount_refunded": _AMOUNT, "refunded": True},
}
_DISPUTES: Mapping[str, Mapping[str, Any]] = {
    "charge.dispute.created": {"status": "needs_response"},
    "charge.dispute.closed": {"status": "lost"},
}
_REFUNDS: Mapping[str, Mapping[str, Any]] = {
    "refund.failed": {"status": "failed", "failure_reason": "lost_or_stolen_card"},
}


def sample(event_type: str, event_id: str, created: int, api_version: str) -> dict[str, Any]:
    return {
        "id": event_id,
        "object": "event",
        "api_version": api_version,
        "created": created,
        "data": {"object": {**_subject(event_type, event_id), "created": created}},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": event_type,
    }


def _subject(event_type: str, event_id: str) -> dict[str, Any]:
    intent = f"pi_{event_id}"
    common: dict[str, Any] = {"amount": _AMOUNT, "currency": "aed", "livemode": False, "metadata": {}}
    of_charge = {**common, "charge": f"ch_{event_id}", "payment_intent": intent}
    if told := _INTENTS.get(event_type):
        unpaid = {"amount_capturable": 0, "amount_received": 0, "capture_method": "automatic"}
        return {"id": intent, "object": "payment_intent", **common, **unpaid, "payment_method_types": ["card"], **told}
    if told := _SESSIONS.get(event_type):
        begun = intent if told["status"] == "complete" else None
        page = {"amount_total": _AMOUNT, "client_reference_id": None, "mode": "payment", "payment_intent": begun}
        known = {"currency": "aed", "livemode": False, "metadata": {}}
        return {"id": f"cs_test_{event_id}", "object": "checkout.session", **known, **page, **told}
    if told := _CHARGES.get(event_type):
        paid = {"status": "succeeded", "captured": True, "paid": True, "disputed": False, "amount_captured": _AMOUNT}
        return {"id": f"ch_{event_id}", "object": "charge", **common, "payment_intent": intent, **paid, **told}
    if told := _DISPUTES.get(event_type):
        return {"id": f"du_{event_id}", "object": "dispute", **of_charge, "reason": "general", **told}
    if told := _REFUNDS.get(event_type):
        return {"id": f"re_{event_id}", "object": "refund", **of_charge, **told}
    raise NotSupported("There is no sample of {type}.", type=event_type)
