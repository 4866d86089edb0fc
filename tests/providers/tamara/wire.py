"""Tamara's end of the wire, as strict as its documentation. It keeps books of what is captured, cancelled, refunded."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from integrations.providers.results import PaymentStatus
from tests.providers.orders import AN_ORDER
from tests.wire import WireAnswer, WireRequest

CREDENTIALS = {
    "api_token": "sample.not_an_api.token",
    "notification_token": "sample-not-a-notification-token-but-as-long-as-the-longest-hash-wants-it",
}
BAD_CREDENTIALS = {"api_token": "another.not_an_api.token"}
CONFIGURATION = {"shipping_company": "Aramex"}
ORDER = AN_ORDER
CREATED = PaymentStatus.REQUIRES_ACTION
PAYMENT = "00000000-0000-4000-8000-00000000c105"
AUTHORISED = "00000000-0000-4000-8000-00000000a074"
APPROVED = "00000000-0000-4000-8000-00000000a990"
NEW = "00000000-0000-4000-8000-000000000e03"
NEW_REFERENCE = "01980000-0000-7000-8000-000000000001"

TEXTS = {
    "order_reference_id", "order_number", "description", "reference_id", "type", "name", "sku", "first_name",
    "last_name", "line1", "line2", "city", "region", "postal_code", "country_code", "phone_number", "email", "order_id",
    "comment", "merchant_refund_id", "shipped_at", "shipping_company",
}  # fmt: skip
DECIMALS = {"SAR": 2, "AED": 2, "BHD": 3, "KWD": 3, "OMR": 3}
CURRENCY_OF = {"SA": "SAR", "AE": "AED", "BH": "BHD", "KW": "KWD", "OM": "OMR"}
EVENTS = {
    "order_approved", "order_declined", "order_authorised", "order_canceled", "order_updated", "order_captured",
    "order_refunded", "order_expired",
}  # fmt: skip
# Of each object: the fields that must be there, and those that may.
SCHEMA: dict[str, tuple[set[str], set[str]]] = {
    "checkout": (
        {
            "order_reference_id", "total_amount", "description", "country_code", "payment_type", "items", "consumer",
            "shipping_address", "tax_amount", "shipping_amount", "merchant_url",
        },
        {"order_number", "instalments", "locale", "billing_address", "discount", "platform", "risk_assessment"},
    ),
    "item": (
        {"reference_id", "type", "name", "sku", "quantity", "total_amount"},
        {"unit_price", "discount_amount", "tax_amount", "image_url"},
    ),
    "consumer": ({"first_name", "last_name", "phone_number"}, {"email", "date_of_birth", "national_id"}),
    "address": (
        {"first_name", "last_name", "line1", "city", "country_code"},
        {"line2", "region", "postal_code", "phone_number"},
    ),
    "merchant_url": ({"success", "failure", "cancel"}, {"notification"}),
    "risk_assessment": (set(), {"account_creation_date", "total_order_count", "is_existing_customer"}),
    "capture": (
        {"order_id", "total_amount", "shipping_info"},
        {"items", "discount_amount", "shipping_amount", "tax_amount"},
    ),
    "shipping_info": ({"shipped_at", "shipping_company"}, {"tracking_number", "tracking_url"}),
    "cancel": ({"total_amount"}, {"items", "discount_amount", "shipping_amount", "tax_amount"}),
    "refund": ({"total_amount", "comment"}, {"merchant_refund_id"}),
    "webhook": ({"type", "url", "events"}, {"headers"}),
    "webhook_update": ({"url", "events"}, {"headers"}),
}  # fmt: skip


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str = "", **told: Any) -> None:
        super().__init__(message or code)
        self.answer = WireAnswer(status, {"message": message or code, "errors": [{"error_code": code, **told}]})


@dataclass
class TamaraWire:
    """`orders` are Tamara's books. `approve` and its kin are what happens on Tamara's page."""

    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    captures_by_itself: bool = False  # as an account can have it: authorising captures
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def answer(self, request: WireRequest) -> WireAnswer:
        try:
            if request.headers.get("authorization") != f"Bearer {CREDENTIALS['api_token']}":
                raise Refused(401, "unauthorized", "Access denied.")
            return WireAnswer(200, self._route(request))
        except Refused as refused:
            return refused.answer

    def _route(self, request: WireRequest) -> dict[str, Any]:
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["merchants", "configs"]:
                return {"merchant": {"id": "sample"}}
            case "POST", ["checkout"]:
                return self._checkout(_json(request, "checkout"))
            case "GET", ["merchants", "orders", "reference-id", reference]:
                return _shown(self._by_reference(reference))
            case "GET", ["merchants", "orders", key]:
                return _shown(self._known(key))
            case "POST", ["orders", key, "authorise"]:
                return self._authorise(self._known(key), request.body)
            case "POST", ["orders", key, "cancel"]:
                return self._cancel(self._known(key), _json(request, "cancel"))
            case "POST", ["payments", "capture"]:
                return self._capture(_json(request, "capture"))
            case "POST", ["payments", "simplified-refund", key]:
                return self._refund(self._known(key), _json(request, "refund"))
            case "POST", ["webhooks"]:
                return self._register(_json(request, "webhook"))
            case "PUT", ["webhooks", key]:
                return self._update(key, _json(request, "webhook_update"))
        raise Refused(404, "not_found", "Not found.")

    def _checkout(self, asked: dict[str, Any]) -> dict[str, Any]:
        _check_checkout(asked)
        key = self._id()
        self.orders[key] = _new(key, asked["order_reference_id"], _money(asked["total_amount"]), asked["total_amount"])
        page = f"https://checkout.tamara.co/checkout/{self._id()}?locale=en_US&orderId={key}"
        return {"order_id": key, "checkout_id": self._id(), "checkout_url": page, "status": "new"}

    def _known(self, key: str) -> dict[str, Any]:
        try:
            UUID(key)
        except ValueError as error:
            raise Refused(400, "invalid_order_id") from error
        if key not in self.orders:
            raise Refused(404, "order_not_found", "Order not found.")
        return self.orders[key]

    def _by_reference(self, reference: str) -> dict[str, Any]:
        for order in reversed(self.orders.values()):
            if order["order_reference_id"] == reference:
                return order
        raise Refused(404, "order_not_found", "Order not found.")

    def _authorise(self, order: dict[str, Any], body: bytes) -> dict[str, Any]:
        if body not in (b"", b"{}"):
            raise Refused(400, "bad_request")
        if order["status"] != "approved":
            raise Refused(409, "wrong_status", "The order is in no status to be authorised.")
        order["status"] = "authorised"
        if self.captures_by_itself:
            order.update(status="fully_captured", captured=order["total"])
        return {
            "order_id": order["order_id"],
            "status": order["status"],
            "order_expiry_time": "2026-12-04T15:07:47+00:00",
            "payment_type": "PAY_BY_INSTALMENTS",
            "auto_captured": self.captures_by_itself,
            "authorized_amount": _written(order["total"], order),
            "capture_id": self._id() if self.captures_by_itself else "",
        }

    def _capture(self, asked: dict[str, Any]) -> dict[str, Any]:
        _check_shipping(asked["shipping_info"])
        order = self._known(asked["order_id"])
        amount = _money(asked["total_amount"], order["currency"])
        if order["status"] not in ("authorised", "updated", "partially_captured"):
            raise Refused(409, "wrong_status", "The order is in no status to be captured.")
        if not amount or order["captured"] + amount > order["total"] - order["canceled"]:
            raise Refused(400, "capture_amount_exceeded", "More than is left of the order.")
        order["captured"] += amount
        is_whole = order["captured"] == order["total"] - order["canceled"]
        order["status"] = "fully_captured" if is_whole else "partially_captured"
        key = {"capture_id": self._id(), "order_id": order["order_id"]}
        return {**key, "status": order["status"], "captured_amount": _written(amount, order)}

    def _cancel(self, order: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
        amount = _money(asked["total_amount"], order["currency"])
        if order["status"] not in ("authorised", "updated"):
            raise Refused(409, "wrong_status", "Only what is authorised can be cancelled.")
        if not amount or amount > order["total"] - order["canceled"]:
            raise Refused(400, "cancel_amount_exceeded")
        order["canceled"] += amount
        order["status"] = "canceled" if order["canceled"] == order["total"] else "updated"
        key = {"cancel_id": self._id(), "order_id": order["order_id"]}
        return {**key, "status": order["status"], "canceled_amount": _written(amount, order)}

    def _refund(self, order: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
        amount = _money(asked["total_amount"], order["currency"])
        if not order["captured"]:
            raise Refused(409, "wrong_status", "Nothing is captured.")
        if not amount or order["refunded"] + amount > order["captured"]:
            raise Refused(400, "refund_amount_exceeded", "More than was captured.")
        order["refunded"] += amount
        is_whole = order["refunded"] == order["captured"]
        order["status"] = "fully_refunded" if is_whole else "partially_refunded"
        key = {"order_id": order["order_id"], "refund_id": self._id(), "capture_id": self._id()}
        told = {"comment": asked["comment"], "refunded_amount": _written(amount, order)}
        return {**key, **told, "status": order["status"]}

    def _register(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["type"] != "order" or set(asked["events"]) - EVENTS or len(asked["url"]) > 255:
            raise Refused(400, "bad_request")
        for hook in self.hooks:
            if hook["url"] == asked["url"]:
                raise Refused(400, "webhook_already_registered", data={"webhook_id": hook["webhook_id"]})
        self.hooks.append({"webhook_id": self._id(), **asked})
        return self.hooks[-1]

    def _update(self, key: str, asked: dict[str, Any]) -> dict[str, Any]:
        (hook,) = (hook for hook in self.hooks if hook["webhook_id"] == key)
        hook.update(asked)
        return hook

    def _id(self) -> str:
        return f"00000000-0000-4000-8000-{next(self._numbers):012x}"

    def approve(self, key: str) -> None:
        self._turn(key, "approved")

    def decline(self, key: str) -> None:
        self._turn(key, "declined")

    def expire(self, key: str) -> None:
        self._turn(key, "expired")

    def _turn(self, key: str, status: str) -> None:
        assert self.orders[key]["status"] == "new"
        self.orders[key]["status"] = status

    def webhook(self, key: str, event_type: str, **data: Any) -> dict[str, Any]:
        order = self.orders[key]
        told = {"order_id": key, "order_reference_id": order["order_reference_id"], "order_number": "order-1"}
        return {**told, "event_type": event_type, "data": data or []}

    def seed(self) -> None:
        """The orders that the conformance suite asks for."""
        amount = {"amount": Decimal("12.50"), "currency": "AED"}
        for key, status, reference in (
            (PAYMENT, "fully_captured", "order-1"),
            (AUTHORISED, "authorised", "order-2"),
            (APPROVED, "approved", "order-3"),
            (NEW, "new", NEW_REFERENCE),
        ):
            captured = amount["amount"] if status == "fully_captured" else Decimal(0)
            self.orders[key] = {
                **_new(key, reference, amount["amount"], amount),
                "status": status,
                "captured": captured,
            }


def _new(key: str, reference: str, total: Any, asked: dict[str, Any]) -> dict[str, Any]:
    sums = {"captured": Decimal(0), "refunded": Decimal(0), "canceled": Decimal(0)}
    order = {"order_id": key, "order_reference_id": reference, "status": "new", "currency": asked["currency"]}
    return {**order, "total": total, **sums}


def _shown(order: dict[str, Any]) -> dict[str, Any]:
    """As `GET /merchants/orders/{order_id}` has it, as far as the SDK reads it."""
    names = {"total": "total_amount", "captured": "captured_amount", "refunded": "refunded_amount"}
    sums = {told: _written(order[ours], order) for ours, told in {**names, "canceled": "canceled_amount"}.items()}
    kept = {name: order[name] for name in ("order_id", "order_reference_id", "status")}
    return {**kept, **sums, "order_number": "order-1", "payment_type": "PAY_BY_INSTALMENTS", "transactions": {}}


def _written(amount: Decimal, order: dict[str, Any]) -> dict[str, Any]:
    return {"amount": float(amount), "currency": order["currency"]}


def _json(request: WireRequest, kind: str) -> dict[str, Any]:
    if request.headers.get("content-type") != "application/json":
        raise Refused(400, "bad_request", "No JSON.")
    return _check(json.loads(request.body, parse_float=Decimal), kind)


def _check(given: Any, kind: str) -> dict[str, Any]:
    required, optional = SCHEMA[kind]
    if missing := required - set(given):
        raise Refused(400, "missing_fields", f"{kind} misses {sorted(missing)}")
    if surplus := set(given) - required - optional:
        raise Refused(400, "unknown_fields", f"{kind} has {sorted(surplus)}")
    if any(value in ("", None) for value in given.values()):
        raise Refused(400, "empty_fields", f"{kind} has empty fields")
    if not all(isinstance(value, str) for name, value in given.items() if name in TEXTS):
        raise Refused(400, "invalid_fields", f"{kind} has texts that are none")
    checked: dict[str, Any] = given
    return checked


def _money(given: Any, currency: str = "") -> Decimal:
    """A number, not text, with no more decimals than the currency has."""
    if set(given) != {"amount", "currency"} or given["currency"] != (currency or given["currency"]):
        raise Refused(400, "invalid_money", f"{given}")
    amount = given["amount"]
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal) or amount < 0:
        raise Refused(400, "invalid_money", f"{given}")
    decimals = -int(Decimal(amount).as_tuple().exponent)
    if decimals > DECIMALS[given["currency"]]:
        raise Refused(400, "invalid_money", f"{given}")
    return Decimal(amount)


def _check_checkout(asked: dict[str, Any]) -> None:
    if asked["country_code"] not in CURRENCY_OF:
        raise Refused(400, "invalid_country")
    currency = CURRENCY_OF[asked["country_code"]]
    total = _money(asked["total_amount"], currency)
    rest = _money(asked["shipping_amount"], currency) + _money(asked["tax_amount"], currency)
    items = [_check(item, "item") for item in asked["items"]]
    if sum(_money(item["total_amount"], currency) for item in items) + rest != total or not total:
        raise Refused(400, "total_amount_mismatch")
    if any(item["unit_price"]["amount"] * item["quantity"] != item["total_amount"]["amount"] for item in items):
        raise Refused(400, "item_amount_mismatch")
    _check(asked["consumer"], "consumer")
    for kind in ("shipping_address", "billing_address"):
        address = _check(asked.get(kind) or asked["shipping_address"], "address")
        if not re.fullmatch("[A-Z]{2}", address["country_code"]):
            raise Refused(400, "invalid_country")
    _check_texts(asked)


def _check_texts(asked: dict[str, Any]) -> None:
    urls = _check(asked["merchant_url"], "merchant_url").values()
    if not all(re.match("https?://", url) and len(url) <= 255 for url in urls):
        raise Refused(400, "invalid_url")
    if not re.fullmatch(r"\+\d{8,15}", asked["consumer"]["phone_number"]):
        raise Refused(400, "invalid_phone_number")
    if asked["payment_type"] not in ("PAY_BY_INSTALMENTS", "PAY_NOW") or asked["locale"] not in ("ar_SA", "en_US"):
        raise Refused(400, "invalid_payment_type_or_locale")
    if len(asked["description"]) > 256 or any(
        len(one["sku"]) > 128 or len(one["name"]) > 255 for one in asked["items"]
    ):
        raise Refused(400, "too_long")
    if not all(type(item["quantity"]) is int for item in asked["items"]):
        raise Refused(400, "invalid_quantity")
    if "@" not in asked["consumer"].get("email", "@"):
        raise Refused(400, "invalid_email")
    history = _check(asked.get("risk_assessment", {}), "risk_assessment")
    orders, known = history.get("total_order_count", 0), history.get("is_existing_customer", False)
    is_date = re.fullmatch(r"\d\d-\d\d-\d{4}", history.get("account_creation_date", "01-01-2020"))
    if not is_date or type(orders) is not int or type(known) is not bool:
        raise Refused(400, "invalid_risk_assessment")


def _check_shipping(given: Any) -> None:
    told = _check(given, "shipping_info")
    datetime.fromisoformat(told["shipped_at"])


def answer(request: WireRequest) -> WireAnswer:
    """The orders are new for each call, but for the one that is completed: that is new once it was seen captured."""
    known = _books.orders.get(APPROVED, {})
    _books.seed()
    _books.orders[APPROVED].update(known)
    given = _books.answer(request)
    if request.method == "GET" and _books.orders[APPROVED]["status"] == "fully_captured":
        del _books.orders[APPROVED]
    return given


_books = TamaraWire()
