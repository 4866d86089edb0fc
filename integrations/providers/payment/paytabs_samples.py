"""PayTabs' notices of a payment that does not exist, to try the way with. The shape is that of the official php-sdk."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ...errors import NotSupported

_KINDS = {"payment_request": "Payment Request"}
_WORDS = {"A": "Authorised", "H": "On hold", "P": "Pending", "D": "Declined", "E": "Error", "X": "Expired"}
_FOLLOW_UPS = ("capture", "void", "release", "refund")


def sample(event_type: str, event_id: str, now: datetime, event_types: Mapping[str, object]) -> dict[str, Any]:
    if event_type not in event_types:
        raise NotSupported("There is no sample of {type}.", type=event_type)
    kind, _, status = event_type.partition(".")
    previous = {"previous_tran_ref": f"{event_id}_parent"} if kind in _FOLLOW_UPS else {}
    return {
        "tran_ref": event_id,
        **previous,
        "merchant_id": 1,
        "profile_id": 1,
        "cart_id": f"cart_{event_id}",
        "cart_description": "Test",
        "cart_currency": "AED",
        "cart_amount": "10.00",
        "tran_currency": "AED",
        "tran_total": "10.00",
        "tran_type": _KINDS.get(kind, kind.capitalize()),
        "tran_class": "ECom",
        "payment_result": {
            "response_status": status,
            "response_code": "G00000",
            "response_message": _WORDS.get(status, "Cancelled"),
            "transaction_time": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
        "payment_info": {"payment_method": "Visa", "card_type": "Credit", "card_scheme": "Visa"},
    }
