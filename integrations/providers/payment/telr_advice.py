"""Telr's transaction advice: what it means, what it tells, and samples of a transaction that does not exist.

https://docs.telr.com/reference/transaction-advice-service
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import NotSupported, UnreadablePayload
from ..base import codes
from ..events import EventIdentity, EventType, NormalizedEvent
from ..signatures import AnyOf, BodyField, SignedFields

_UUID_LENGTH = 36
_FIELDS = codes(
    "tran_store tran_type tran_class tran_test tran_ref tran_prevref tran_firstref tran_currency tran_amount "
    "tran_cartid tran_desc tran_status tran_authcode tran_authmessage"
)
_WITH_ORDER = (*_FIELDS[:7], "tran_order", *_FIELDS[7:])
# Where a store has its order references on, `tran_order` is signed too.
SIGNATURE = AnyOf(
    tuple(
        SignedFields(BodyField("tran_check"), fields, algorithm="sha1", joiner=":", secret_first=True, trimmed=True)
        for fields in (_FIELDS, _WITH_ORDER)
    )
)
# Telr has no names: they are made of the transaction's type and the letter of its status.
EVENTS: Mapping[str, EventType] = {
    "sale.A": EventType.PAYMENT_SUCCEEDED,
    "sale.H": EventType.PAYMENT_PENDING,
    "sale.D": EventType.PAYMENT_FAILED,
    "sale.E": EventType.PAYMENT_FAILED,
    "sale.C": EventType.PAYMENT_CANCELLED,
    "sale.X": EventType.PAYMENT_CANCELLED,
    "auth.A": EventType.PAYMENT_AUTHORISED,
    "auth.H": EventType.PAYMENT_PENDING,
    "auth.D": EventType.PAYMENT_FAILED,
    "auth.E": EventType.PAYMENT_FAILED,
    "auth.C": EventType.PAYMENT_CANCELLED,
    "auth.X": EventType.PAYMENT_CANCELLED,
    "capture.A": EventType.PAYMENT_CAPTURED,
    "release.A": EventType.PAYMENT_CANCELLED,
    "void.A": EventType.PAYMENT_CANCELLED,
    "refund.A": EventType.PAYMENT_REFUNDED,
    "refund.D": EventType.PAYMENT_REFUND_FAILED,
    "refund.E": EventType.PAYMENT_REFUND_FAILED,
    "refund_reversal.A": EventType.PAYMENT_REFUND_FAILED,
}
_LIVE = {"0": True, "1": False}  # by `tran_test`
_MESSAGES = {
    "A": "Authorised", "H": "On hold", "D": "Not authorised", "E": "Invalid request", "C": "Cancelled", "X": "Expired",
}  # fmt: skip


def identify(payload: Mapping[str, Any]) -> EventIdentity:
    """A transaction that was held and is let through comes twice under one reference."""
    reference, kind, status = (_text(payload, name) for name in ("tran_ref", "tran_type", "tran_status"))
    if not (reference and kind and status):
        raise UnreadablePayload("Telr's advice has a reference, a type and a status; this has not.")
    event_type = f"{kind.lower().replace(' ', '_')}.{status.upper()}"
    return EventIdentity(f"{reference}.{event_type}", event_type, _subject(payload))


def read(payload: Mapping[str, Any]) -> NormalizedEvent:
    """The fields are proven by a bare SHA-1, which is too little: the order is fetched."""
    meaning = EVENTS.get(identify(payload).event_type, EventType.UNKNOWN)
    if meaning is EventType.UNKNOWN:
        return NormalizedEvent(EventType.UNKNOWN)
    ours, is_live = _text(payload, "tran_cartid")[:_UUID_LENGTH], _LIVE.get(_text(payload, "tran_test"))
    refund = _text(payload, "tran_ref") if meaning is EventType.PAYMENT_REFUNDED else ""
    return NormalizedEvent(meaning, _subject(payload), payment_id=ours, refund=refund, is_live=is_live)


def sample(event_type: str, event_id: str) -> dict[str, str]:
    if event_type not in EVENTS:
        raise NotSupported("There is no sample of {type}.", type=event_type)
    kind, _, status = event_type.partition(".")
    return {
        "tran_store": "1234",
        "tran_type": kind.replace("_", " "),
        "tran_class": "ecom",
        "tran_test": "1",
        "tran_ref": event_id,
        "tran_prevref": event_id,
        "tran_firstref": event_id,
        "tran_currency": "AED",
        "tran_amount": "10.00",
        "tran_cartid": "test",
        "tran_desc": "Test",
        "tran_status": status,
        "tran_authcode": "831000",
        "tran_authmessage": _MESSAGES[status],
    }


def _subject(payload: Mapping[str, Any]) -> str:
    """The order's reference where it is told, else that of the transaction which began it."""
    told = (_text(payload, name) for name in ("tran_order", "tran_firstref", "tran_ref"))
    return next((text for text in told if text), "")


def _text(payload: Mapping[str, Any], name: str) -> str:
    value = payload.get(name)
    return value.strip() if isinstance(value, str) else ""
