"""Moyasar's events of a payment that does not exist, to try the way with.

https://docs.moyasar.com/api/other/webhooks/webhook-reference
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

_STATUSES = {
    "payment_paid": "paid",
    "payment_authorized": "authorized",
    "payment_captured": "captured",
    "payment_refunded": "refunded",
    "payment_voided": "voided",
}


def sample(event_type: str, event_id: str, now: datetime) -> dict[str, Any]:
    moment, status = now.isoformat(), _STATUSES.get(event_type, "failed")
    payment = {
        "id": f"sample-{event_id}",
        "status": status,
        "amount": 1000,
        "fee": 0,
        "currency": "SAR",
        "refunded": 1000 if status == "refunded" else 0,
        "captured": 1000 if status == "captured" else 0,
        "invoice_id": None,
        "created_at": moment,
        "updated_at": moment,
        "metadata": {},
        "source": {"type": "creditcard", "company": "visa", "message": "A test."},
    }
    return {
        "id": event_id,
        "type": event_type,
        "created_at": moment,
        "account_name": "Test",
        "live": False,
        "data": payment,
    }
