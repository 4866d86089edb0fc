"""What a payer has to know who pays without a gateway's page, as data."""

from __future__ import annotations

from typing import Any

from ..models import Payment
from ..operations.payment_instructions import instructions_of

_TEXT = {"type": "string"}
_LINE = {
    "key": {**_TEXT, "description": "amount, reference, account_name, bank_name, iban, swift or note."},
    "label": _TEXT,
    "label_ar": _TEXT,
    "text": _TEXT,
    "text_ar": {**_TEXT, "description": "Empty: `text` is the same in Arabic."},
}
SCHEMA = {
    "type": "object",
    "nullable": True,
    "description": "How to pay where no gateway takes the money.",
    "required": ["url", "pay_by", "lines"],
    "properties": {
        "url": {**_TEXT, "description": "Our page that says the same to the payer, and takes proofs of transfer."},
        "pay_by": {"type": "string", "format": "date-time"},
        "lines": {"type": "array", "items": {"type": "object", "required": list(_LINE), "properties": _LINE}},
    },
}


def instructions_as_data(payment: Payment) -> dict[str, Any] | None:
    """None for a payment that a gateway takes."""
    told = instructions_of(payment)
    if told is None:
        return None
    lines = [
        {"key": line.key, "label": line.label, "label_ar": line.label_ar, "text": line.value, "text_ar": line.value_ar}
        for line in told.lines
    ]
    return {"url": told.url, "pay_by": told.pay_by.isoformat(), "lines": lines}
