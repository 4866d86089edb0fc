"""Tap's events of a payment that does not exist, to try the way with: charges, authorisations and refunds as it posts
them, without what is not read. https://developers.tap.company/docs/webhook
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

_PREFIXES = {"charge": "chg", "capture": "chg", "authorize": "auth", "refund": "re"}


def sample(event_type: str, event_id: str, now: datetime) -> dict[str, Any]:
    """`event_type` is of those that the provider declares."""
    kind, _, status = event_type.partition(".")
    moment = int(now.timestamp() * 1000)
    common: dict[str, Any] = {
        "id": f"{_PREFIXES[kind]}_{event_id}",
        "object": "charge" if kind == "capture" else kind,
        "live_mode": False,
        "api_version": "V2",
        "status": status,
        "amount": 10.0,
        "currency": "AED",
        "response": {"code": "000", "message": status.capitalize()},
    }
    if kind == "refund":
        return {**common, "charge_id": f"chg_{event_id}", "created": str(moment), "reference": {"merchant": "test"}}
    source = {"object": "authorize", "id": f"auth_{event_id}"} if kind == "capture" else {"id": "src_card"}
    return {
        **common,
        "transaction": {"created": str(moment), "amount": 10.0, "currency": "AED"},
        "reference": {"gateway": "sample", "payment": "sample", "transaction": "test", "order": "test"},
        "source": {"payment_method": "VISA", **source},
        "activities": [{"object": "activity", "created": moment, "status": status, "amount": 10.0, "currency": "AED"}],
    }
