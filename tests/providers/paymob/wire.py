"""Paymob's end of the wire for one account, as strict as its documentation, with books of its orders.

`answer` serves each request from books of its own; a story keeps one `Account`, and plays the payer with `pay`.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

from integrations.providers.base import codes
from integrations.providers.results import Customer
from tests.providers.shapes import URL, anything, complaint, only, text
from tests.wire import WireAnswer, WireRequest

CREDENTIALS = {
    "secret_key": "are_sk_test_sampleNotAKey",
    "api_key": "c2FtcGxlLW5vdC1hbi1hcGkta2V5LWF0LWFsbA==",
    "webhook_secret": "SAMPLENOTAHMACSECRET0000",
}
BAD_CREDENTIALS = {**CREDENTIALS, "api_key": "YW5vdGhlci1ub3QtYW4tYXBpLWtleQ=="}
BAD_SECRET_KEY = {**CREDENTIALS, "secret_key": "are_sk_test_anotherNotAKey"}
CONFIGURATION = {
    "public_key": "are_pk_test_sampleNotAKey",
    "integration_ids": "card=1001, apple_pay=1002, card_auth=1003, bnpl=1004",
}


def only_whole(value: Any) -> bool:
    return type(value) is int and value > 0


def are_items(value: Any) -> bool:
    shape = {"name": text(most=50), "amount": only_whole, "quantity": only_whole}
    return isinstance(value, list) and bool(value) and not any(complaint(item, shape) for item in value)


INTEGRATIONS = {1001: False, 1002: False, 1003: True, 1004: False}  # which of them authorise only
IN_THE_BODY = ("api_key",)
ORDER = {"customer": Customer("Sample Payer", "payer@example.com", "+971500000000")}
CREATED = "requires_action"
FOUND = "captured"
EVENT_OBJECT = "obj"
PAYMENT = "01980000-0000-7000-8000-00000000000a"
AUTHORISED = "01980000-0000-7000-8000-00000000000b"
TRIED = "01980000-0000-7000-8000-000000000001"

MAY_MISS = {"items", "expiration", "notification_url", "redirection_url"}
BILLING = codes("first_name last_name email phone_number street city state country postal_code")
INTENTION: dict[str, Any] = {
    "amount": only_whole,
    "currency": only("AED", "EGP", "SAR", "OMR", "PKR", "USD"),
    "payment_methods": anything,
    "items?": are_items,
    "billing_data": {**dict.fromkeys(BILLING, text()), "email": text(like=r"NA|[^@\s]+@[^@\s]+")},
    "special_reference": text(),
    "expiration?": only(*range(60, 86_401)),
    "notification_url?": URL,
    "redirection_url?": URL,
}


class Refused(Exception):
    def __init__(self, status: int, **body: Any) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


@dataclass
class Account:
    """`tells_all`: the inquiry answers with a list of all, or with the newest alone. `outcome` is that of the next
    capture, refund or void: "success", "pending" or "declined"."""

    intentions: dict[str, dict[str, Any]] = field(default_factory=dict)
    transactions: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    tells_all: bool = True
    outcome: str = "success"
    secret_key: str = CREDENTIALS["secret_key"]
    numbers: Any = field(default_factory=lambda: itertools.count(900_001))

    def answer(self, request: WireRequest) -> WireAnswer:
        try:
            return self._route(request)
        except Refused as refused:
            return WireAnswer(refused.status, refused.body)

    def open(self, reference: str, *, units: int = 1250, currency: str = "AED", auth: bool = False) -> None:
        self.intentions[reference] = {
            "amount": units,
            "currency": currency,
            "payment_methods": [1003 if auth else 1001],
            "order": next(self.numbers),
        }

    def pay(self, reference: str, outcome: str = "success", *, source: tuple[str, str] = ("card", "Visa")) -> Any:
        """The payer's try on the page that is open."""
        opened = self.intentions[reference]
        integration = opened["payment_methods"][0]
        made = self._transaction(reference, opened["amount"], outcome)
        made |= {
            "is_auth": INTEGRATIONS[integration],
            "is_standalone_payment": True,
            "integration_id": integration,
            "source_data": {"type": source[0], "pan": "1111", "sub_type": source[1]},
        }
        self.transactions.append(made)
        return made

    def child(self, parent: dict[str, Any], kind: str, units: int) -> dict[str, Any]:
        made = self._transaction(parent["order"]["merchant_order_id"], units, self.outcome)
        made |= {f"is_{kind}": True, "has_parent_transaction": True, "parent_transaction": parent["id"]}
        self.transactions.append(made)
        if self.outcome == "success":
            _count(parent, kind, units)
        return made

    def of(self, reference: str) -> list[dict[str, Any]]:
        return [one for one in self.transactions if one["order"]["merchant_order_id"] == reference]

    def _transaction(self, reference: str, units: int, outcome: str) -> dict[str, Any]:
        opened = self.intentions[reference]
        messages = {"success": "Approved", "pending": "Pending", "declined": "Do not honour"}
        return {
            "id": next(self.numbers),
            "pending": outcome == "pending",
            "amount_cents": units,
            "success": outcome == "success",
            "is_auth": False,
            "is_capture": False,
            "is_standalone_payment": False,
            "is_voided": False,
            "is_refunded": False,
            "is_3d_secure": True,
            "integration_id": opened["payment_methods"][0],
            "has_parent_transaction": False,
            "order": {
                "id": opened["order"],
                "merchant_order_id": reference,
                "amount_cents": opened["amount"],
                "currency": opened["currency"],
            },
            "created_at": "2026-11-26T10:00:00.000000",
            "currency": opened["currency"],
            "source_data": {"type": "card", "pan": "1111", "sub_type": "Visa"},
            "is_void": False,
            "is_refund": False,
            "data": {"message": messages[outcome], "txn_response_code": outcome.upper()},
            "error_occured": outcome == "declined",
            "refunded_amount_cents": 0,
            "is_captured": False,
            "captured_amount": 0,
            "owner": 500_001,
            "parent_transaction": None,
        }

    def _route(self, request: WireRequest) -> WireAnswer:
        if request.method == "POST" and request.headers.get("content-type") != "application/json":
            raise Refused(415, detail="Unsupported media type.")
        match request.method, request.path:
            case "POST", "/api/auth/tokens":
                return self._token(request)
            case "POST", "/v1/intention/":
                self._check_secret_key(request)
                return WireAnswer(201, self._intend(request.json()))
            case "POST", "/api/ecommerce/orders/transaction_inquiry":
                self._check_token(request)
                return self._inquire(request.json())
            case "GET", "/api/ecommerce/integrations":
                self._check_token(request)
                return WireAnswer(200, {"count": 0, "results": []})
            case "GET", path if path.startswith("/api/acceptance/transactions/"):
                self._check_token(request)
                return WireAnswer(200, self._find(int(path.rpartition("/")[2])))
            case "POST", "/api/acceptance/capture" | "/api/acceptance/void_refund/refund":
                self._check_secret_key(request)
                kind = "capture" if request.path.endswith("capture") else "refund"
                return WireAnswer(201, self._follow_up(kind, request.json(), {"transaction_id", "amount_cents"}))
            case "POST", "/api/acceptance/void_refund/void":
                self._check_secret_key(request)
                return WireAnswer(201, self._follow_up("void", request.json(), {"transaction_id"}))
        raise Refused(404, detail="Not found.")

    def _check_secret_key(self, request: WireRequest) -> None:
        if request.headers.get("authorization") != f"Token {self.secret_key}":
            raise Refused(401, detail="Authentication credentials were not provided.")

    def _check_token(self, request: WireRequest) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            raise Refused(401, detail="incorrect credentials")

    def _token(self, request: WireRequest) -> WireAnswer:
        if "authorization" in request.headers or set(request.json()) != {"api_key"}:
            raise Refused(400, detail="An API key and nothing else.")
        if request.json()["api_key"] != CREDENTIALS["api_key"]:
            raise Refused(401, detail="incorrect credentials")
        token = f"sample-token-{next(self.numbers)}"
        self.tokens.add(token)
        return WireAnswer(201, {"token": token, "profile": {"id": 500_001}})

    def _intend(self, body: dict[str, Any]) -> dict[str, Any]:
        _check_intention(body)
        reference = body["special_reference"]
        if reference in self.intentions:
            raise Refused(400, special_reference=["intention with this special reference already exists."])
        self.open(reference, units=body["amount"], currency=body["currency"])
        self.intentions[reference]["payment_methods"] = body["payment_methods"]
        return {
            "id": f"pi_test_{reference[-4:]}",
            "client_secret": f"are_csk_test_{reference[-4:]}",
            "intention_order_id": self.intentions[reference]["order"],
            "intention_detail": {"amount": body["amount"], "currency": body["currency"]},
            "payment_keys": [{"integration": key, "key": "sample"} for key in body["payment_methods"]],
            "status": "intended",
        }

    def _inquire(self, body: dict[str, Any]) -> WireAnswer:
        if complaint(body, {"merchant_order_id": text()}):
            raise Refused(400, detail="Either merchant_order_id or order_id.")
        found = self.of(body["merchant_order_id"])
        if not found:
            raise Refused(404, detail="Not found.")
        return WireAnswer(200, found if self.tells_all else found[-1])

    def _find(self, key: int) -> dict[str, Any]:
        for one in self.transactions:
            if one["id"] == key:
                return one
        raise Refused(404, detail="Transaction not found")

    def _follow_up(self, kind: str, body: dict[str, Any], known: set[str]) -> dict[str, Any]:
        if set(body) != known or not all(type(value) is int and value > 0 for value in body.values()):
            raise Refused(422, detail="The fields are whole numbers.")
        parent = self._find(body["transaction_id"])
        units = body.get("amount_cents", parent["amount_cents"])
        held = parent["is_auth"] and not parent["captured_amount"]
        taken = parent["captured_amount"] if parent["is_auth"] else parent["amount_cents"]
        left = parent["amount_cents"] if kind != "refund" else taken - parent["refunded_amount_cents"]
        if not parent["success"] or parent["is_voided"] or parent["has_parent_transaction"]:
            raise Refused(400, message="This transaction cannot be changed.")
        if (kind == "capture" and not held) or (kind == "void" and parent["refunded_amount_cents"]):
            raise Refused(400, message="This transaction cannot be changed so.")
        if units > left:
            raise Refused(400, amount_cents=["The amount is more than what is left."])
        return self.child(parent, kind, units)


