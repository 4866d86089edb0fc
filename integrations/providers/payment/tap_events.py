"""What Tap posts: the object itself, with neither a name nor an id of the event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..events import EventType
from ..json_values import mapping
from .tap_lookup import AUTHORISATION

# Names of ours, of the object and its status; a charge that captures an authorisation is a `capture`.
EVENT_TYPES = {
    "charge.INITIATED": EventType.PAYMENT_REQUIRES_ACTION,
    "charge.IN_PROGRESS": EventType.PAYMENT_PENDING,
    "charge.CAPTURED": EventType.PAYMENT_SUCCEEDED,
    "charge.FAILED": EventType.PAYMENT_FAILED,
    "charge.DECLINED": EventType.PAYMENT_FAILED,
    "charge.RESTRICTED": EventType.PAYMENT_FAILED,
    "charge.TIMEDOUT": EventType.PAYMENT_FAILED,
    "charge.CANCELLED": EventType.PAYMENT_CANCELLED,
    "charge.ABANDONED": EventType.PAYMENT_CANCELLED,
    "charge.VOID": EventType.PAYMENT_CANCELLED,
    "capture.CAPTURED": EventType.PAYMENT_CAPTURED,
    "authorize.AUTHORIZED": EventType.PAYMENT_AUTHORISED,
    "authorize.CAPTURED": EventType.PAYMENT_CAPTURED,
    "authorize.FAILED": EventType.PAYMENT_FAILED,
    "authorize.DECLINED": EventType.PAYMENT_FAILED,
    "authorize.RESTRICTED": EventType.PAYMENT_FAILED,
    "authorize.TIMEDOUT": EventType.PAYMENT_FAILED,
    "authorize.CANCELLED": EventType.PAYMENT_CANCELLED,
    "authorize.ABANDONED": EventType.PAYMENT_CANCELLED,
    "authorize.VOID": EventType.PAYMENT_CANCELLED,
    "refund.REFUNDED": EventType.PAYMENT_REFUNDED,
    "refund.FAILED": EventType.PAYMENT_REFUND_FAILED,
    "refund.DECLINED": EventType.PAYMENT_REFUND_FAILED,
    "refund.RESTRICTED": EventType.PAYMENT_REFUND_FAILED,
    "refund.TIMEDOUT": EventType.PAYMENT_REFUND_FAILED,
    "refund.TIMED_OUT": EventType.PAYMENT_REFUND_FAILED,
    "refund.CANCELLED": EventType.PAYMENT_REFUND_FAILED,
}
RECOMMENDED = (
    "charge.CAPTURED",
    "charge.FAILED",
    "charge.DECLINED",
    "charge.CANCELLED",
    "capture.CAPTURED",
    "authorize.AUTHORIZED",
    "authorize.VOID",
    "refund.REFUNDED",
    "refund.FAILED",
    "refund.DECLINED",
)


def kind_of(payload: Mapping[str, Any]) -> str:
    kind = payload.get("object")
    if kind not in ("charge", "authorize", "refund"):
        return ""
    return "capture" if kind == "charge" and _source(payload).startswith(AUTHORISATION) else str(kind)


def subject_of(payload: Mapping[str, Any]) -> str:
    """What the payment is known by here: a capture's is its authorisation, a refund's its charge."""
    by_kind = {"capture": _source(payload), "refund": payload.get("charge_id")}
    return str(by_kind.get(kind_of(payload), payload.get("id")) or "")


def our_id_in(payload: Mapping[str, Any]) -> str:
    """As it was sent with a charge or an authorisation, and handed on to captures and refunds."""
    reference = mapping(payload.get("reference"))
    return str(reference.get("merchant" if payload.get("object") == "refund" else "transaction") or "")


def moment_of(payload: Mapping[str, Any]) -> datetime | None:
    """Of the newest thing that happened to it. `transaction.created` stays the same for ever; a refund has no other."""
    activities = payload.get("activities")
    moments: list[Any] = [mapping(one).get("created") for one in activities] if isinstance(activities, list) else []
    if payload.get("object") == "refund":
        moments = [payload.get("created")]
    try:
        return datetime.fromtimestamp(max(int(moment) for moment in moments) / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _source(payload: Mapping[str, Any]) -> str:
    return str(mapping(payload.get("source")).get("id") or "")
