"""Tabby's end of the wire, as strict as its OpenAPI document. It keeps books of what is captured and refunded."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from integrations.providers.results import PaymentStatus
from tests.providers.orders import AN_ORDER
from tests.wire import WireAnswer, WireRequest

CREDENTIALS = {"secret_key": "sk_test_sample_not_a_key", "webhook_secret": "sample-not-a-secret-token"}
BAD_CREDENTIALS = {"secret_key": "sk_test_another_not_a_key"}
CONFIGURATION = {"merchant_code": "SAMPLE_AE", "country": "AE"}
ORDER = AN_ORDER
CREATED = PaymentStatus.REQUIRES_ACTION
PAYMENT = "00000000-0000-4000-8000-00000000c105"
AUTHORISED = APPROVED = "00000000-0000-4000-8000-00000000a074"

DECIMALS = {"AED": 2, "SAR": 2, "KWD": 3}
LEAST, MOST = Decimal(1), Decimal(5000)  # what is lent
# Of each object: the fields that must be there, and those that may.
SCHEMA: dict[str, tuple[set[str], set[str]]] = {
    "session": ({"payment", "lang", "merchant_code", "merchant_urls"}, {"token"}),
    "payment": (
        {"amount", "currency", "buyer", "order", "buyer_history", "order_history", "shipping_address"},
        {"description", "meta", "attachment"},
    ),
    "buyer": ({"phone", "email", "name"}, {"dob"}),
    "buyer_history": ({"registered_since", "loyalty_level"}, {"wishlist_count"}),
    "order": ({"items", "reference_id"}, {"updated_at", "tax_amount", "shipping_amount", "discount_amount"}),
    "item": ({"title", "quantity", "unit_price", "category"}, {"reference_id", "description", "product_url"}),
    "shipping_address": ({"city", "address", "zip"}, set()),
    "merchant_urls": ({"success", "cancel", "failure"}, set()),
    "captures": ({"amount", "reference_id"}, {"tax_amount", "shipping_amount", "discount_amount", "items"}),
    "refunds": ({"amount", "reference_id"}, {"reason", "items"}),
    "webhook": ({"url", "header"}, {"id"}),
    "header": ({"title", "value"}, set()),
}
PHONE = re.compile(r"(\+?971|0)?5[0-9]{8}|(\+?966|0)?5[0-9]{8}|(\+?965)?[569][0-9]{7}")
UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Refused(Exception):
    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.answer = WireAnswer(status, {"status": "error", "errorType": kind, "error": message})


@dataclass
class TabbyWire:
    """`payments` are Tabby's books. `pay` and its kin are what a payer does on Tabby's page."""

    payments: dict[str, dict[str, Any]] = field(default_factory=dict)
    hooks: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"webhooks": [], "dispute-webhooks": []})
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def answer(self, request: WireRequest) -> WireAnswer:
        try:
            key = request.headers.get("authorization", "")
            if key not in ("Bearer sk_test_sample_not_a_key", "Bearer sk_sample_not_a_key"):
                raise Refused(401, "not_authorized", "invalid secret key")
            told = self._route(request)
            return WireAnswer(200, b"null" if told is None else told)
        except Refused as refused:
            return refused.answer

    def _route(self, request: WireRequest) -> Any:
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["api", "v2", "payments"]:
                return {"payments": None, "pagination": {"limit": 1, "offset": 0, "total_count": 0}}
            case "POST", ["api", "v2", "checkout"]:
                return self._checkout(_json(request, "session"))
            case "GET", ["api", "v2", "payments", key]:
                return self._known(key)
            case "POST", ["api", "v2", "payments", key, "captures"]:
                return self._capture(self._known(key), _json(request, "captures"))
            case "POST", ["api", "v2", "payments", key, "refunds"]:
                return self._refund(self._known(key), _json(request, "refunds"))
            case "POST", ["api", "v2", "payments", key, "close"]:
                return self._close(self._known(key))
            case method, ["api", "v1", ("webhooks" | "dispute-webhooks") as channel, *key]:
                return self._webhooks(request, method, channel, key)
        raise Refused(404, "not_found", "404 page not found")

    def _checkout(self, session: dict[str, Any]) -> dict[str, Any]:
        _check_session(session)
        payment = self._new(session["payment"])
        self.payments[payment["id"]] = payment
        reason = _reason(payment)
        pages = None if reason else [{"web_url": f"https://checkout.tabby.ai/?sessionId=s-{payment['id']}"}]
        product = {"type": "installments", "is_available": not reason, "rejection_reason": reason or None}
        return {
            "id": f"s-{payment['id']}",
            "status": "rejected" if reason else "created",
            "configuration": {"available_products": {"installments": pages}, "products": {"installments": product}},
            "payment": {**payment, "captures": [], "refunds": []},
            "merchant_urls": session["merchant_urls"],
            "token": None,
        }

    def _new(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {
            **asked,
            "id": f"00000000-0000-4000-8000-{next(self._numbers):012x}",
            "created_at": _now(),
            "expires_at": _now(),
            "status": "CREATED",
            "is_test": True,
            "captures": None,
            "refunds": None,
        }

    def _known(self, key: str) -> dict[str, Any]:
        try:
            UUID(key)
        except ValueError as error:
            raise Refused(400, "bad_data", "invalid payment id") from error
        if key not in self.payments:
            raise Refused(404, "not_found", "no such payment")
        return self.payments[key]

    def _capture(self, payment: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
        if payment["status"] != "AUTHORIZED":
            raise Refused(400, "bad_data", "could not capture not authorized payments")
        self._enter(payment, "captures", asked, most=Decimal(payment["amount"]))
        if _sum(payment, "captures") == Decimal(payment["amount"]):
            payment["status"] = "CLOSED"
        return payment

    def _refund(self, payment: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
        if payment["status"] != "CLOSED" or not payment["captures"]:
            raise Refused(400, "bad_data", "can not refund payment that has no captures and not closed")
        if payment["meta"].get("disputed"):
            raise Refused(409, "conflict", "payment is disputed")
        self._enter(payment, "refunds", asked, most=_sum(payment, "captures"))
        return payment

    def _enter(self, payment: dict[str, Any], kind: str, asked: dict[str, Any], *, most: Decimal) -> None:
        """Once for each reference."""
        amount = _money(asked["amount"], payment["currency"])
        entries = payment[kind] = payment[kind] or []
        if any(entry["reference_id"] == asked["reference_id"] for entry in entries):
            return
        if _sum(payment, kind) + amount > most:
            raise Refused(400, "bad_data", f"{kind} exceed {most}")
        key = f"00000000-0000-4000-9000-{next(self._numbers):012x}"
        entries.append({"id": key, "created_at": _now(), **asked})

    def _close(self, payment: dict[str, Any]) -> dict[str, Any]:
        if payment["status"] != "AUTHORIZED":
            closed = payment["status"] == "CLOSED"
            raise Refused(400, "bad_data", "already closed" if closed else "could not close not authorized payments")
        payment["status"] = "CLOSED"
        return payment

    def _webhooks(self, request: WireRequest, method: str, channel: str, key: list[str]) -> Any:
        if request.headers.get("x-merchant-code") != CONFIGURATION["merchant_code"]:
            raise Refused(401, "not_authorized", "merchant is null")
        if channel == "dispute-webhooks" and "sk_test_" in request.headers["authorization"]:
            raise Refused(403, "no_permission", "disputes have no test mode")
        hooks = self.hooks[channel]
        if (method, key) == ("GET", []):
            return hooks or None
        asked = _json(request, "webhook")
        _check(asked["header"], "header")
        if channel == "dispute-webhooks":
            asked["url"] = asked["url"].rstrip("/")
        others = [hook for hook in hooks if [hook["id"]] != key]
        if any(hook["url"] == asked["url"] for hook in others) or len(others) >= 4:
            raise Refused(400, "bad_data", "bad_request")
        if method == "POST":
            hooks.append({"id": f"hook-{next(self._numbers)}", "is_test": True, **asked})
            return hooks[-1]
        if [asked.get("id")] != key:
            raise Refused(400, "bad_data", "bad_request")
        (hook,) = (hook for hook in hooks if [hook["id"]] == key)
        hook.update(asked)
        return hook

    def pay(self, key: str) -> dict[str, Any]:
        return self._turn(key, "AUTHORIZED")

    def reject(self, key: str) -> dict[str, Any]:
        return self._turn(key, "REJECTED")

    def expire(self, key: str) -> dict[str, Any]:
        return self._turn(key, "EXPIRED")

    def _turn(self, key: str, status: str) -> dict[str, Any]:
        assert self.payments[key]["status"] == "CREATED"
        self.payments[key]["status"] = status
        return self.payments[key]

    def webhook(self, key: str) -> dict[str, Any]:
        """What Tabby would send of the payment now."""
        payment = self.payments[key]
        shown = ("id", "created_at", "expires_at", "is_test", "amount", "currency", "order", "meta")
        lists = {kind: payment[kind] or [] for kind in ("captures", "refunds")}
        return {**{name: payment[name] for name in shown}, **lists, "status": payment["status"].lower(), "token": None}

    def seed(self) -> None:
        """The payments that the conformance suite asks for."""
        for key, status, captured in ((PAYMENT, "CLOSED", True), (AUTHORISED, "AUTHORIZED", False)):
            asked = {"amount": "12.50", "currency": "AED", "order": {"reference_id": "order-1"}, "meta": {}}
            entry = {"id": "capture-1", "amount": "12.50", "reference_id": "key-1", "created_at": _now()}
            state = {"id": key, "status": status, "captures": [entry] if captured else []}
            self.payments[key] = {**self._new(asked), **state}


def _json(request: WireRequest, kind: str) -> dict[str, Any]:
    if request.headers.get("content-type") != "application/json":
        raise Refused(400, "bad_data", "could not decode request")
    body: dict[str, Any] = request.json()
    return _check(body, kind)


def _check(given: dict[str, Any], kind: str) -> dict[str, Any]:
    required, optional = SCHEMA[kind]
    if missing := required - set(given):
        raise Refused(400, "bad_data", f"{kind} misses {sorted(missing)}")
    if surplus := set(given) - required - optional:
        raise Refused(400, "bad_data", f"{kind} has {sorted(surplus)}")
    if "reference_id" in required and not given["reference_id"]:
        raise Refused(400, "bad_data", f"{kind} misses its reference_id")
    return given


def _check_session(session: dict[str, Any]) -> None:
    payment = _check(session["payment"], "payment")
    for kind in ("buyer", "buyer_history", "order", "shipping_address"):
        _check(payment[kind], kind)
    _check(session["merchant_urls"], "merchant_urls")
    if session["lang"] not in ("en", "ar") or session["merchant_code"] not in ("SAMPLE_AE", "SAMPLE_KW", "SAMPLE_SA"):
        raise Refused(400, "bad_data", "lang or merchant_code")
    currency = {"AE": "AED", "KW": "KWD", "SA": "SAR"}[session["merchant_code"][-2:]]
    if payment["currency"] != currency:
        raise Refused(400, "bad_data", f"could not create payment: only '{currency}' is supported")
    _check_texts(session)
    if not isinstance(payment["order_history"], list) or not isinstance(payment.get("meta", {}), dict):
        raise Refused(400, "bad_data", "order_history is an array, meta an object")
    total = _money(payment["amount"], currency)
    items = [_check(item, "item") for item in payment["order"]["items"]]
    if not all(item["title"] and item["category"] and type(item["quantity"]) is int for item in items):
        raise Refused(400, "bad_data", "an item has a title, a category and a whole quantity")
    if sum(_money(item["unit_price"], currency) * item["quantity"] for item in items) != total:
        raise Refused(400, "bad_data", "the items do not add up")


def _check_texts(session: dict[str, Any]) -> None:
    payment = session["payment"]
    buyer, history = payment["buyer"], payment["buyer_history"]
    if not PHONE.fullmatch(buyer["phone"]) or "@" not in buyer["email"] or not buyer["name"]:
        raise Refused(400, "bad_data", "buyer")
    if not UTC_TIME.fullmatch(history["registered_since"]) or not isinstance(history["loyalty_level"], int):
        raise Refused(400, "bad_data", "buyer_history")
    if not all(url.startswith("http") for url in session["merchant_urls"].values()):
        raise Refused(400, "bad_data", "merchant_urls")
    if not (payment["shipping_address"]["city"] and payment["shipping_address"]["address"]):
        raise Refused(400, "bad_data", "shipping_address")


def _reason(payment: dict[str, Any]) -> str:
    """Why nothing is lent, as Tabby's own test data decide it by the e-mail address and the amount."""
    if payment["buyer"]["email"].startswith("otp.rejected"):
        return "not_available"
    amount = Decimal(payment["amount"])
    return "order_amount_too_low" if amount < LEAST else "order_amount_too_high" if amount > MOST else ""


def _money(text: Any, currency: str) -> Decimal:
    if not isinstance(text, str) or not re.fullmatch(rf"\d+\.\d{{{DECIMALS[currency]}}}", text) or not Decimal(text):
        raise Refused(400, "bad_data", f"{text!r} is no amount in {currency}")
    return Decimal(text)


def _sum(payment: dict[str, Any], kind: str) -> Decimal:
    return sum((Decimal(entry["amount"]) for entry in payment[kind] or []), Decimal(0))


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def answer(request: WireRequest) -> WireAnswer:
    """The payments are new for each call: only what follows a capture of a part finds it."""
    known = _books.payments.get(AUTHORISED, {})
    is_in_part = known.get("status") == "AUTHORIZED" and known["captures"]
    if not (request.path.endswith("/close") and is_in_part):
        _books.seed()
    return _books.answer(request)


_books = TabbyWire()
