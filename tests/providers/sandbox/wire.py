"""The sandbox's end of the wire, for one payment: JSON bodies, decimal text, known fields, an idempotency key."""

from __future__ import annotations

import re
from typing import Any

from tests.wire import WireAnswer, WireRequest

CREDENTIALS = {
    "api_key": "sk_sandbox_sample_not_a_key",
    "webhook_secret": "whsec_c2FtcGxlLXNhbXBsZS1zYW1wbGUtbm90LWEtc2VjcmV0",
}
BAD_CREDENTIALS = {"api_key": "sk_sandbox_revoked"}
PAYMENT_TOKEN = "tok_visa"
ORDER = {"payment_token": PAYMENT_TOKEN}
PAYMENT = "pay_0192a0000000700080000000000000aa"

CREATION = {
    "amount", "currency", "reference", "capture", "method", "customer", "success_url", "cancel_url", "payment_token",
    "metadata",
}  # fmt: skip


def answer(request: WireRequest) -> WireAnswer:
    if request.headers.get("authorization") != f"Bearer {CREDENTIALS['api_key']}":
        return _refusal(401, "invalid_api_key")
    if request.method == "POST" and request.headers.get("content-type") != "application/json":
        return _refusal(400, "invalid_json")
    is_write = request.method == "POST" and request.path.startswith("/v1/payments")
    if is_write and not request.headers.get("idempotency-key"):
        return _refusal(400, "missing_idempotency_key")
    return _route(request)


def _route(request: WireRequest) -> WireAnswer:
    body = request.json() if request.body else {}
    known = CREATION if request.path == "/v1/payments" else {"amount", "url", "secret"}
    if set(body) - known:
        return _refusal(400, "unknown_field")
    if "amount" in body and not (isinstance(body["amount"], str) and re.fullmatch(r"\d+\.\d\d", body["amount"])):
        return _refusal(400, "invalid_field")
    match request.method, request.path.removeprefix(f"/v1/payments/{PAYMENT}"):
        case "GET", "/v1/account":
            return WireAnswer(200, {"id": "acct_sample", "object": "account"})
        case "POST", "/v1/webhook-endpoints":
            return WireAnswer(200, {"object": "webhook_endpoint", "url": body["url"]})
        case "POST", "/v1/payments":
            return _create(body)
        case "GET", "":
            return WireAnswer(200, _payment())
        case "POST", "/capture":
            return WireAnswer(200, _payment(amount_captured=body.get("amount", "12.50")))
        case "POST", "/void":
            return WireAnswer(200, _payment(status="cancelled", amount_captured="0.00"))
        case "POST", "/refunds":
            refund = {"id": "ref_sample", "object": "refund", "payment": PAYMENT, "status": "succeeded"}
            return WireAnswer(201, {**refund, "amount": body.get("amount", "12.50"), "currency": "AED"})
    return _refusal(404, "not_found")


def _create(body: dict[str, Any]) -> WireAnswer:
    if not {"amount", "currency", "reference", "capture"} <= set(body):
        return _refusal(400, "missing_field")
    order = {name: body[name] for name in ("amount", "currency", "reference", "capture")}
    if "payment_token" not in body:
        page = "http://127.0.0.1:8000/sandbox/pay/0192a000-0000-7000-8000-0000000000aa/"
        return WireAnswer(201, _payment(**order, status="awaiting_payer", amount_captured="0.00", payment_url=page))
    if not body["capture"]:
        return WireAnswer(201, _payment(**order, status="authorised", amount_captured="0.00"))
    return WireAnswer(201, _payment(**order, amount_captured=body["amount"]))


def _payment(**fields: Any) -> dict[str, Any]:
    payment = {"id": PAYMENT, "object": "payment", "status": "captured", "amount": "12.50", "currency": "AED"}
    totals = {"amount_captured": "12.50", "amount_refunded": "0.00", "payment_url": None, "failure": None}
    return {**payment, **totals, **fields}


def _refusal(status: int, code: str) -> WireAnswer:
    return WireAnswer(status, {"error": {"code": code, "message": f"Refused: {code}.", "field": ""}})
