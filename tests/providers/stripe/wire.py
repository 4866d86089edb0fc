"""Stripe's end of the wire, as strict as its documentation and as the official package's types: it keeps the books.

`answer` is a fresh one for each request, with a payment of 12.50 dirhams that was captured, and one that is authorised.
A `StripeEnd` remembers, for whole stories.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.wire import WireAnswer, WireRequest

from .parameters import Undocumented, check_request

CREDENTIALS = {"api_key": "sk_test_sample_not_a_key", "webhook_secret": "whsec_sample_not_a_secret"}
BAD_CREDENTIALS = {"api_key": "sk_test_another_not_a_key"}
RESTRICTED = {"api_key": "rk_test_sample_that_sees_no_fees"}
PAYMENT_TOKEN = "pm_card_visa"
ORDER = {"payment_token": PAYMENT_TOKEN}
PAYMENT, AUTHORISED = "pi_sample", "pi_sample_authorised"
# https://docs.stripe.com/testing
DECLINED, CHALLENGED, SLOW = "pm_card_visa_chargeDeclined", "pm_card_authenticationRequired", "pm_bank_of_days"

_AT_RATE = {"aed": 1.0, "usd": 3.67}  # the account settles in dirhams
_EXPANDED_BY = {"payment_intent": "intents", "latest_charge": "charges", "balance_transaction": "transactions"}
Object = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: int, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": "invalid_request_error", "message": message, **details}}


class Declined(Refused):
    def __init__(self, failure: Object, intent: Object) -> None:
        super().__init__(402, failure["message"])
        self.body = {"error": {**failure, "payment_intent": intent}}


def answer(request: WireRequest) -> WireAnswer:
    return StripeEnd().answer(request)


@dataclass
class StripeEnd:
    account: str = ""  # the connected account that every call is to be about
    intents: dict[str, Object] = field(default_factory=dict)
    charges: dict[str, Object] = field(default_factory=dict)
    transactions: dict[str, Object] = field(default_factory=dict)
    sessions: dict[str, Object] = field(default_factory=dict)
    webhooks: dict[str, Object] = field(default_factory=dict)
    refunds: list[Object] = field(default_factory=list)
    refund_status: str = "succeeded"
    answered: dict[str, tuple[bytes, WireAnswer]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ids = itertools.count(1)
        common: Object = {"amount": 1250, "currency": "aed"}
        self._confirm(self._intent(PAYMENT, **common, capture_method="automatic"), {"type": "card", "card": {}})
        self._confirm(self._intent(AUTHORISED, **common, capture_method="manual"), {"type": "card", "card": {}})

    # What the payer does.

    def pay(self, session: str, *, wallet: str = "", token: str = PAYMENT_TOKEN) -> Object:
        """On the page; returns the intent, which is made by the first try."""
        page = self.sessions[session]
        assert page["status"] == "open"
        if page["payment_intent"] is None:
            told = page["_intent"]
            made = self._intent(f"pi_{next(self._ids)}", amount=page["amount_total"], currency=page["currency"], **told)
            page["payment_intent"] = made["id"]
        intent = self.intents[page["payment_intent"]]
        self._try(intent, token, wallet)
        if intent["last_payment_error"] is None:
            paid = "paid" if intent["status"] == "succeeded" else "unpaid"
            page.update(status="complete", payment_status=paid, url=None)
        return intent

    def expire(self, session: str) -> None:
        self.sessions[session].update(status="expired", url=None)

    # What is asked of Stripe.

    def answer(self, request: WireRequest) -> WireAnswer:
        try:
            key = self._check(request)
            if key in self.answered:
                return self._again(key, request)
            told = WireAnswer(200, self._shown(self._route(request), request))
        except Refused as refused:
            return WireAnswer(refused.status, refused.body)
        if key:
            self.answered[key] = (_fingerprint(request), told)
        return told

    def _check(self, request: WireRequest) -> str:
        """Returns the idempotency key."""
        of_webhooks = request.path.startswith("/v1/webhook_endpoints")
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if key not in (CREDENTIALS["api_key"], RESTRICTED["api_key"]):
            raise Refused(401, "Invalid API Key provided.")
        if request.headers.get("stripe-account", "") != ("" if of_webhooks else self.account):
            raise Refused(403, "The key does not have access to this account.", code="account_invalid")
        if request.headers.get("stripe-version") != "2026-10-28.endive":
            raise Refused(400, "The version is not pinned.")
        if key == RESTRICTED["api_key"] and "balance_transaction" in str([*_asked(request)]):
            raise Refused(403, "Having the 'rak_balance_transaction_read' permission would allow this.")
        try:
            check_request(request)
        except Undocumented as unknown:
            raise Refused(400, str(unknown), code="parameter_unknown", param=unknown.name) from unknown
        return self._idempotency_key(request) if request.method == "POST" else ""

    def _idempotency_key(self, request: WireRequest) -> str:
        key = request.headers.get("idempotency-key", "")
        if not 1 <= len(key) <= 255:
            raise Refused(400, "No idempotency key.")
        if request.body and request.headers.get("content-type") != "application/x-www-form-urlencoded":
            raise Refused(400, "The body is not form-encoded.")
        return key

    def _again(self, key: str, request: WireRequest) -> WireAnswer:
        asked, told = self.answered[key]
        if asked != _fingerprint(request):
            details = {"type": "idempotency_error"}
            return WireAnswer(400, {"error": {**details, "message": "Keys can only be used with the same parameters."}})
        return told

    def _route(self, request: WireRequest) -> Object:
        form = request.form if request.method == "POST" else {}
        match request.method, request.path.strip("/").split("/")[1:]:
            case "GET", ["balance"]:
                return {"object": "balance", "available": [], "livemode": False, "pending": []}
            case "POST", ["payment_intents"]:
                return self._create(form)
            case "GET", ["payment_intents"]:
                limit = int(request.query["limit"])
                url, rows = "/v1/payment_intents", [*self.intents.values()]
                return {"object": "list", "data": rows[:limit], "has_more": len(rows) > limit, "url": url}
            case "GET", ["payment_intents", key]:
                return _known(self.intents, key)
            case "POST", ["payment_intents", key, "capture"]:
                return self._capture(_known(self.intents, key), form)
            case "POST", ["payment_intents", key, "cancel"]:
                return self._cancel(_known(self.intents, key))
            case "POST", ["refunds"]:
                return self._refund(form)
            case "POST", ["checkout", "sessions"]:
                return self._open(form)
            case "GET", ["checkout", "sessions", key]:
                return _known(self.sessions, key)
            case "POST", ["checkout", "sessions", key, "expire"]:
                return self._expire(_known(self.sessions, key))
            case "GET", ["webhook_endpoints"]:
                return {"object": "list", "data": [_without_secret(one) for one in self.webhooks.values()]}
            case "POST", ["webhook_endpoints"]:
                return self._register(form)
            case "DELETE", ["webhook_endpoints", key]:
                _known(self.webhooks, key)
                del self.webhooks[key]
                return {"id": key, "object": "webhook_endpoint", "deleted": True}
        raise Refused(404, f"Unrecognized request URL ({request.method}: {request.path}).", code="resource_missing")

    def _create(self, form: dict[str, str]) -> Object:
        if form["currency"] != form["currency"].lower() or form["amount"] == "0":
            raise Refused(400, "The currency is not in lower case, or there is no amount.", param="currency")
        _check_units(form["currency"], int(form["amount"]))
        told = {"currency": form["currency"], "capture_method": form["capture_method"], "metadata": _metadata(form)}
        intent = self._intent(f"pi_{next(self._ids)}", amount=int(form["amount"]), **told)
        if form.get("confirm") != "true":
            return intent
        if "return_url" not in form and form.get("allowed_payment_method_types[0]") != "card":
            raise Refused(400, "A return_url is needed where methods may redirect.", param="return_url")
        self._try(intent, form["payment_method"], "", way_back=form.get("return_url"))
        if failure := intent["last_payment_error"]:
            raise Declined(failure, intent)
        return intent

    def _try(self, intent: Object, token: str, wallet: str, *, way_back: str | None = None) -> None:
        intent["last_payment_error"] = None
        if token == DECLINED:
            error = {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}
            failure = {**error, "message": "Your card has insufficient funds."}
            intent.update(status="requires_payment_method", last_payment_error=failure)
        elif token == CHALLENGED:
            page = {"return_url": way_back, "url": "https://hooks.stripe.com/3d_secure_2/hosted?sample"}
            to = {"type": "redirect_to_url", "redirect_to_url": page} if way_back else {"type": "use_stripe_sdk"}
            intent.update(status="requires_action", next_action=to)
        elif token == SLOW:
            intent.update(status="processing")
        elif token.startswith("pm_"):
            self._confirm(intent, {"type": "card", "card": {"wallet": {"type": wallet} if wallet else None}})
        else:
            raise Refused(400, "No such PaymentMethod.", code="resource_missing", param="payment_method")

    def _intent(self, key: str, **told: Any) -> Object:
        fresh = {"object": "payment_intent", "status": "requires_payment_method", "amount_received": 0}
        rest: Object = {"next_action": None, "latest_charge": None, "last_payment_error": None, "metadata": {}}
        self.intents[key] = {"id": key, **fresh, **rest, "client_secret": f"{key}_secret_sample", **told}
        return self.intents[key]

    def _confirm(self, intent: Object, details: Object) -> None:
        key = f"ch_{next(self._ids)}"
        known = {"amount": intent["amount"], "currency": intent["currency"], "metadata": intent["metadata"]}
        state = {"amount_refunded": 0, "disputed": False, "refunded": False, "balance_transaction": None}
        self.charges[key] = {"id": key, "object": "charge", **known, **state, "payment_method_details": details}
        intent.update(status="requires_capture", latest_charge=key)
        if intent["capture_method"] == "automatic":
            self._take(intent, intent["amount"])

    def _take(self, intent: Object, units: int) -> None:
        rate = _AT_RATE.get(intent["currency"], 1.0)
        gross = int(units * rate)
        key = f"txn_{next(self._ids)}"
        told = {"amount": gross, "currency": "aed", "fee": gross * 29 // 1000 + 100}
        self.transactions[key] = {**told, "id": key, "exchange_rate": None if rate == 1.0 else rate}
        self.charges[intent["latest_charge"]].update(balance_transaction=key, captured=True, amount_captured=units)
        intent.update(status="succeeded", amount_received=units)

    def _capture(self, intent: Object, form: dict[str, str]) -> Object:
        units = int(form.get("amount_to_capture") or intent["amount"])
        if intent["status"] != "requires_capture" or not 0 < units <= intent["amount"]:
            raise Refused(400, "It cannot be captured.", code="payment_intent_unexpected_state")
        self._take(intent, units)
        return intent

    def _cancel(self, intent: Object) -> Object:
        of_a_page = any(page["payment_intent"] == intent["id"] for page in self.sessions.values())
        if intent["status"] in ("succeeded", "canceled") or (of_a_page and intent["status"] != "requires_capture"):
            raise Refused(400, "It cannot be canceled.", code="payment_intent_unexpected_state")
        intent["status"] = "canceled"
        return intent

    def _refund(self, form: dict[str, str]) -> Object:
        intent = _known(self.intents, form["payment_intent"])
        charge = self.charges.get(intent["latest_charge"] or "", {"amount_refunded": 0})
        left = intent["amount_received"] - charge["amount_refunded"]
        units = int(form.get("amount") or left)
        if not 0 < units <= left:
            raise Refused(400, "Refund amount is greater than unrefunded amount on charge.", code="charge_invalid")
        charge["amount_refunded"] += units if self.refund_status != "failed" else 0
        state = {"status": self.refund_status, "failure_reason": "lost_or_stolen_card"}
        if self.refund_status != "failed":
            state["failure_reason"] = ""
        known = {"object": "refund", "amount": units, "currency": intent["currency"], "payment_intent": intent["id"]}
        known["charge"] = charge.get("id", "")
        self.refunds.append({"id": f"re_{next(self._ids)}", **known, **state})
        return self.refunds[-1]

    def _open(self, form: dict[str, str]) -> Object:
        if form.get("mode") != "payment" or "success_url" not in form:
            raise Refused(400, "A page of a payment has a success_url.", param="success_url")
        total, currency = _total(form)
        about = {"capture_method": form["payment_intent_data[capture_method]"]}
        key = f"cs_test_{next(self._ids)}"
        page = {"url": f"https://checkout.stripe.com/c/pay/{key}", "status": "open", "payment_status": "unpaid"}
        named: Object = {"client_reference_id": form.get("client_reference_id"), "metadata": {}, "payment_intent": None}
        told = {**about, "metadata": _metadata(form, "payment_intent_data[metadata]")}
        known = {"id": key, "object": "checkout.session", "amount_total": total, "currency": currency}
        self.sessions[key] = {**known, **page, **named, "client_secret": None, "_intent": told}
        return self.sessions[key]

    def _expire(self, session: Object) -> Object:
        if session["status"] != "open":
            raise Refused(400, 'Only Checkout Sessions with a status in ["open"] can be expired.')
        self.expire(session["id"])
        return session

    def _register(self, form: dict[str, str]) -> Object:
        if "url" not in form or "enabled_events[0]" not in form or len(self.webhooks) >= 16:
            raise Refused(400, "An endpoint has an address and events, and there are 16 at most.", param="url")
        number = next(self._ids)
        known = {"id": f"we_{number}", "object": "webhook_endpoint", "url": form["url"], "status": "enabled"}
        events = [value for name, value in form.items() if name.startswith("enabled_events")]
        told = {"enabled_events": events, "api_version": form.get("api_version"), "connect": form.get("connect")}
        self.webhooks[known["id"]] = {**known, **told, "secret": f"whsec_issued_sample_{number}"}
        return self.webhooks[known["id"]]

    def _shown(self, told: Object, request: WireRequest) -> Object:
        """A copy, as things are now, with what was asked to be expanded."""
        shown: Object = json.loads(json.dumps({name: value for name, value in told.items() if name[0] != "_"}))
        for asked in _asked(request):
            self._expand(shown, asked.split("."))
        return shown

    def _expand(self, into: Object, names: list[str]) -> None:
        name = names[0]
        if name == "refunds" and into.get("object") == "charge":  # includable: not in the charge unless it is asked for
            of_it = [refund for refund in self.refunds if refund["charge"] == into["id"]]
            into[name] = {
                "object": "list",
                "data": json.loads(json.dumps(of_it[::-1][:10])),
                "has_more": len(of_it) > 10,
            }
            return
        if name not in into:
            raise Refused(400, f"This property cannot be expanded ({name}).", param="expand")
        if isinstance(into[name], str):
            into[name] = json.loads(json.dumps(getattr(self, _EXPANDED_BY[name])[into[name]]))
        if into[name] is not None and names[1:]:
            self._expand(into[name], names[1:])


def _known(things: dict[str, Object], key: str) -> Object:
    if key not in things:
        raise Refused(404, f"No such object: '{key}'", code="resource_missing")
    return things[key]


def _without_secret(endpoint: Object) -> Object:
    """It is told once, as the endpoint is made."""
    return {name: value for name, value in endpoint.items() if name != "secret"}


def _asked(request: WireRequest) -> list[str]:
    sent = request.body.decode() if request.method == "POST" else request.raw_query
    return [value for name, value in parse_qsl(sent) if name.startswith("expand")]


def _fingerprint(request: WireRequest) -> bytes:
    return request.path.encode() + b"?" + request.body


def _metadata(form: dict[str, str], prefix: str = "metadata") -> dict[str, str]:
    start = f"{prefix}["
    return {name[len(start) : -1]: value for name, value in form.items() if name.startswith(start)}


def _total(form: dict[str, str]) -> tuple[int, str]:
    total, currencies = 0, set()
    for number in range(100):
        item = f"line_items[{number}]"
        if f"{item}[quantity]" not in form:
            break
        units = int(form[f"{item}[price_data][unit_amount]"])
        currencies.add(form[f"{item}[price_data][currency]"])
        _check_units(form[f"{item}[price_data][currency]"], units)
        total += units * int(form[f"{item}[quantity]"])
    if len(currencies) != 1 or not total:
        raise Refused(400, "The lines are of one currency, and cost something.", param="line_items")
    return total, currencies.pop()


def _check_units(currency: str, units: int) -> None:
    """https://docs.stripe.com/currencies#special-cases"""
    if currency != currency.lower():
        raise Refused(400, "The currency is not in lower case.", param="currency")
    if currency in ("bhd", "jod", "kwd", "omr", "tnd") and units % 10:
        raise Refused(400, "The last digit of a currency with three decimals is 0.", param="amount")