def answer(request: WireRequest) -> WireAnswer:
    account = Account(tokens=_Any())
    tried = [(TRIED, False)] if "inquiry" in request.path else []
    for reference, auth in [(PAYMENT, False), (AUTHORISED, True), *tried]:
        account.open(reference, auth=auth)
        account.pay(reference)
    return account.answer(request)


class _Any(set[str]):
    """The tokens of earlier books are good in new ones."""

    def __contains__(self, token: object) -> bool:
        return str(token).startswith("sample-token-")


def _count(parent: dict[str, Any], kind: str, units: int) -> None:
    if kind == "capture":
        parent["captured_amount"] += units
        parent["is_captured"] = True
    elif kind == "refund":
        parent["refunded_amount_cents"] += units
        parent["is_refunded"] = parent["refunded_amount_cents"] >= parent["amount_cents"]
    else:
        parent["is_voided"] = True


def _check_intention(body: dict[str, Any]) -> None:
    if wrong := complaint(body, INTENTION):
        raise Refused(400, **{wrong.rpartition(".")[2]: ["Missing, unknown or invalid."]})
    methods = body["payment_methods"]
    if (
        not isinstance(methods, list)
        or not methods
        or not all(type(one) is int and one in INTEGRATIONS for one in methods)
    ):
        raise Refused(404, detail="Integration ID/Name does not exist in our system.")
    if len({INTEGRATIONS[key] for key in methods}) != 1:
        raise Refused(400, integrations=["Some authorise and some do not."])
    if "items" in body and sum(item["amount"] * item["quantity"] for item in body["items"]) != body["amount"]:
        raise Refused(406, detail="unmatched_item_prices", code="unmatched_item_prices")


def notice(transaction: dict[str, Any]) -> bytes:
    """The body of the processed callback."""
    return json.dumps({"type": "TRANSACTION", "obj": transaction}).encode()
