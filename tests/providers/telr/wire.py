"""Telr's end of the wire: JSON orders and XML follow-ups, keys in the body, every business error with HTTP 200.

It keeps what each order's transaction authorised, took and gave back. `answer`, for a single operation, begins anew
with each call.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

from defusedxml.ElementTree import fromstring

from integrations.money import currency_exponent
from integrations.providers.results import PaymentStatus
from tests.wire import WireAnswer, WireRequest

STORE, KEY, REMOTE_KEY = "1234", "sample-Not^a#key", "sample&not<a$remote>key"
CREDENTIALS = {
    "store_id": STORE,
    "auth_key": KEY,
    "remote_auth_key": REMOTE_KEY,
    "webhook_secret": "sample-not-a-secret",
}
BAD_CREDENTIALS = {**CREDENTIALS, "auth_key": "another-Not^a#key"}
IN_THE_BODY = ("auth_key", "remote_auth_key")
ORDER = {
    "success_url": "https://hub.example/pay/1/return/",
    "cancel_url": "https://hub.example/pay/1/cancel/",
}
PAYMENT, AUTHORISED = "A0000000000000000000000000000000000CA97", "A0000000000000000000000000000000000A074"
CREATED = PaymentStatus.REQUIRES_ACTION

TEXTS = {1: "Pending", 2: "Authorised", 3: "Paid", -1: "Expired", -2: "Cancelled", -3: "Declined"}
CREATE = {"method", "store", "authkey", "framed", "language", "order", "customer", "return"}
CART = {"cartid", "test", "amount", "currency", "description", "trantype"}
ADDRESS = {"line1", "line2", "city", "country"}
CUSTOMER = {"email", "phone", "name", "address"}
LATIN = re.compile("[\x20-\x7e\xa0-\u017f]{1,63}")
FOLLOW_UP = ["type", "class", "currency", "amount", "ref", "test"]


class Refused(Exception):
    """`E56:Duplicate transaction` in an order's answer; status, code and message in a follow-up's."""

    def __init__(self, code: int, message: str, note: str = "", status: str = "E") -> None:
        super().__init__(message)
        self.code, self.message, self.note, self.status = code, message, note, status


@dataclass
class Order:
    ref: str
    cart: str
    currency: str
    amount: str
    kind: str
    test: str = "1"
    code: int = 1
    transaction: dict[str, str] = field(default_factory=dict)
    card: dict[str, str] = field(default_factory=dict)
    captured: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    sent: dict[str, Any] = field(default_factory=dict)


class TelrGateway:
    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.block = "order"
        self.follow_up_status = "A"
        self._transactions = 0
        for ref, kind in ((PAYMENT, "sale"), (AUTHORISED, "auth")):
            self.orders[ref] = Order(ref, f"cart-{kind}", "AED", "12.50", kind)
            self.pay(ref)

    def answer(self, request: WireRequest) -> WireAnswer:
        if request.method != "POST":
            return WireAnswer(405, b"")
        if request.path == "/gateway/order.json":
            return self._order(request)
        if request.path == "/gateway/remote.xml":
            return self._remote(request)
        return WireAnswer(404, b"Not found")

    def pay(self, ref: str, *, status: str = "A", code: str = "831000", message: str = "Authorised") -> Order:
        """What the payer does on the page."""
        order = self.orders[ref]
        reference = self._next()
        order.transaction = {"ref": reference, "type": order.kind, "class": "ecom", "status": status}
        order.transaction |= {"code": code, "message": message, "date": "20 Nov 2026 14:00 GST"}
        order.card = {"type": "Visa Credit", "first6": "411111", "last4": "1111", "country": "AE"}
        order.code = {"A": 3 if order.kind == "sale" else 2, "H": 2, "D": -3, "C": -2}[status]
        order.captured = Decimal(order.amount) if order.code == 3 else Decimal(0)
        return order

    def _next(self) -> str:
        self._transactions += 1
        return f"0300267933{self._transactions:02}"

    def _order(self, request: WireRequest) -> WireAnswer:
        if request.headers.get("content-type") != "application/json":
            return WireAnswer(415, b"")
        body = request.json()
        try:
            if body.get("store") != int(STORE) or type(body.get("store")) is not int:
                raise Refused(4, "Invalid store ID")
            if body.get("authkey") != KEY:
                raise Refused(1, "Invalid request", "Authentication key")
            told = self._create(body) if body.get("method") == "create" else self._check(body)
        except Refused as refused:
            error = {"message": f"E{refused.code:02}:{refused.message}", "note": refused.note}
            told = {"error": error}
        return WireAnswer(200, {"method": body.get("method"), "trace": "4001/26/0000", **told})

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        order = body.get("order", {})
        known = set(body) <= CREATE and set(order) == CART and set(body.get("customer", {})) <= CUSTOMER
        if not known or set(body.get("return", {})) != {"authorised", "declined", "cancelled"}:
            raise Refused(1, "Invalid request", "Unknown or missing fields")
        _check_payer(body)
        if order["test"] not in ("0", "1") or order["trantype"] not in ("sale", "auth"):
            raise Refused(6, "Invalid transaction mode")
        if not 1 <= len(order["cartid"]) <= 63 or not LATIN.fullmatch(order["description"]):
            raise Refused(3, "Cart ID not set")
        _check_amount(order["amount"], order["currency"])
        if order["cartid"] in {one.cart for one in self.orders.values()}:
            raise Refused(56, "Duplicate transaction", "Cart ID must be unique")
        ref = f"B{len(self.orders):038}"
        self.orders[ref] = Order(
            ref, order["cartid"], order["currency"], order["amount"], order["trantype"], order["test"], sent=body
        )
        return {"order": {"ref": ref, "url": f"https://secure.telr.com/gateway/process.html?o={ref}"}}

    def _check(self, body: dict[str, Any]) -> dict[str, Any]:
        if set(body) != {"method", "store", "authkey", "order"} or set(body["order"]) != {"ref"}:
            raise Refused(1, "Invalid request")
        order = self.orders.get(body["order"]["ref"])
        if order is None:
            raise Refused(22, "Invalid transaction reference", "Order not found")
        return {self.block: self.document(order)}

    def document(self, order: Order) -> dict[str, Any]:
        status = {"code": order.code, "text": TEXTS[order.code]}
        told = {"ref": order.ref, "cartid": order.cart, "test": int(order.test), "amount": order.amount}
        told |= {"currency": order.currency, "description": "order-1", "status": status}
        if order.transaction:
            told |= {"transaction": order.transaction, "paymethod": "Card", "card": order.card}
        return told

    def _remote(self, request: WireRequest) -> WireAnswer:
        if request.headers.get("content-type") != "application/xml":
            return WireAnswer(415, b"")
        try:
            status, code, message, ref = self._follow_up(fromstring(request.body))
        except Refused as refused:
            status, code, message, ref = refused.status, f"{refused.code:02}", refused.message, "000000000000"
        auth = f"<status>{status}</status><code>{code}</code><message>{escape(message)}</message>"
        tail = f"<tranref>{ref}</tranref><cvv>X</cvv><avs>X</avs><trace>4001/26/0001</trace>"
        xml = f'<?xml version="1.0" encoding="UTF-8"?>\n<remote><auth>{auth}{tail}</auth></remote>'
        return WireAnswer(200, xml.encode(), {"Content-Type": "text/xml;charset=UTF-8"})

    def _follow_up(self, remote: Any) -> tuple[str, str, str, str]:
        if [part.tag for part in remote] != ["store", "key", "tran"]:
            raise Refused(1, "Invalid request")
        if (remote.findtext("store"), remote.findtext("key")) != (STORE, REMOTE_KEY):
            raise Refused(4, "Invalid store ID")
        tran = {part.tag: part.text or "" for part in remote.find("tran")}
        if list(tran) != FOLLOW_UP or tran["class"] != "ecom":
            raise Refused(1, "Invalid request")
        order = next((one for one in self.orders.values() if one.transaction.get("ref") == tran["ref"]), None)
        if order is None or tran["test"] != order.test:
            raise Refused(22, "Invalid transaction reference")
        _check_amount(tran["amount"], tran["currency"])
        if tran["currency"] != order.currency:
            raise Refused(24, "Currency differs from original")
        self._do(order, tran["type"], Decimal(tran["amount"]))
        message = {"capture": "Authorised", "release": "Processed", "refund": "Accepted"}[tran["type"]]
        return self.follow_up_status, "926914", message, self._next()

    def _do(self, order: Order, kind: str, amount: Decimal) -> None:
        total = Decimal(order.amount)
        if kind == "refund":
            if not order.captured:
                raise Refused(25, "Original transaction not authorised")
            if order.refunded + amount > order.captured:
                raise Refused(29, "Amount greater than available balance")
            order.refunded += amount
            return
        if kind not in ("capture", "release"):
            raise Refused(40, "Invalid transaction type")
        if order.code != 2 or order.captured or order.transaction["status"] != "A" or amount > total:
            raise Refused(29, "Amount greater than available balance")
        if kind == "release" and amount != total:
            raise Refused(23, "Amount differs from original")
        order.captured = amount if kind == "capture" else Decimal(0)
        order.code = 3 if kind == "capture" else -2


def _check_payer(body: dict[str, Any]) -> None:
    customer = body.get("customer", {})
    name, address = customer.get("name", {}), customer.get("address", {})
    if not (isinstance(name, dict) and set(name) <= {"forenames", "surname"} and set(address) <= ADDRESS):
        raise Refused(1, "Invalid request", "Unknown fields")
    plain = (customer.get(field) for field in ("email", "phone"))
    if not all(LATIN.fullmatch(text) for text in (*name.values(), *address.values(), *plain) if text is not None):
        raise Refused(1, "Invalid request", "Characters that cannot be processed")
    if not re.fullmatch("[A-Z]{2}", address.get("country", "AE")) or "@" not in customer.get("email", "@"):
        raise Refused(1, "Invalid request", "Country or e-mail")
    if body.get("framed", 0) not in (0, 1, 2) or body.get("language", "en") not in ("en", "ar"):
        raise Refused(1, "Invalid request", "framed or language")
    if not all(str(url).startswith(("http://", "https://")) for url in body["return"].values()):
        raise Refused(1, "Invalid request", "A return URL is absolute")


def answer(request: WireRequest) -> WireAnswer:
    return TelrGateway().answer(request)


def _check_amount(amount: Any, currency: Any) -> None:
    digits = currency_exponent(str(currency))
    form = r"[0-9]{1,12}" + (rf"\.[0-9]{{{digits}}}" if digits else "")
    if not (isinstance(amount, str) and re.fullmatch(form, amount)) or Decimal(amount) <= 0:
        raise Refused(5, "Transaction cost or currency not valid")
