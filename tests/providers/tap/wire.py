"""Tap's end of the wire, as strict as its documentation, with books of charges, authorisations and refunds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import simplejson

from integrations.errors import InvalidRequest
from integrations.money import currency_exponent
from integrations.providers.results import Customer, PaymentStatus
from tests.providers.shapes import URL, anything, complaint, only, text, texts
from tests.wire import WireAnswer, WireRequest

CREDENTIALS = {"secret_api_key": "sk_test_sampleNotAKey", "public_key": "pk_test_sampleNotAKey"}
BAD_CREDENTIALS = {"secret_api_key": "sk_test_anotherNotAKey"}
CUSTOMER = Customer(name="Sample Payer", email="payer@example.com", phone="+971501234567")
ORDER = {"customer": CUSTOMER, "success_url": "https://hub.example/return", "webhook_url": "https://hub.example/hooks"}
PAYMENT = "chg_captured"
AUTHORISED = "auth_authorised"
CREATED = PaymentStatus.REQUIRES_ACTION

SOURCES = {
    "src_all", "src_card", "src_sa.mada", "src_kw.knet", "src_bh.benefit", "src_om.omannet", "src_qa.qpay",
    "src_eg.fawry", "src_apple_pay", "src_google_pay",
}  # fmt: skip
ONLY_IN = {
    "src_sa.mada": "SAR", "src_kw.knet": "KWD", "src_bh.benefit": "BHD", "src_om.omannet": "OMR", "src_qa.qpay": "QAR",
    "src_eg.fawry": "EGP",
}  # fmt: skip
MAY_MISS = {
    "save_card", "description", "metadata", "reference.transaction", "reference.order", "reference.merchant",
    "customer.last_name", "customer.email", "customer.phone", "post", "starting_after",
}  # fmt: skip
IS_METADATA = texts(100, 100, 1000)
CREATION: dict[str, Any] = {
    "amount": anything,
    "currency": text(),
    "customer_initiated": only(True),
    "threeDSecure": only(True),
    "save_card?": only(False),
    "description?": text(),
    "metadata?": IS_METADATA,
    "reference": {"transaction?": text(), "order?": text(), "idempotent": text()},
    "customer": anything,
    "merchant?": {"id": text()},
    "source": {"id": text()},
    "post?": {"url": URL},
    "redirect": {"url": URL},
}
PAYER = {
    "first_name": text(),
    "last_name?": text(),
    "email?": text(like=r"[^@\s]+@[^@\s]+"),
    "phone?": {"country_code": text(like=r"[1-9][0-9]{0,2}"), "number": text(like=r"[0-9]{4,14}")},
}
REFUND = {
    "charge_id": text(),
    "amount": anything,
    "currency": text(),
    "reason": text(),
    "reference": {"merchant?": text(), "idempotent": text()},
    "post?": {"url": URL},
    "metadata?": IS_METADATA,
}
CREATED_AT = 1_760_000_000_000


class Refused(Exception):
    def __init__(self, status: int, code: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.body: dict[str, Any] = {"errors": [{"code": code, "description": description}]}


class NothingToList(Refused):
    def __init__(self, name: str) -> None:
        super().__init__(400, "", "")
        self.body = {"message": f"{name.capitalize()} not found"}


def answer(request: WireRequest) -> WireAnswer:
    """For one call by itself: with a captured charge and an authorisation that is still open."""
    return seeded().answer(request)


def seeded() -> TapWire:
    wire = TapWire()
    for key, status in ((PAYMENT, "CAPTURED"), (AUTHORISED, "AUTHORIZED")):
        body = {"amount": Decimal("12.50"), "currency": "AED", "source": {"id": "src_card"}}
        body |= {"reference": {"transaction": "ours", "order": "order-1"}, "metadata": {}, "customer": {}}
        wire.make(
            body | {"redirect": {"url": ORDER["success_url"]}, "post": {"url": ORDER["webhook_url"]}}, key, status
        )
    return wire


@dataclass
class TapWire:
    """`pay` is the payer on Tap's page. What is answered for one `reference.idempotent` is answered again."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: dict[str, dict[str, Any]] = field(default_factory=dict)
    refund_status: str = "REFUNDED"
    token_status: str = "CAPTURED"
    capture_status: str = "CAPTURED"
    page_size: int = 50
    _first: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def answer(self, request: WireRequest) -> WireAnswer:
        try:
            return WireAnswer(200, simplejson.dumps(self._route(request, _checked(request)), use_decimal=True).encode())
        except Refused as refused:
            return WireAnswer(refused.status, refused.body)

    def pay(self, key: str, status: str, code: str = "000", message: str = "") -> dict[str, Any]:
        paid = self.objects[key]
        paid["status"], paid["response"] = status, {"code": code, "message": message or status.capitalize()}
        paid["source"]["payment_method"] = {"src_kw.knet": "KNET"}.get(paid["source"]["id"], "VISA")
        paid["activities"].append(self._activity(status))
        del paid["transaction"]["url"]
        return paid

    def make(self, body: dict[str, Any], key: str, status: str) -> dict[str, Any]:
        told = {name: body.get(name, {}) for name in ("metadata", "redirect", "post", "merchant")}
        made = {
            **told,
            "id": key,
            "object": "charge" if key.startswith("chg_") else "authorize",
            "live_mode": False,
            "api_version": "V2",
            "status": status,
            "amount": body["amount"].normalize(),  # 10.50 comes back as 10.5
            "currency": body["currency"],
            "transaction": {"created": str(CREATED_AT), "expiry": {"period": 30, "type": "MINUTE"}},
            "reference": {"track": "tck_1", "payment": "py_1", "gateway": "gw_1", **body["reference"]},
            "response": {"code": "000", "message": status.capitalize()},
            "customer": {"id": "cus_sample", **body["customer"]},
            "source": {"object": "source", "type": "CARD_NOT_PRESENT", **body["source"]},
            "activities": [self._activity(status)],
        }
        if status == "INITIATED":
            made["transaction"]["url"] = f"https://pay.tap.example/{key}"
        self.objects[key] = made
        return made

    def _route(self, request: WireRequest, body: dict[str, Any]) -> dict[str, Any]:
        match request.method, request.path.strip("/").split("/"):
            case "POST", ["charges" | "refunds" as name, "list"]:
                return self._list(name, body)
            case "POST", ["charges" | "authorize" as kind]:
                return self._once(kind, body, lambda: self._create(kind, body, request.headers))
            case "POST", ["refunds"]:
                return self._once("refunds", body, lambda: self._refund(body))
            case "POST", ["authorize", key, "void"] if key in self.objects:
                return self._void(key, body)
            case "GET", ["charges" | "authorize" as kind, key] if key in self.objects:
                if key.startswith("auth_") == (kind == "authorize"):
                    return self.objects[key]
        raise Refused(404, "1142", "Not found")

    def _once(self, kind: str, body: dict[str, Any], do: Any) -> dict[str, Any]:
        reference = body.get("reference")
        key = reference.get("idempotent") if isinstance(reference, dict) else None
        if not isinstance(key, str) or not key:
            raise Refused(400, "1108", "The key is missing.")
        if (kind, key) not in self._first:
            self._first[kind, key] = json.loads(simplejson.dumps(do(), use_decimal=True), parse_float=Decimal)
        return self._first[kind, key]

    def _create(self, kind: str, body: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        _check(body, CREATION | ({"auto": {"type": only("VOID"), "time": only(168)}} if kind == "authorize" else {}))
        _money(body)
        source, number = body["source"]["id"], next(self._numbers)
        if source.startswith("auth_"):
            return self._capture(body, source, f"chg_{number}")
        _customer(body["customer"])
        if headers.get("lang_code") not in ("en", "ar"):
            raise Refused(400, "1108", "lang_code is en or ar.")
        if ONLY_IN.get(source, body["currency"]) != body["currency"]:
            raise Refused(400, "1117", "Invalid currency for this source.")
        key = f"{'auth' if kind == 'authorize' else 'chg'}_{number}"
        if source.startswith("tok_"):
            paid = "AUTHORIZED" if kind == "authorize" and self.token_status == "CAPTURED" else self.token_status
            return self.make(body, key, paid)
        if source not in SOURCES:
            raise Refused(400, "1104", "Source id is invalid")
        return self.make(body, key, "INITIATED")

    def _capture(self, body: dict[str, Any], authorisation: str, key: str) -> dict[str, Any]:
        held = self.objects.get(authorisation)
        if held is None or held["status"] != "AUTHORIZED":
            raise Refused(400, "1121", "Authorize is invalid or was captured.")
        if body["amount"] > held["amount"] or body["currency"] != held["currency"]:
            raise Refused(400, "1120", "Amount is more than authorized.")
        if body.get("customer") != {"id": held["customer"]["id"]}:
            raise Refused(400, "1115", "Customer is invalid.")
        if self.capture_status == "CAPTURED":
            held["status"] = "CAPTURED"
        return self.make(body, key, self.capture_status)

    def _void(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        held = self.objects[key]
        if body or held["status"] != "AUTHORIZED":
            raise Refused(400, "1121", "Authorize cannot be voided.")
        held["status"] = "VOID"
        return held

    def _refund(self, body: dict[str, Any]) -> dict[str, Any]:
        _check(body, REFUND)
        _money(body)
        charge = self.objects.get(str(body.get("charge_id")), {})
        if not str(body.get("charge_id")).startswith("chg_") or charge.get("status") != "CAPTURED":
            raise Refused(400, "1143", "Charge is invalid.")
        if body.get("reason") not in ("duplicate", "fraudulent", "requested_by_customer"):
            raise Refused(400, "1108", "Reason is required.")
        of_it = [one for one in self.refunds.values() if one["charge_id"] == charge["id"]]
        taken = sum((one["amount"] for one in of_it if one["status"] != "DECLINED"), Decimal(0))
        if taken + body["amount"] > charge["amount"]:
            raise Refused(400, "1124", "Refund amount is more than the charge amount.")
        key = f"re_{next(self._numbers)}"
        refund = {**body, "id": key, "object": "refund", "live_mode": False, "created": str(CREATED_AT)}
        refund |= {"status": self.refund_status, "response": {"code": "000", "message": self.refund_status.title()}}
        self.refunds[key] = refund
        return refund

    def _list(self, name: str, query: dict[str, Any]) -> dict[str, Any]:
        """Newest first. A limit is text with charges and a number with refunds, as in Tap's own examples."""
        wants, rows = ({"sources"}, self.objects) if name == "charges" else ({"charges"}, self.refunds)
        limit = text(like="[1-9][0-9]?") if name == "charges" else only(*range(1, 51))
        ids = {f"{one}?": _are_ids for one in wants}
        _check(query, {**ids, "limit": limit, "starting_after?": text()})
        found = [row for row in reversed(rows.values()) if _is_listed(name, row, query)]
        if after := query.get("starting_after"):
            found = found[[row["id"] for row in found].index(after) + 1 :]
        if not found:
            raise NothingToList(name)
        size = min(int(query["limit"]), self.page_size)
        return {"object": "list", "has_more": len(found) > size, name: found[:size]}

    def _activity(self, status: str) -> dict[str, Any]:
        return {"object": "activity", "created": CREATED_AT + 1000 * next(self._numbers), "status": status}


def _checked(request: WireRequest) -> dict[str, Any]:
    if request.headers.get("authorization") != f"Bearer {CREDENTIALS['secret_api_key']}":
        raise Refused(401, "2107", "Unauthorized")
    if request.method == "GET":
        return {}
    if request.headers.get("content-type") != "application/json":
        raise Refused(415, "1108", "The body is not JSON.")
    body = json.loads(request.body, parse_float=Decimal)
    if not isinstance(body, dict):
        raise Refused(400, "1108", "The body is no object.")
    return body


def _check(body: Mapping[str, Any], shape: Mapping[str, Any]) -> None:
    if wrong := complaint(body, shape):
        raise Refused(400, "1108", f"{wrong} is missing, unknown or invalid.")


def _are_ids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(text(like="[a-z]+_.+")(one) for one in value)


def _money(body: dict[str, Any]) -> None:
    """A number with no more decimals than ISO 4217 has."""
    amount = body.get("amount")
    try:
        exponent = currency_exponent(str(body.get("currency")))
    except InvalidRequest as error:
        raise Refused(400, "1117", "Currency code is invalid") from error
    if isinstance(amount, bool) or not isinstance(amount, Decimal | int) or amount <= 0:
        raise Refused(400, "1116", "Amount is invalid")
    body["amount"] = Decimal(amount)
    digits = body["amount"].as_tuple().exponent
    if not isinstance(digits, int) or -digits != exponent:
        raise Refused(400, "1116", "Amount has not the currency's decimals")


def _customer(customer: Mapping[str, Any]) -> None:
    _check(customer, PAYER)
    if not (customer.get("email") or customer.get("phone")):
        raise Refused(400, "1114", "Customer is invalid")


def _is_listed(name: str, row: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    if name == "refunds":
        return row["charge_id"] in query.get("charges", [row["charge_id"]])
    return row["object"] == "charge" and row["source"]["id"] in query.get("sources", [row["source"]["id"]])
