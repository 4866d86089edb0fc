"""PayTabs' end of the wire for one profile, as strict as its documentation, with books of what each cart has.

`answer` serves each request from books of its own; a story keeps one `Profile`, and plays the payer with `pay`.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from integrations.money import currency_exponent
from tests.providers.shapes import text
from tests.wire import WireAnswer, WireRequest

SERVER_KEY = "SAMPLENOTA-REALSERVER-KEYATALL00"
CREDENTIALS = {"server_key": SERVER_KEY}
BAD_CREDENTIALS = {"server_key": "OFANOTHERX-REGIONXXXX-KEYATALL00"}
CONFIGURATION = {"region": "ARE", "profile_id": "98765"}
CREATED = "requires_action"
EVENT_OBJECT = "payment_result"
PAYMENT = "01980000-0000-7000-8000-00000000000a"
AUTHORISED = "01980000-0000-7000-8000-00000000000b"
UNPAID = "01980000-0000-7000-8000-000000000001"

ALWAYS = {
    "profile_id", "tran_type", "tran_class", "cart_id", "cart_currency", "cart_amount", "cart_description",
}  # fmt: skip
OF_A_PAYMENT = {
    "paypage_lang", "hide_shipping", "return", "callback", "payment_token", "customer_details", "shipping_details",
    "payment_methods",
}  # fmt: skip
PERSON = {"name", "email", "phone", "street1", "city", "state", "country", "zip", "ip"}
METHODS = {
    "creditcard", "mada", "knet", "omannet", "meeza", "valu", "stcpay", "applepay", "samsungpay", "paypal",
}  # fmt: skip
TOKEN, DECLINED_TOKEN, REDIRECTED_TOKEN = "PTF-sample-good", "PTF-sample-declined", "PTF-sample-3ds"
WORDS = {"A": "Authorised", "H": "On hold", "P": "Pending", "D": "Do not honour", "E": "Acquirer failed"}


class Refused(Exception):
    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, "trace": "PMNT0404.6399E3D5.0000372C"}


@dataclass
class Profile:
    """`follow_up_status` is the letter that the next captures, voids and refunds get."""

    transactions: list[dict[str, Any]] = field(default_factory=list)
    follow_up_status: str = "A"
    shows_open_pages: bool = True
    is_forgetful: bool = True  # of what was asked for within the last two minutes
    asked: list[Any] = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def answer(self, request: WireRequest) -> WireAnswer:
        try:
            return self._answer(request)
        except Refused as refused:
            return WireAnswer(refused.status, refused.body)

    def open(self, cart_id: str, *, amount: str = "12.50", kind: str = "Sale", currency: str = "AED") -> dict[str, Any]:
        return self.add(kind, cart_id, Decimal(amount), currency, "")

    def pay(self, cart_id: str, status: str = "A", *, method: str = "Visa") -> dict[str, Any]:
        """The payer ends what is open of a cart; a page that was declined can be tried again."""
        tries = [one for one in self.of(cart_id) if one["tran_type"] in ("Sale", "Auth")]
        transaction = next((one for one in tries if "payment_result" not in one), None)
        if transaction is None:
            first = tries[0]
            transaction = self.add(first["tran_type"], cart_id, Decimal(first["cart_amount"]), "AED", "")
        transaction.pop("redirect_url", None)
        transaction["payment_result"] = _result(status, next(self.numbers))
        transaction["payment_info"] = {"payment_method": method, "card_type": "Credit", "card_scheme": method}
        transaction["token"] = "2C4654BD67A3ED31C6BE91FB658A74BF"
        return transaction

    def of(self, cart_id: str) -> list[dict[str, Any]]:
        return [one for one in self.transactions if one["cart_id"] == cart_id]

    def notice(self, transaction: dict[str, Any]) -> bytes:
        """The body that PayTabs posts to the callback."""
        return json.dumps({**transaction, "merchant_id": 31000, "ipn_trace": "IPNS0201.675688BB.0001599E"}).encode()

    def _answer(self, request: WireRequest) -> WireAnswer:
        if request.headers.get("authorization") != SERVER_KEY:
            raise Refused(401, 1, "Authentication failed. Check authentication header.")
        if request.method != "POST" or request.headers.get("content-type") != "application/json":
            raise Refused(400, 200, "Only JSON is posted here.")
        body = json.loads(request.body, parse_float=Decimal)
        if type(body.get("profile_id")) is not int or body["profile_id"] != int(CONFIGURATION["profile_id"]):
            raise Refused(400, 2, "Invalid profile.")
        if request.path == "/payment/query":
            return WireAnswer(200, self._query(body))
        if request.path != "/payment/request":
            raise Refused(404, 3, "Not found.")
        return WireAnswer(200, self._request(body))

    def _query(self, body: dict[str, Any]) -> Any:
        if set(body) not in ({"profile_id", "tran_ref"}, {"profile_id", "cart_id"}):
            raise Refused(400, 200, "Either tran_ref or cart_id.")
        if not text(64)(body.get("tran_ref") or body.get("cart_id")):
            raise Refused(400, 208, "Invalid reference.")
        if "tran_ref" in body:
            found = [one for one in self.transactions if one["tran_ref"] == body["tran_ref"]]
            return found[0] if found else b"null"
        shown = [one for one in self.of(body["cart_id"]) if self.shows_open_pages or "payment_result" in one]
        return [{key: value for key, value in one.items() if key != "redirect_url"} for one in shown]

    def _request(self, body: dict[str, Any]) -> dict[str, Any]:
        _check_cart(body)
        told = json.dumps(body, default=str, sort_keys=True)
        if told in self.asked and not self.is_forgetful:
            raise Refused(409, 4, "Duplicate Request")
        self.asked.append(told)
        if body["tran_type"] in ("sale", "auth"):
            return self._pay(body)
        return self._follow_up(body)

    def _pay(self, body: dict[str, Any]) -> dict[str, Any]:
        _check_payment(body)
        kind, cart_id = body["tran_type"].capitalize(), body["cart_id"]
        made = self.add(kind, cart_id, body["cart_amount"], body["cart_currency"], "")
        token = body.get("payment_token")
        if token in (TOKEN, DECLINED_TOKEN):
            return self.pay(cart_id, "A" if token == TOKEN else "D")
        made["redirect_url"] = f"https://secure.paytabs.com/payment/page/{made['tran_ref']}/redirect"
        return {**made, "return": body.get("return", ""), "callback": body.get("callback", "")}

    def _follow_up(self, body: dict[str, Any]) -> dict[str, Any]:
        if set(body) != ALWAYS | {"tran_ref"}:
            raise Refused(400, 200, "A follow-up has the cart's fields and a tran_ref.")
        kind, parent = body["tran_type"], next((t for t in self.transactions if t["tran_ref"] == body["tran_ref"]), {})
        allowed = {"capture": ("Auth",), "void": ("Auth",), "release": ("Auth",), "refund": ("Sale", "Capture")}
        if parent.get("tran_type") not in allowed.get(kind, ()) or _status_of(parent) != "A":
            raise Refused(400, 310, "Unable to process your request.")
        if (parent["cart_id"], parent["cart_currency"]) != (body["cart_id"], body["cart_currency"]):
            raise Refused(400, 206, "Another cart or currency.")
        spent = [one for one in self.transactions if one.get("previous_tran_ref") == parent["tran_ref"]]
        left = Decimal(parent["cart_amount"]) - sum(
            Decimal(one["cart_amount"]) for one in spent if _status_of(one) in ("A", "P")
        )
        if body["cart_amount"] > left or (kind == "void" and body["cart_amount"] != left):
            raise Refused(400, 311, "The amount is more than what is left.")
        made = self.add(
            kind.capitalize(), body["cart_id"], body["cart_amount"], body["cart_currency"], parent["tran_ref"]
        )
        made["payment_result"] = _result(self.follow_up_status, next(self.numbers))
        return made

    def add(self, kind: str, cart_id: str, amount: Decimal, currency: str, previous: str) -> dict[str, Any]:
        transaction = {
            "tran_ref": f"TST26330{next(self.numbers):08d}",
            "profile_id": int(CONFIGURATION["profile_id"]),
            "cart_id": cart_id,
            "cart_description": "order-1",
            "cart_currency": currency,
            "cart_amount": f"{amount:.{currency_exponent(currency)}f}",
            "tran_currency": currency,
            "tran_total": "0",
            "tran_type": kind,
            "tran_class": "ECom",
        }
        if previous:
            transaction["previous_tran_ref"] = previous
        self.transactions.append(transaction)
        return transaction


def answer(request: WireRequest) -> WireAnswer:
    profile = Profile()
    profile.open(UNPAID)
    profile.open(PAYMENT)
    profile.pay(PAYMENT)
    profile.open(AUTHORISED, kind="Auth")
    profile.pay(AUTHORISED)
    return profile.answer(request)


def _status_of(transaction: dict[str, Any]) -> str:
    return str(transaction.get("payment_result", {}).get("response_status", ""))


def _result(status: str, second: int) -> dict[str, str]:
    return {
        "response_status": status,
        "response_code": f"G{second:05d}",
        "response_message": WORDS.get(status, "Ended"),
        "transaction_time": f"2026-11-{1 + second // 3600:02d}T10:{second // 60 % 60:02d}:{second % 60:02d}Z",
    }


def _check_cart(body: dict[str, Any]) -> None:
    currency, amount = body.get("cart_currency"), body.get("cart_amount")
    if missing := ALWAYS - set(body):
        raise Refused(400, 200, f"Missing: {', '.join(sorted(missing))}.")
    if not text()(body["tran_type"]) or not text()(body.get("tran_ref", "none")):
        raise Refused(400, 200, "Invalid tran_type or tran_ref.")
    if body["tran_class"] != "ecom":
        raise Refused(400, 200, "Invalid tran_class.")
    if not isinstance(currency, str) or not re.fullmatch("[A-Z]{3}", currency):
        raise Refused(400, 206, "Invalid currency code")
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal) or amount <= 0:
        raise Refused(400, 207, "The amount is a positive number.")
    if -Decimal(amount).as_tuple().exponent > currency_exponent(currency):  # type: ignore[operator]
        raise Refused(400, 207, "The amount has more decimals than its currency.")
    for name, longest in (("cart_id", 64), ("cart_description", 128)):
        if not isinstance(body[name], str) or not 1 <= len(body[name]) <= longest:
            raise Refused(400, 208, f"Invalid {name}.")


def _check_payment(body: dict[str, Any]) -> None:
    if unknown := set(body) - ALWAYS - OF_A_PAYMENT:
        raise Refused(400, 200, f"Unknown: {', '.join(sorted(unknown))}.")
    for name in ("return", "callback"):
        if name in body and not re.fullmatch(r"https?://.{1,247}", body[name]):
            raise Refused(400, 209, f"Invalid {name}.")
    for name in ("customer_details", "shipping_details"):
        told = body.get(name, {})
        if set(told) - PERSON or not all(isinstance(value, str) and value for value in told.values()):
            raise Refused(400, 210, f"Invalid {name}.")
    if body.get("paypage_lang") not in ("en", "ar") or body.get("hide_shipping") is not True:
        raise Refused(400, 211, "Invalid page.")
    if not set(body.get("payment_methods", [])) <= METHODS:
        raise Refused(400, 212, "Invalid payment method.")
