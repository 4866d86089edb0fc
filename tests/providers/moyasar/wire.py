"""Moyasar's end of the wire, as strict as its documentation, with books of invoices and payments."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from integrations.providers.results import PaymentStatus
from tests.providers.shapes import URL, anything, complaint, only, text, texts
from tests.wire import WireAnswer, WireRequest

CREDENTIALS = {
    "secret_key": "sk_test_sampleNotAKey",
    "publishable_key": "pk_test_sampleNotAKey",
    "webhook_secret": "sample-not-a-secret",
}
BAD_CREDENTIALS = {"secret_key": "sk_test_anotherNotAKey"}
CURRENCY = "SAR"
CREATED = PaymentStatus.REQUIRES_ACTION
ORDER = {"success_url": "https://hub.example/return", "cancel_url": "https://hub.example/cancel"}
OURS = "01980000-0000-7000-8000-000000000001"
PAID_ID, HELD_ID = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
OPEN_ID = "33333333-3333-4333-8333-333333333333"
PAYMENT, AUTHORISED, OPEN = f"payment_{PAID_ID}", f"payment_{HELD_ID}", f"invoice_{OPEN_ID}"

MAY_MISS = {"amount", "expired_at", "success_url", "back_url", "metadata", "metadata.reference", "metadata.payment_id"}
COMMON: dict[str, Any] = {
    "amount": anything,
    "currency": text(like="[A-Z]{3}"),
    "description": text(),
    "metadata?": texts(30, 40, 500),
}
INVOICE = {**COMMON, "success_url?": URL, "back_url?": URL, "callback_url?": URL, "expired_at?": text()}
BY_TOKEN = {
    **COMMON,
    "given_id": text(like="[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "callback_url": URL,
    "source": {"type": only("token"), "token": text(like="token_.+"), "manual?": only(True)},
}
LEAST = 100
MONEY_TAKEN = ("paid", "captured", "refunded")


class Refused(Exception):
    def __init__(self, status: int, kind: str, message: str, **errors: list[str]) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"type": kind, "message": message, "errors": errors or None}


def answer(request: WireRequest) -> WireAnswer:
    """For one call by itself: with a payment that was paid, one that is held, and an open invoice of ours."""
    return seeded().answer(request)


def seeded() -> MoyasarWire:
    wire = MoyasarWire()
    body = {"amount": 1250, "currency": CURRENCY, "description": "order-1", "metadata": {"payment_id": OURS}}
    wire.pay(body, PAID_ID, "paid")
    wire.pay(body, HELD_ID, "authorized")
    wire.bill(body, OPEN_ID)
    return wire


@dataclass
class MoyasarWire:
    """`attempt` is the payer on Moyasar's page. `token_status` is what a payment by token comes to."""

    invoices: dict[str, dict[str, Any]] = field(default_factory=dict)
    payments: dict[str, dict[str, Any]] = field(default_factory=dict)
    token_status: str = "paid"

    def answer(self, request: WireRequest) -> WireAnswer:
        try:
            return WireAnswer(*self._route(request, _checked(request)))
        except Refused as refused:
            return WireAnswer(refused.status, refused.body)

    def attempt(self, invoice_id: str, status: str, **source: Any) -> dict[str, Any]:
        invoice = self.invoices[invoice_id]
        told = {name: invoice[name] for name in ("amount", "currency", "description")}
        payment = self.pay({**told, "metadata": None}, str(uuid4()), status, **source)
        payment["invoice_id"] = invoice_id
        invoice["payments"].append(payment)
        if status == "paid":
            invoice["status"] = "paid"
        return payment

    def bill(self, body: Mapping[str, Any], key: str) -> dict[str, Any]:
        invoice = {"expired_at": None, "success_url": None, "back_url": None, **body, "id": key, "status": "initiated"}
        invoice |= {"url": f"https://checkout.moyasar.example/invoices/{key}", "payments": []}
        self.invoices[key] = invoice
        return invoice

    def pay(self, body: Mapping[str, Any], key: str, status: str, **source: Any) -> dict[str, Any]:
        told = {name: body[name] for name in ("amount", "currency", "description", "metadata")}
        card = {"type": "creditcard", "company": "mada", "number": "XXXX-XXXX-XXXX-1111", "token": "token_again"}
        page = f"https://api.moyasar.example/transaction_auths/{key}/form" if status == "initiated" else None
        self.payments[key] = {
            **told, "id": key, "status": status, "fee": 158, "fee_format": "1.58 SAR", "refunded": 0, "captured": 0,
            "invoice_id": None, "voided_at": None,
            "source": {**card, "message": None, "transaction_url": page, **source},
        }  # fmt: skip
        return self.payments[key]

    def _route(self, request: WireRequest, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["payments" | "invoices" as kind]:
                return 200, self._list(kind, request.query)
            case "GET", ["payments", key] if key in self.payments:
                return 200, self.payments[key]
            case "GET", ["invoices", key] if key in self.invoices:
                return 200, self.invoices[key]
            case "POST", ["invoices"]:
                return 201, self._bill(body)
            case "POST", ["payments"]:
                return 201, self._pay(body)
            case "PUT", ["invoices", key, "cancel"] if not body and key in self.invoices:
                return 200, self._cancel(self.invoices[key])
            case "POST", ["payments", key, "capture" | "refund" | "void" as what] if key in self.payments:
                return 200, getattr(self, f"_{what}")(self.payments[key], body)
        raise Refused(404, "record_not_found", "Object not found.")

    def _list(self, kind: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Without the payments of each invoice, by one key of the metadata."""
        rows = list((self.payments if kind == "payments" else self.invoices).values())
        for name, wanted in query.items():
            if key := re.fullmatch(r"metadata\[(\w{1,40})\]", name):
                rows = [row for row in rows if (row["metadata"] or {}).get(key[1]) == wanted]
            elif name != "page":
                raise Refused(400, "invalid_request_error", f"Unknown filter {name}.")
        short = [{key: value for key, value in row.items() if key != "payments"} for row in rows]
        return {kind: short, "meta": {"current_page": 1, "next_page": None, "total_count": len(rows)}}

    def _bill(self, body: dict[str, Any]) -> dict[str, Any]:
        _check_common(body, INVOICE)
        if "expired_at" in body and not _is_moment(body["expired_at"]):
            raise Refused(400, "invalid_request_error", "Validation failed", expired_at=["is invalid"])
        return self.bill(body, str(uuid4()))

    def _pay(self, body: dict[str, Any]) -> dict[str, Any]:
        _check_common(body, BY_TOKEN)
        source, key = body["source"], body["given_id"]
        if key in self.payments:
            raise Refused(400, "invalid_request_error", "Validation failed", given_id=["has already been taken"])
        status = "authorized" if "manual" in source and self.token_status == "paid" else self.token_status
        reason = {"message": "INSUFFICIENT FUNDS", "response_code": "51"} if status == "failed" else {}
        return self.pay(body, key, status, **reason)

    def _cancel(self, invoice: dict[str, Any]) -> dict[str, Any]:
        if invoice["status"] != "initiated":
            raise Refused(400, "invalid_request_error", "Only initiated invoices can be canceled.")
        invoice["status"] = "canceled"
        return invoice

    def _capture(self, payment: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        units = _units(body, payment["amount"])
        if payment["status"] != "authorized":
            raise Refused(400, "invalid_request_error", "Only authorized payments can be captured.")
        payment.update(status="captured", captured=units)
        return payment

    def _void(self, payment: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        if body or payment["status"] not in ("authorized", "paid", "captured"):
            raise Refused(400, "invalid_request_error", "This payment cannot be voided.")
        payment.update(status="voided", voided_at="2026-11-20T10:00:00.000Z")
        return payment

    def _refund(self, payment: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        if payment["status"] not in MONEY_TAKEN:
            raise Refused(400, "invalid_request_error", "Only paid or captured payments can be refunded.")
        left = (payment["captured"] or payment["amount"]) - payment["refunded"]
        payment.update(refunded=payment["refunded"] + _units(body, left), status="refunded")
        if payment["invoice_id"]:
            self.invoices[payment["invoice_id"]]["status"] = "refunded"
        return payment


def _checked(request: WireRequest) -> dict[str, Any]:
    expected = base64.b64encode(f"{CREDENTIALS['secret_key']}:".encode()).decode()
    if request.headers.get("authorization") != f"Basic {expected}":
        raise Refused(401, "authentication_error", "Invalid authorization credentials")
    if not request.body:
        return {}
    if request.headers.get("content-type") != "application/json":
        raise Refused(415, "invalid_request_error", "The body is not JSON.")
    body: dict[str, Any] = request.json()
    return body


def _check_common(body: dict[str, Any], shape: Mapping[str, Any]) -> None:
    if wrong := complaint(body, shape):
        raise Refused(400, "invalid_request_error", "Validation failed", **{wrong.rpartition(".")[2]: ["is invalid"]})
    if _units(body, 0) < LEAST:
        raise Refused(400, "invalid_request_error", "Validation failed", amount=["must be at least 100"])


def _is_moment(told: str) -> bool:
    try:
        return datetime.fromisoformat(told).tzinfo is not None
    except ValueError:
        return False


def _units(body: Mapping[str, Any], most: int) -> int:
    """A whole number; of the smallest unit, so that 12.50 is no amount. `most` 0: as much as one likes."""
    if most and set(body) - {"amount"}:
        raise Refused(400, "invalid_request_error", f"Unknown: {sorted(body)}")
    units = body.get("amount", most)
    if isinstance(units, bool) or not isinstance(units, int) or units < 1 or (most and units > most):
        raise Refused(400, "invalid_request_error", "Validation failed", amount=["is invalid"])
    return units
