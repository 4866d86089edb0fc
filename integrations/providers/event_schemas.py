"""JSON Schemas (2020-12) of normalized events, as they are emitted, forwarded and documented.

An envelope that is the same for all, and `data` by domain. Amounts are decimal strings in major units with an ISO 4217
code beside them. The names in `data` are those that a provider's `attributes` may have; more may come, none will go.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from .events import EventType
from .results import PaymentStatus

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
_UUID: Schema = {"type": "string", "format": "uuid"}
_OWN_ID: Schema = {"type": ["string", "null"], "format": "uuid", "description": "Ours, where it is known here."}
_OWN_REFERENCE: Schema = {"type": ["string", "null"], "description": "Yours, where it is known here."}
_AMOUNT: Schema = {"type": ["string", "null"], "pattern": r"^\d+(\.\d+)?$", "description": "Major units."}
_CURRENCY: Schema = {"type": ["string", "null"], "pattern": "^[A-Z]{3}$", "description": "ISO 4217."}
_MONEY: Schema = {"amount": _AMOUNT, "currency": _CURRENCY}
_SHIPMENT_STATUSES = [
    "label_created", "picked_up", "in_transit", "out_for_delivery", "delivered", "exception", "returned", "cancelled",
]  # fmt: skip

# Under which name the event's subject is in `data`.
SUBJECT_NAMES: Mapping[str, str] = {
    "payment": "provider_reference",
    "shipping": "tracking_number",
    "social": "post_id",
    "message": "message_id",
    "email": "message_id",
    "contact": "external_id",
    "lead": "external_id",
    "order": "external_id",
    "reservation": "external_id",
    "invoice": "external_id",
    "payroll": "external_id",
}

_OF_A_DISPUTE = frozenset({"dispute", "dispute_reason", "dispute_amount", "dispute_currency", "respond_by"})
_MESSAGE: Schema = {
    "message_id": {**_TEXT, "description": "The provider's."},
    "channel": {"enum": ["sms", "whatsapp", "email", "voice", "messenger", "instagram", "x", "tiktok"]},
    "sender": _TEXT,
    "recipient": _TEXT,
    "text": _TEXT,
    "error_code": _TEXT,
    "error_message": _TEXT,
}
_PERSON: Schema = {"email": _TEXT, "phone": _TEXT, "first_name": _TEXT, "last_name": _TEXT}
_ITEM: Schema = {
    "type": "object",
    "properties": {"name": _TEXT, "quantity": {"type": "integer"}, **_MONEY},
}
_DATA: Mapping[str, Schema] = {
    "payment": {
        "payment": _OWN_ID,
        "reference": _OWN_REFERENCE,
        "provider_reference": _TEXT,
        "status": {"enum": [*(status.value for status in PaymentStatus), None]},
        **_MONEY,
        "amount_captured": {**_AMOUNT, "description": "In all."},
        "amount_refunded": {**_AMOUNT, "description": "In all."},
        "failure_code": _TEXT,
        "failure_message": _TEXT,
        "dispute": {**_TEXT, "description": "The provider's reference of the dispute."},
        "dispute_reason": _TEXT,
        "dispute_amount": _AMOUNT,
        "dispute_currency": _CURRENCY,
        "respond_by": {**_TIME, "description": "Until when the dispute can be answered."},
    },
    "shipping": {
        "shipment": _OWN_ID,
        "reference": _OWN_REFERENCE,
        "tracking_number": _TEXT,
        "status": {"enum": _SHIPMENT_STATUSES},
        "provider_code": {**_TEXT, "description": "The carrier's own code of what happened."},
        "description": _TEXT,
        "location": _TEXT,
        "estimated_delivery": _TIME,
        "cod_amount": {**_AMOUNT, "description": "Collected on delivery."},
        "cod_currency": _CURRENCY,
    },
    "social": {
        "platform": {"enum": ["facebook", "instagram", "linkedin", "tiktok", "twitter", "github"]},
        "account_id": _TEXT,
        "post_id": _TEXT,
        "comment_id": _TEXT,
        "author_id": _TEXT,
        "author_name": _TEXT,
        "text": _TEXT,
        "permalink": _TEXT,
        "error_message": _TEXT,
    },
    "message": _MESSAGE,
    "email": _MESSAGE,
    "contact": {"external_id": _TEXT, **_PERSON, "list_id": _TEXT, "reason": _TEXT},
    "lead": {"external_id": _TEXT, **_PERSON, "source": _TEXT, "campaign": _TEXT, "form_id": _TEXT},
    "order": {
        "external_id": _TEXT,
        "status": {
            "enum": ["received", "accepted", "rejected", "preparing", "ready", "picked_up", "delivered", "cancelled"]
        },
        "external_status": {**_TEXT, "description": "The platform's own word."},
        **_MONEY,
        "customer_name": _TEXT,
        "customer_phone": _TEXT,
        "items": {"type": "array", "items": _ITEM},
        "placed_at": _TIME,
    },
    "reservation": {
        "external_id": _TEXT,
        "external_status": _TEXT,
        "starts_at": _TIME,
        "party_size": {"type": "integer", "minimum": 1},
        "guest_name": _TEXT,
        "guest_phone": _TEXT,
        "guest_email": _TEXT,
        "notes": _TEXT,
    },
    "invoice": {
        "external_id": _TEXT,
        "number": _TEXT,
        "external_status": _TEXT,
        **_MONEY,
        "amount_paid": _AMOUNT,
        "due_at": _TIME,
    },
    "payroll": {
        "external_id": _TEXT,
        "external_status": _TEXT,
        "period_start": _TEXT,
        "period_end": _TEXT,
        "pays_at": _TIME,
        **_MONEY,
    },
    "connection": {"reason": _TEXT},
    "unknown": {"event_type": {**_TEXT, "description": "The provider's own name of it."}},
}
_ENVELOPE: Schema = {
    "id": {**_TEXT, "description": "The same whenever the same event is sent again."},
    "occurred_at": {**_TIME, "description": "The provider's time, where it tells."},
    "received_at": {"type": "string", "format": "date-time"},
    "organization": _UUID,
    "connection": _UUID,
    "provider": {**_TEXT, "description": "The slug in the catalogue."},
    "environment": {"enum": ["production", "staging", "development"]},
    "subject": {**_TEXT, "description": "The provider's reference of the one thing that it concerns, or empty."},
    "is_test": {"type": "boolean", "description": "Sent to try the way: it tells of nothing that exists."},
}


@cache
def schema_of(event_type: EventType) -> Schema:
    """What a normalized event of this type looks like as JSON."""
    domain = event_type.domain
    data: Schema = {"type": "object", "properties": _DATA[domain]}
    if domain == "payment":
        data["required"] = [name for name in _DATA[domain] if name not in _OF_A_DISPUTE]
    elif domain in SUBJECT_NAMES:
        data["required"] = [SUBJECT_NAMES[domain]]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": event_type.value,
        "type": "object",
        "required": ["id", "type", *list(_ENVELOPE)[1:], "data"],
        "properties": {"type": {"const": event_type.value}, **_ENVELOPE, "data": data},
    }
