"""What Tap is asked: the bodies of charges, authorisations, captures and refunds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ...errors import InvalidRequest, NotSupported
from ..base import codes
from ..json_values import mapping
from ..results import PaymentRequest
from .tap_reading import FAWRY, money

EVERY_METHOD = "src_all"
# https://developers.tap.company/docs/redirect; QPay's and Google Pay's are from Tap's own kits.
SOURCES = {
    "card": "src_card",
    "mada": "src_sa.mada",
    "knet": "src_kw.knet",
    "benefit": "src_bh.benefit",
    "omannet": "src_om.omannet",
    "qpay": "src_qa.qpay",
    "fawry": FAWRY,
    "apple_pay": "src_apple_pay",
    "google_pay": "src_google_pay",
}
NEVER_AUTHORISED = frozenset({"benefit", "fawry"})  # https://developers.tap.company/docs/benefit; Fawry is cash
# An authorisation that is not captured is let go after so many hours.
AUTHORISED_FOR_HOURS = 168
# The calling codes of two digits; 1 and 7 are of one, all others of three (ITU-T E.164).
_TWO_DIGITS = frozenset(
    codes(
        "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86"
        " 90 91 92 93 94 95 98"
    )
)


def creation_body(request: PaymentRequest, merchant_id: str, idempotency_key: str) -> dict[str, Any]:
    """Raises InvalidRequest for what Tap would refuse."""
    if not request.success_url:
        raise InvalidRequest("Tap wants an address for the payer to come back to.", field="success_url")
    body: dict[str, Any] = {
        "amount": money(request.amount, request.currency),
        "currency": request.currency,
        "customer_initiated": True,
        "threeDSecure": True,
        "save_card": False,
        "description": request.title,
        "metadata": {key: str(value) for key, value in request.metadata.items()},
        "reference": {
            "transaction": request.payment_id or request.reference,
            "order": request.reference,
            "idempotent": idempotency_key,
        },
        "customer": _customer(request),
        "source": {"id": _source(request)},
        "redirect": {"url": request.success_url},
    }
    if not request.capture:
        body["auto"] = {"type": "VOID", "time": AUTHORISED_FOR_HOURS}
    if merchant_id:
        body["merchant"] = {"id": merchant_id}
    if request.webhook_url:
        body["post"] = {"url": request.webhook_url}
    return body


def capture_body(authorised: Mapping[str, Any], amount: Decimal, currency: str, idempotency_key: str) -> dict[str, Any]:
    """The charge of an authorisation: for the same customer and merchant, telling the same addresses."""
    customer, reference = mapping(authorised.get("customer")), mapping(authorised.get("reference"))
    named = {key: customer[key] for key in ("first_name", "last_name", "email", "phone") if customer.get(key)}
    return {
        "amount": amount,
        "currency": currency,
        "customer_initiated": True,
        "threeDSecure": True,
        "metadata": dict(mapping(authorised.get("metadata"))),
        "reference": {**_kept(reference, "transaction", "order"), "idempotent": idempotency_key},
        "customer": {"id": customer["id"]} if customer.get("id") else named,
        "source": {"id": authorised["id"]},
        **{name: kept for name in ("redirect", "post") if (kept := _kept(mapping(authorised.get(name)), "url"))},
        **({"merchant": kept} if (kept := _kept(mapping(authorised.get("merchant")), "id")) else {}),
    }


def refund_body(charge: Mapping[str, Any], amount: Decimal, currency: str, idempotency_key: str) -> dict[str, Any]:
    """It tells the address that was told of the charge, and gives our id of the payment back to us."""
    transaction = mapping(charge.get("reference")).get("transaction")
    reference = {"merchant": transaction} if transaction else {}
    return {
        "charge_id": charge["id"],
        "amount": amount,
        "currency": currency,
        "reason": "requested_by_customer",
        "reference": {**reference, "idempotent": idempotency_key},
        **({"post": kept} if (kept := _kept(mapping(charge.get("post")), "url")) else {}),
    }


def _kept(part: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: part[name] for name in names if part.get(name)}


def _source(request: PaymentRequest) -> str:
    if not request.capture and request.method in NEVER_AUTHORISED:
        raise NotSupported("{method} cannot be authorised and captured later.", method=request.method, field="capture")
    return request.payment_token or SOURCES.get(request.method, EVERY_METHOD)


def _customer(request: PaymentRequest) -> dict[str, Any]:
    customer = request.customer
    if not (customer.first_name and (customer.email or customer.phone)):
        raise InvalidRequest(
            "Tap wants the customer's name, and an e-mail address or a phone number.", field="customer"
        )
    told: dict[str, Any] = {"first_name": customer.first_name}
    if customer.last_name:
        told["last_name"] = customer.last_name
    if customer.email:
        told["email"] = customer.email
    if customer.phone:
        told["phone"] = _phone(customer.phone)
    return told


def _phone(number: str) -> dict[str, str]:
    """+965 5000 0000 as the calling code 965 and the rest. A number without a calling code is nobody's: Tap would take
    its first digits for one."""
    international = re.sub(r"^00", "+", re.sub(r"[ ()./-]", "", number))
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", international):
        raise InvalidRequest("The phone number must be in the form +971501234567.", field="customer.phone")
    digits = international.removeprefix("+")
    length = 1 if digits[0] in "17" else 2 if digits[:2] in _TWO_DIGITS else 3
    return {"country_code": digits[:length], "number": digits[length:]}
