"""What the sandbox's API takes: every field checked, unknown ones refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from ..errors import InvalidRequest
from ..money import parse_amount
from ..providers.signatures import StandardWebhooks
from .delivery import is_own_door
from .refusals import Refusal

KINDS: dict[str, type] = {
    "amount": str,
    "currency": str,
    "reference": str,
    "capture": bool,
    "method": str,
    "customer": dict,
    "success_url": str,
    "cancel_url": str,
    "payment_token": str,
    "metadata": dict,
}
LENGTHS = {"reference": 255, "method": 32, "success_url": 2000, "cancel_url": 2000, "payment_token": 255}
TOKEN = "tok_visa"  # noqa: S105 - the one token there is, and no secret


def read_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
        text = json.dumps(value, ensure_ascii=False)
        text.encode()  # a lone surrogate is no text that could be stored
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "invalid_json", "The body is not JSON.") from error
    if not isinstance(value, dict):
        raise Refusal(400, "invalid_json", "The body is not a JSON object.")
    if "\\u0000" in text:
        raise Refusal(400, "invalid_text", "NUL characters are not allowed.")
    return value


def read_payment(body: bytes) -> tuple[dict[str, Any], str]:
    """The fields of a new payment, and the token to pay it with."""
    given = _checked(read_object(body), KINDS, required=("amount", "currency", "reference"))
    token = given.pop("payment_token", "")
    if token not in ("", TOKEN):
        raise Refusal(400, "unknown_token", f"The sandbox knows one payment token: {TOKEN}.", field="payment_token")
    for name in ("success_url", "cancel_url"):
        if given.get(name) and not _is_web_address(given[name]):
            raise Refusal(400, "invalid_field", f"{name} must be an http or https address.", field=name)
    if not given["reference"]:
        raise Refusal(400, "missing_field", "reference is missing.", field="reference")
    customer = _checked(given.get("customer", {}), dict.fromkeys(("name", "email", "phone"), str), prefix="customer.")
    metadata = given.get("metadata", {})
    if not all(isinstance(value, str) for value in metadata.values()):
        raise Refusal(400, "invalid_field", "metadata maps text to text.", field="metadata")
    return {**given, "amount": _amount(given["amount"], given["currency"]), "customer": customer}, token


def read_amount(body: bytes, currency: str) -> Decimal | None:
    """The amount of a capture or a refund; None for all of it."""
    given = _checked(read_object(body or b"{}"), {"amount": str})
    return _amount(given["amount"], currency) if "amount" in given else None


def read_nothing(body: bytes) -> None:
    _checked(read_object(body or b"{}"), {})


def read_webhook(body: bytes) -> tuple[str, str]:
    """Address and secret. Only our own webhook door is accepted."""
    given = _checked(read_object(body), {"url": str, "secret": str}, required=("url", "secret"))
    if not is_own_door(given["url"]):
        raise Refusal(400, "invalid_field", "url must be a webhook endpoint of this application.", field="url")
    if not StandardWebhooks().is_secret(given["secret"]):
        raise Refusal(400, "invalid_field", "secret must be whsec_ and at least 24 bytes in base64.", field="secret")
    return given["url"], given["secret"]


def _checked(
    given: Mapping[str, Any], kinds: Mapping[str, type], *, required: tuple[str, ...] = (), prefix: str = ""
) -> dict[str, Any]:
    for name in required:
        if name not in given:
            raise Refusal(400, "missing_field", f"{name} is missing.", field=name)
    for name, value in given.items():
        if name not in kinds:
            raise Refusal(400, "unknown_field", f"There is no field {prefix}{name}.", field=f"{prefix}{name}")
        if not isinstance(value, kinds[name]):
            kind = {str: "text", bool: "true or false", dict: "an object"}[kinds[name]]
            raise Refusal(400, "invalid_field", f"{prefix}{name} must be {kind}.", field=f"{prefix}{name}")
        if len(str(value)) > LENGTHS.get(name, 1000):
            raise Refusal(400, "invalid_field", f"{prefix}{name} is too long.", field=f"{prefix}{name}")
    return dict(given)


def _amount(text: str, currency: str) -> Decimal:
    try:
        return parse_amount(text, currency)
    except InvalidRequest as error:
        raise Refusal(400, "invalid_field", error.message, field=error.field) from error


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
