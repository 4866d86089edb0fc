"""Paymob's callbacks of a payment that does not exist, to try the way with.

The shape is that of https://developers.paymob.com/paymob-docs/manage-callback/transaction-callbacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...errors import NotSupported

_UNITS = 1000
_CHILD = {"has_parent_transaction": True, "parent_transaction": 1, "is_standalone_payment": False}
_FAILED = {"success": False, "error_occured": True, "data": {"message": "Declined"}}
# What each type says beside what all say.
_TOLD: Mapping[str, Mapping[str, Any]] = {
    "TRANSACTION.paid": {},
    "TRANSACTION.authorised": {"is_auth": True},
    "TRANSACTION.pending": {"success": False, "pending": True, "data": {"message": "Pending"}},
    "TRANSACTION.failed": _FAILED,
    "TRANSACTION.captured": {**_CHILD, "is_capture": True},
    "TRANSACTION.refunded": {**_CHILD, "is_refund": True},
    "TRANSACTION.refund_failed": {**_CHILD, "is_refund": True, **_FAILED},
    "TRANSACTION.voided": {**_CHILD, "is_void": True},
}


def sample(event_type: str, event_id: str, now: datetime) -> dict[str, Any]:
    if event_type not in _TOLD:
        raise NotSupported("There is no sample of {type}.", type=event_type)
    created = now.isoformat()
    obj = {
        "id": event_id,
        "pending": False,
        "amount_cents": _UNITS,
        "success": True,
        "is_auth": False,
        "is_capture": False,
        "is_standalone_payment": True,
        "is_voided": False,
        "is_refunded": False,
        "is_3d_secure": True,
        "integration_id": 1,
        "has_parent_transaction": False,
        "order": {"id": 1, "merchant_order_id": f"order_{event_id}", "amount_cents": _UNITS, "currency": "AED"},
        "created_at": created,
        "currency": "AED",
        "source_data": {"type": "card", "pan": "1111", "sub_type": "Visa"},
        "is_void": False,
        "is_refund": False,
        "data": {"message": "Approved"},
        "error_occured": False,
        "refunded_amount_cents": 0,
        "is_captured": False,
        "captured_amount": 0,
        "owner": 1,
        "parent_transaction": None,
    }
    return {"type": "TRANSACTION", "obj": {**obj, **_TOLD[event_type]}}
