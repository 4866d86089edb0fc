"""Stripe's end of the wire, as strict as its documentation: form bodies, whole numbers, the version, the key."""

from __future__ import annotations

import re
from typing import Any

from tests.wire import WireAnswer, WireRequest

CREDENTIALS = {"api_key": "sk_test_sample_not_a_key", "webhook_secret": "whsec_sample_not_a_secret"}
BAD_CREDENTIALS = {"api_key": "sk_test_another_not_a_key"}
PAYMENT_TOKEN = "pm_card_visa"
ORDER = {"payment_token": PAYMENT_TOKEN}
PAYMENT = "pi_sample"

CREATION = {
    "amount", "currency", "capture_method", "payment_method", "confirm", "return_url", "payment_method_types[0]",
    "receipt_email", "statement_descriptor_suffix", "expand[]",
}  # fmt: skip
WHOLE = re.compile(r"[1-9][0-9]{0,11}")


class Refused(Exception):
    def __init__(self, status: int, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": "invalid_request_error", "message": message, **details}}


def answer(request: WireRequest) -> WireAnswer:
    try:
        _check(request)
        return WireAnswer(200, _route(request))
    except Refused as refused:
        return WireAnswer(refused.status, refused.body)


def _check(request: WireRequest) -> None:
    if request.headers.get("authorization") != f"Bearer {CREDENTIALS['api_key']}":
        raise Refused(401, "Invalid API Key provided.")
    if request.headers.get("stripe-version") != "2026-10-28.endive":
        raise Refused(400, "The version is not pinned.")
    if request.method == "POST":
        if not 1 <= len(request.headers.get("idempotency-key", "")) <= 255:
            raise Refused(400, "No idempotency key.")
        if request.headers.get("content-type") != "application/x-www-form-urlencoded":
            raise Refused(400, "The body is not form-encoded.")


def _route(request: WireRequest) -> dict[str, Any]:
    intent = f"/v1/payment_intents/{PAYMENT}"
    match request.method, request.path:
        case "GET", "/v1/balance":
            return {"object": "balance", "available": [], "livemode": False, "pending": []}
        case "POST", "/v1/payment_intents":
            return _create(request.form)
        case "GET", path if path == intent:
            return _with_charge(_intent(), request.query)
        case "POST", path if path == f"{intent}/capture":
            form = _only(request.form, {"amount_to_capture", "expand[]"})
            return _with_charge(_intent(amount_received=int(_whole(form.get("amount_to_capture", "1250")))), form)
        case "POST", path if path == f"{intent}/cancel":
            _only(request.form, {"expand[]", "cancellation_reason"})
            return _intent(status="canceled", amount_received=0, latest_charge=None)
        case "POST", "/v1/refunds":
            return _refund(_only(request.form, {"payment_intent", "amount"}))
    raise Refused(404, f"Unrecognized request URL ({request.method}: {request.path}).", code="resource_missing")


def _create(form: dict[str, str]) -> dict[str, Any]:
    _only(form, CREATION)
    if not re.fullmatch("[a-z]{3}", form.get("currency", "")):
        raise Refused(400, "The currency is missing or not in lower case.", param="currency")
    if form.get("capture_method") not in ("automatic", "manual"):
        raise Refused(400, "Invalid capture_method.", param="capture_method")
    amount = int(_whole(form.get("amount", "")))
    state: dict[str, Any] = {"amount": amount, "currency": form["currency"], "capture_method": form["capture_method"]}
    if "confirm" not in form:
        return _intent(**state, status="requires_payment_method", amount_received=0, latest_charge=None)
    if form["confirm"] != "true" or not form.get("payment_method", "").startswith("pm_"):
        raise Refused(400, "A payment is confirmed with a payment method.", param="payment_method")
    if "return_url" not in form and form.get("payment_method_types[0]") != "card":
        raise Refused(400, "A return_url is needed where methods may redirect.", param="return_url")
    if form["payment_method"] == "pm_card_visa_chargeDeclined":
        raise _declined(state)
    held = form["capture_method"] == "manual"
    status = "requires_capture" if held else "succeeded"
    return _with_charge(_intent(**state, status=status, amount_received=0 if held else amount), form)


def _declined(state: dict[str, Any]) -> Refused:
    error = {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}
    message = "Your card has insufficient funds."
    failed = {"status": "requires_payment_method", "amount_received": 0, "latest_charge": "ch_sample"}
    intent = _intent(**state, **failed, last_payment_error={**error, "message": message})
    return Refused(402, message, **error, payment_intent=intent)


def _refund(form: dict[str, str]) -> dict[str, Any]:
    if form.get("payment_intent") != PAYMENT:
        raise Refused(404, "No such payment_intent.", code="resource_missing")
    amount = int(_whole(form.get("amount", "1250")))
    refund = {"id": "re_sample", "object": "refund", "amount": amount, "currency": "aed", "status": "succeeded"}
    return {**refund, "payment_intent": PAYMENT, "charge": "ch_sample", "failure_reason": None}


def _intent(**fields: Any) -> dict[str, Any]:
    intent = {"id": PAYMENT, "object": "payment_intent", "amount": 1250, "currency": "aed", "status": "succeeded"}
    secret: dict[str, Any] = {"client_secret": "pi_sample_secret_sample", "metadata": {}, "next_action": None}
    return {**intent, **secret, "amount_received": 1250, "latest_charge": "ch_sample", **fields}


def _with_charge(intent: dict[str, Any], asked: Any) -> dict[str, Any]:
    wanted = asked.get("expand[]")
    if wanted not in ("latest_charge", "latest_charge.refunds"):
        return intent
    charge = {"id": "ch_sample", "object": "charge", "amount_refunded": 0, "disputed": False, "refunded": False}
    refunds = {"refunds": {"object": "list", "data": []}} if wanted.endswith(".refunds") else {}
    return {**intent, "latest_charge": {**charge, **refunds}}


def _only(form: dict[str, str], known: set[str]) -> dict[str, str]:
    for name in form:
        if name not in known and not re.fullmatch(r"metadata\[[^\[\]]{1,40}\]", name):
            raise Refused(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
    return form


def _whole(text: str) -> str:
    if not WHOLE.fullmatch(text):
        raise Refused(400, f"Invalid integer: {text}", code="parameter_invalid_integer", param="amount")
    return text
