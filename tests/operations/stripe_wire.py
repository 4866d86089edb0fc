"""Stripe's end of the wire, as far as operations need it: it remembers payment intents, keys and refunds."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from integrations.models import Connection, Organization
from tests.factories import ConnectionFactory
from tests.wire import WireAnswer, WireRequest, WireServer

Override = Callable[[WireRequest], WireAnswer | None]
_ids = itertools.count(1)


@dataclass
class StripeWire:
    """Answers as Stripe does; `override` may answer instead. `charges` counts the intents that were really made."""

    override: Override = lambda request: None
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)
    refunds: list[dict[str, Any]] = field(default_factory=list)
    answered: dict[str, dict[str, Any]] = field(default_factory=dict)
    webhooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    url: str = ""
    lose_answers: bool = False
    server: WireServer | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def charges(self) -> int:
        return len(self.intents)

    def calls(self, method: str, ending: str = "") -> list[WireRequest]:
        assert self.server is not None
        return [call for call in self.server.requests if call.method == method and call.path.endswith(ending)]

    def answer(self, request: WireRequest) -> WireAnswer:
        if (other := self.override(request)) is not None:
            return other
        if not request.headers.get("authorization", "").startswith("Bearer sk_test_"):
            return refuses_the_key(request)
        with self._lock:
            answer = self._answer(request)
        if self.lose_answers and request.method == "POST":
            return _error(500, "api_error", "Something broke after the work was done.")
        return answer

    def _answer(self, request: WireRequest) -> WireAnswer:
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["v1", "balance"]:
                return WireAnswer(200, {"object": "balance"})
            case "GET", ["v1", "payment_intents"]:
                return WireAnswer(200, {"object": "list", "data": [*self.intents.values()][:1]})
            case "GET", ["v1", "payment_intents", key] if key in self.intents:
                return WireAnswer(200, self.intents[key])
            case "GET", ["v1", "webhook_endpoints"]:
                return WireAnswer(200, {"object": "list", "data": [*self.webhooks.values()]})
            case "DELETE", ["v1", "webhook_endpoints", key]:
                return WireAnswer(200, {"id": self.webhooks.pop(key)["id"], "deleted": True})
            case "POST", ["v1", *rest]:
                key = request.headers["idempotency-key"]
                if key not in self.answered:
                    self.answered[key] = self._do(rest, request.form)
                return WireAnswer(200, self.answered[key])
        return _error(404, "invalid_request_error", "No such resource.")

    def _do(self, path: list[str], form: dict[str, str]) -> dict[str, Any]:
        match path:
            case ["payment_intents"]:
                return self._create(form)
            case ["payment_intents", key, "capture"]:
                return self._capture(self.intents[key], int(form["amount_to_capture"]))
            case ["payment_intents", key, "cancel"]:
                self.intents[key]["status"] = "canceled"
                return dict(self.intents[key])
            case ["refunds"]:
                return self._refund(self.intents[form["payment_intent"]], int(form["amount"]))
            case ["webhook_endpoints"]:
                key = f"we_{next(_ids):06}"
                self.webhooks[key] = {"id": key, "object": "webhook_endpoint", "url": form["url"]}
                return {**self.webhooks[key], "secret": f"whsec_issued_sample_{key}"}
        raise AssertionError(path)

    def _create(self, form: dict[str, str]) -> dict[str, Any]:
        amount = int(form["amount"])
        intent = {
            "id": f"pi_{next(_ids):06}",
            "object": "payment_intent",
            "amount": amount,
            "amount_received": 0,
            "currency": form["currency"],
            "status": "requires_payment_method",
            "client_secret": "pi_sample_secret_not_a_secret",
            "metadata": {key[9:-1]: value for key, value in form.items() if key.startswith("metadata[")},
            "latest_charge": None,
        }
        self.intents[intent["id"]] = intent
        if form.get("confirm") == "true":
            self.confirm(intent["id"], capture=form["capture_method"] == "automatic")
        return dict(intent)

    def confirm(self, key: str, *, capture: bool = True) -> dict[str, Any]:
        intent = self.intents[key]
        intent["status"] = "requires_capture"
        intent["latest_charge"] = {"object": "charge", "amount_refunded": 0, "disputed": False}
        return self._capture(intent, intent["amount"]) if capture else dict(intent)

    def _capture(self, intent: dict[str, Any], units: int) -> dict[str, Any]:
        intent.update(status="succeeded", amount_received=units)
        return dict(intent)

    def _refund(self, intent: dict[str, Any], units: int) -> dict[str, Any]:
        intent["latest_charge"]["amount_refunded"] += units
        refund = {"id": f"re_{next(_ids):06}", "object": "refund", "amount": units, "currency": intent["currency"]}
        self.refunds.append(refund)
        return {**refund, "status": "succeeded"}


def _error(status: int, kind: str, message: str, **more: Any) -> WireAnswer:
    return WireAnswer(status, {"error": {"type": kind, "message": message, **more}})


def declined(request: WireRequest) -> WireAnswer | None:
    """Stripe's answer to a card that its issuer refuses."""
    if request.method != "POST":
        return None
    intent = {
        "id": f"pi_{next(_ids):06}",
        "amount": int(request.form["amount"]),
        "currency": request.form["currency"],
        "status": "requires_payment_method",
        "last_payment_error": {"code": "card_declined", "decline_code": "insufficient_funds", "message": "No funds."},
    }
    return _error(402, "card_error", "No funds.", code="card_declined", payment_intent=intent)


def fails(status: int) -> Override:
    """Every call that would change something is refused with `status`."""
    return lambda request: _error(status, "api_error", "Not now.") if request.method == "POST" else None


def refuses_the_key(request: WireRequest) -> WireAnswer:
    return _error(401, "invalid_request_error", "Invalid API Key provided.")


@contextmanager
def stripe_wire(override: Override = lambda request: None) -> Iterator[StripeWire]:
    wire = StripeWire(override)
    with WireServer(wire.answer) as server:
        wire.server, wire.url = server, server.url
        yield wire


def connect(organization: Organization, wire: StripeWire, **fields: Any) -> Connection:
    """An active connection of `organization` to `wire`."""
    fields = {"configuration": {"base_url": wire.url}, "credentials": {"api_key": "sk_test_sample_not_a_key"}, **fields}
    return ConnectionFactory(organization=organization, **fields)
