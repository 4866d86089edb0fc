"""What Moyasar is asked: the bodies of invoices and of payments by token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from ...errors import InvalidRequest, NotSupported
from ...money import from_minor_units, to_minor_units
from ..results import PaymentRequest

OUR_ID = "payment_id"  # in the metadata, by which an invoice is found
PAGE_LIFETIME = timedelta(hours=24)
_LEAST_UNITS = 100  # https://docs.moyasar.com/api/invoices/03-bulk-invoice
_MAX_METADATA, _MAX_KEY, _MAX_VALUE = 30, 40, 500


def invoice_body(request: PaymentRequest) -> dict[str, Any]:
    if not request.capture:
        raise NotSupported("Moyasar's page takes the money at once: to capture later, pay by token.", field="capture")
    expires = datetime.now(UTC) + PAGE_LIFETIME
    pages = {"success_url": request.success_url, "back_url": request.cancel_url}
    return {
        **_common(request),
        **{name: address for name, address in pages.items() if address},
        "expired_at": expires.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def payment_body(request: PaymentRequest, given_id: str) -> dict[str, Any]:
    if not request.success_url:
        raise InvalidRequest("Moyasar wants an address for the payer to come back to.", field="success_url")
    source: dict[str, Any] = {"type": "token", "token": request.payment_token}
    if not request.capture:
        source["manual"] = True
    return {**_common(request), "given_id": given_id, "callback_url": request.success_url, "source": source}


def _common(request: PaymentRequest) -> dict[str, Any]:
    units = to_minor_units(request.amount, request.currency)
    if units < _LEAST_UNITS:
        raise InvalidRequest(
            "Moyasar takes at least {least}.",
            least=f"{from_minor_units(_LEAST_UNITS, request.currency)} {request.currency}",
            field="amount",
        )
    return {
        "amount": units,
        "currency": request.currency,
        "description": request.title,
        "metadata": _metadata(request),
    }


def _metadata(request: PaymentRequest) -> dict[str, str]:
    """https://docs.moyasar.com/api/metadata"""
    pairs = {**request.metadata, "reference": request.reference, OUR_ID: request.payment_id}
    told = {key: str(value) for key, value in pairs.items() if value}
    if len(told) > _MAX_METADATA or any(len(key) > _MAX_KEY or len(value) > _MAX_VALUE for key, value in told.items()):
        raise InvalidRequest(
            "Moyasar takes {count} keys of metadata, of {key} characters and with values of {value}.",
            count=_MAX_METADATA,
            key=_MAX_KEY,
            value=_MAX_VALUE,
            field="metadata",
        )
    return told


def given_id_of(idempotency_key: str) -> str:
    """The same UUID for the same key. https://docs.moyasar.com/api/idempotency"""
    return str(uuid5(NAMESPACE_OID, idempotency_key))
