"""PayPal's end of the wire: its own OpenAPI documents refuse what they forbid, its books what is out of turn.

`answer` is one that has three orders: captured, authorised, and approved by its payer; each call finds them untouched.
"""

from __future__ import annotations

import base64
import copy
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from integrations.providers.results import PaymentStatus
from tests.wire import WireAnswer, WireRequest

from .books import Books, Refused
from .document import Undocumented, check_answer, check_request

CREDENTIALS = {
    "client_id": "sample_client_id_not_a_real_one",
    "client_secret": "sample_client_secret_not_a_real_one",
    "webhook_secret": "1JE4291016473214C",
}
BAD_CREDENTIALS = {**CREDENTIALS, "client_secret": "another_client_secret_not_a_real_one"}
CURRENCY = "USD"
CREATED = PaymentStatus.REQUIRES_ACTION
ORDER = {"success_url": "https://hub.example/pay/1/return/", "cancel_url": "https://hub.example/pay/1/cancel/"}
PAYMENT, AUTHORISED, APPROVED = "0CAPTURED0000001", "0AUTHORISED00001", "0APPROVED0000001"

Override = Callable[[WireRequest], WireAnswer | None]
_ACCESS = "A21AA_sample_not_a_token"  # with a number after it
_tokens = itertools.count(1)


@dataclass
class PayPalWire:
    """`lose_answers`: what is asked for is done, and answered as a failure. `done` counts what was really done."""

    books: Books = field(default_factory=Books)
    override: Override = lambda request: None
    lose_answers: bool = False
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    answered: dict[tuple[str, str], tuple[bytes, WireAnswer]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: WireRequest) -> WireAnswer:
        if (other := self.override(request)) is not None:
            return other
        try:
            if request.path == "/v1/oauth2/token":
                return _token(request)
            self._check(request)
            with self._lock:
                answer = self._once(request)
        except Undocumented as error:
            return _refusal(Refused(400, "INVALID_REQUEST", "INVALID_PARAMETER_VALUE", str(error)))
        except Refused as refused:
            return _refusal(refused)
        check_answer(request, answer)
        if self.lose_answers and request.method == "POST":
            return _refusal(Refused(500, "INTERNAL_SERVER_ERROR"))
        return answer

    def _check(self, request: WireRequest) -> None:
        if not request.headers.get("authorization", "").startswith(f"Bearer {_ACCESS}"):
            raise Refused(401, "AUTHENTICATION_FAILURE")
        if request.method == "POST" and request.headers.get("content-type") != "application/json":
            raise Refused(415, "UNSUPPORTED_MEDIA_TYPE")
        if (
            request.path.startswith("/v2/")
            and request.method == "POST"
            and not request.headers.get("paypal-request-id")
        ):
            raise Refused(400, "INVALID_REQUEST", "PAYPAL_REQUEST_ID_REQUIRED")
        check_request(request)

    def _once(self, request: WireRequest) -> WireAnswer:
        """What was asked for under the same key before is answered as then; voids have no keys."""
        key = (request.path, request.headers.get("paypal-request-id", ""))
        is_keyed = request.method == "POST" and key[1] != "" and not request.path.endswith("/void")
        if is_keyed and key in self.answered:
            body, answer = self.answered[key]
            if body != request.body:
                raise Refused(422, "UNPROCESSABLE_ENTITY", "PAYPAL_REQUEST_ID_OF_ANOTHER_REQUEST")
            return answer
        try:
            status, document = self._do(request)
        except Refused as refused:
            if is_keyed and refused.status == 422:
                self.answered[key] = (request.body, _refusal(refused))
            raise
        if request.method == "POST":
            kind = request.path.rpartition("/")[2]
            self.done[kind] = self.done.get(kind, 0) + 1
            if request.headers.get("prefer") != "return=representation":
                document = {name: document[name] for name in ("id", "status", "url", "event_types") if name in document}
        answer = WireAnswer(status, copy.deepcopy(document))
        if is_keyed:
            self.answered[key] = (request.body, answer)
        return answer

    def _do(self, request: WireRequest) -> tuple[int, dict[str, Any]]:
        match request.method, request.path.strip("/").split("/")[1:]:
            case "GET", ["notifications", "webhooks"]:
                return 200, {"webhooks": self.webhooks}
            case "POST", ["notifications", "webhooks"]:
                return 201, self._register(request.json())
            case "POST", ["checkout", "orders"]:
                return 201, self.books.create(request.json())
            case "GET", ["checkout", "orders", key]:
                return 200, self.books.order(key)
            case "POST", ["checkout", "orders", key, "capture" | "authorize" as action]:
                return 201, self.books.complete(key, action)
            case "POST", ["payments", "authorizations", key, "capture"]:
                return 201, self.books.capture(key, request.json())
            case "POST", ["payments", "authorizations", key, "void"]:
                return 200, self.books.void(key)
            case "POST", ["payments", "captures", key, "refund"]:
                return 201, self.books.refund(key, request.json())
        raise Refused(404, "RESOURCE_NOT_FOUND")

    def _register(self, given: dict[str, Any]) -> dict[str, Any]:
        if any(webhook["url"] == given["url"] for webhook in self.webhooks):
            raise Refused(400, "WEBHOOK_URL_ALREADY_EXISTS", description="Webhook URL already exists")
        self.webhooks.append({"id": f"0EH40505U7160970{len(self.webhooks)}", **given})
        return self.webhooks[-1]


def answer(request: WireRequest) -> WireAnswer:
    wire = PayPalWire()
    for reference, intent in ((PAYMENT, "CAPTURE"), (AUTHORISED, "AUTHORIZE"), (APPROVED, "CAPTURE")):
        unit = {
            "amount": {"currency_code": "USD", "value": "12.50"},
            "custom_id": "01980000-0000-7000-8000-000000000001",
        }
        wire.books.create({"intent": intent, "purchase_units": [unit]}, reference)
        wire.books.approve(reference)
    wire.books.complete(PAYMENT, "capture")
    wire.books.complete(AUTHORISED, "authorize")
    return wire.answer(request)


def _token(request: WireRequest) -> WireAnswer:
    pair = f"{CREDENTIALS['client_id']}:{CREDENTIALS['client_secret']}".encode()
    if request.headers.get("authorization") != "Basic " + base64.b64encode(pair).decode():
        return WireAnswer(401, {"error": "invalid_client", "error_description": "Client Authentication failed"})
    if request.headers.get("content-type") != "application/x-www-form-urlencoded":
        return WireAnswer(415, {"error": "unsupported_media_type"})
    if request.form != {"grant_type": "client_credentials"}:
        return WireAnswer(400, {"error": "unsupported_grant_type", "error_description": "Grant Type is NULL"})
    given = {"token_type": "Bearer", "expires_in": 32400, "scope": "https://uri.paypal.com/services/payments/payment"}
    return WireAnswer(200, {"access_token": f"{_ACCESS}{next(_tokens)}", **given})


def _refusal(refused: Refused) -> WireAnswer:
    return WireAnswer(refused.status, refused.body)
