"""N-Genius Online's end of the wire: media types, a token, minor units, and what each payment's state allows.

Every order is kept with what was authorised, captured and given back. `answer`, for a single operation, begins anew
with each call.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from integrations.money import currency_exponent
from integrations.providers.results import Customer, PaymentStatus
from tests.wire import WireAnswer, WireRequest

KEY = "c2FtcGxlLW5vdC1hLWtleTpzYW1wbGUtbm90LWEtc2VjcmV0"
OUTLET = "5a3e1a11-0000-4000-8000-000000000001"
CREDENTIALS = {"api_key": KEY, "outlet_ref": OUTLET, "webhook_secret": "sample-not-a-secret-at-all"}
BAD_CREDENTIALS = {**CREDENTIALS, "api_key": "YW5vdGhlci1zYW1wbGUtbm90LWEta2V5"}
PAYMENT = "00000000-0000-4000-8000-00000000ca97"
AUTHORISED = "00000000-0000-4000-8000-0000000a0740"
CREATED = PaymentStatus.REQUIRES_ACTION
ORDER: dict[str, Any] = {"customer": Customer(name="Test Payer", email="payer@example.com")}

HOST = "https://api-gateway.sandbox.ngenius-payments.com"
TOKEN = "sample.access.token"
IDENTITY, MEDIA = "application/vnd.ni-identity.v1+json", "application/vnd.ni-payment.v2+json"

CREATION = {
    "action", "amount", "language", "merchantOrderReference", "emailAddress", "billingAddress", "merchantAttributes",
    "merchantDefinedData",
}  # fmt: skip
ATTRIBUTES = {"redirectUrl": str, "cancelUrl": str, "cancelText": str, "skipConfirmationPage": bool}
ADDRESS = {"firstName", "lastName", "address1", "address2", "city", "stateCode", "postalCode", "countryCode"}


class Refused(Exception):
    def __init__(self, status: int, message: str, code: str = "invalidRequest") -> None:
        super().__init__(message)
        error = {"message": message, "localizedMessage": message, "errorCode": code, "domain": "transactions"}
        self.answer = WireAnswer(status, {"message": "Bad request", "code": status, "errors": [error]})


@dataclass
class Order:
    """`settled`: the night has passed, after which a purchase is refunded and no longer reversed."""

    reference: str
    action: str
    currency: str
    units: int
    ours: str = ""
    state: str = "STARTED"
    scheme: str = ""
    settled: bool = False
    captures: list[dict[str, Any]] = field(default_factory=list)
    refunds: list[dict[str, Any]] = field(default_factory=list)
    response: dict[str, Any] = field(default_factory=dict)
    sent: dict[str, Any] = field(default_factory=dict)

    @property
    def captured(self) -> int:
        return self.units if self.state == "PURCHASED" else sum(one["amount"]["value"] for one in self.captures)

    @property
    def refunded(self) -> int:
        return sum(one["amount"]["value"] for one in self.refunds if one["state"] == "SUCCESS")

    @property
    def url(self) -> str:
        return f"{HOST}/transactions/outlets/{OUTLET}/orders/{self.reference}"

    @property
    def payment_url(self) -> str:
        return f"{self.url}/payments/{self.payment}"

    @property
    def payment(self) -> str:
        return "00000000-0000-4000-9000-" + self.reference[-12:]


class NGenius:
    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.realm = ""
        self.refund_state = "SUCCESS"
        self.are_union_pay_s = False  # its refunds link their results, not themselves
        self.refunded_of: list[str] = []
        paid = self._add(Order(PAYMENT, "SALE", "AED", 1250, "ours-1"))
        held = self._add(Order(AUTHORISED, "AUTH", "AED", 1250, "ours-2"))
        self.pay(paid.reference)
        self.pay(held.reference)

    def answer(self, request: WireRequest) -> WireAnswer:
        try:
            if request.path == "/identity/auth/access-token":
                return self._token(request)
            self._check(request)
            return self._route(request)
        except Refused as refused:
            return refused.answer

    def pay(self, reference: str, *, scheme: str = "VISA", approved: bool = True) -> Order:
        """What the payer does on the page."""
        order = self.orders[reference]
        order.scheme = scheme
        order.response = {"success": True, "resultCode": "00", "resultMessage": "Successful approval"}
        order.state = {"AUTH": "AUTHORISED", "SALE": "CAPTURED", "PURCHASE": "PURCHASED"}[order.action]
        if not approved:
            order.state = "FAILED"
            order.response = {"success": False, "resultCode": "51", "resultMessage": "Not sufficient funds"}
        elif order.action == "SALE":
            self._capture(order, order.units)
        return order

    def capture_in_the_portal(self, reference: str, units: int) -> None:
        self._capture(self.orders[reference], units)

    def _add(self, order: Order) -> Order:
        self.orders[order.reference] = order
        return order

    def _token(self, request: WireRequest) -> WireAnswer:
        if request.method != "POST" or request.headers.get("content-type") != IDENTITY:
            raise Refused(415, "Unsupported media type.")
        if request.headers.get("authorization") != f"Basic {KEY}":
            raise Refused(401, "Invalid credentials.", "unauthorized")
        body = request.json() if request.body else {}
        if body != ({"realmName": self.realm} if self.realm else {}):
            raise Refused(400, "Unknown realm.")
        token = {"access_token": TOKEN, "expires_in": 300, "token_type": "bearer"}
        return WireAnswer(200, {**token, "refresh_token": "sample.refresh.token", "refresh_expires_in": 1800})

    def _check(self, request: WireRequest) -> None:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refused(401, "The token has expired.", "unauthorized")
        if request.headers.get("accept") != MEDIA:
            raise Refused(406, "Not acceptable.")
        if request.method != "GET" and request.headers.get("content-type") != MEDIA:
            raise Refused(415, "Unsupported media type.")

    def _route(self, request: WireRequest) -> WireAnswer:
        match request.method, request.path.strip("/").split("/"):
            case _, ["transactions", "outlets", outlet, *_] if outlet != OUTLET:
                raise Refused(403, "Access to the outlet is denied.", "forbidden")
            case "POST", ["transactions", "outlets", _, "orders"]:
                return WireAnswer(201, self._create(request.json()))
            case method, ["transactions", "outlets", _, "orders", reference, *rest] if reference in self.orders:
                order = self.orders[reference]
                if rest[:2] not in ([], ["payments", order.payment]):
                    raise Refused(404, "Not found.", "notFound")
                return self._act(order, method, rest[2:], request) if rest else WireAnswer(200, self.document(order))
        raise Refused(404, "Not found.", "notFound")

    def _act(self, order: Order, method: str, rest: list[str], request: WireRequest) -> WireAnswer:
        match method, rest:
            case "POST", ["captures"]:
                self._capture(order, self._amount(order, request.json()), asked=True)
                return WireAnswer(201, self._payment(order))
            case "PUT", ["cancel"] if not request.body:
                self._cancel(order)
                return WireAnswer(200, self._payment(order))
            case "POST", ["captures", capture, "refund"]:
                (taken,) = [one for one in order.captures if one["_links"]["self"]["href"].endswith(capture)] or [None]
                if taken is None:
                    raise Refused(404, "Not found.", "notFound")
                self._refund(order, self._amount(order, request.json()))
                self.refunded_of.append(capture)
                return WireAnswer(201, self._payment(order))
            case "POST", ["refund"] if order.action == "PURCHASE" and order.settled:
                self._refund(order, self._amount(order, request.json()))
                return WireAnswer(201, self._payment(order))
        raise Refused(404, "Not found.", "notFound")

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        _only(body, CREATION)
        if body.get("action") not in ("SALE", "AUTH", "PURCHASE") or body.get("language") not in ("en", "ar", "fr"):
            raise Refused(422, "The action or the language is missing.")
        if not re.fullmatch(r"[a-zA-Z0-9-]{1,37}", body.get("merchantOrderReference", "")):
            raise Refused(422, "merchantOrderReference: 1 to 37 letters, digits and hyphens.")
        _check_attributes(body.get("merchantAttributes", {}))
        _check_payer(body)
        currency, units = _money(body.get("amount"))
        reference = f"00000000-0000-4000-8000-{len(self.orders) + 1:012}"
        order = Order(reference, body["action"], currency, units, body["merchantOrderReference"], sent=body)
        return self.document(self._add(order))

    def _amount(self, order: Order, body: dict[str, Any]) -> int:
        _only(body, {"amount"})
        currency, units = _money(body.get("amount"))
        if currency != order.currency:
            raise Refused(422, "Another currency.")
        return units

    def _capture(self, order: Order, units: int, *, asked: bool = False) -> None:
        if asked and (order.state not in ("AUTHORISED", "PARTIALLY_CAPTURED") or order.captured + units > order.units):
            raise Refused(422, "The capture is more than was authorised.", "captureNotAllowed")
        order.captures.append(self._transaction(order, f"captures/capture-{len(order.captures) + 1}", units, "SUCCESS"))
        order.state = "CAPTURED" if order.captured == order.units else "PARTIALLY_CAPTURED"

    def _cancel(self, order: Order) -> None:
        is_held = order.state == "AUTHORISED" and not order.captures
        if not (is_held or (order.state == "PURCHASED" and not order.settled)):
            raise Refused(422, "The payment cannot be cancelled.", "cancelNotAllowed")
        order.state = "REVERSED"

    def _refund(self, order: Order, units: int) -> None:
        if order.refunded + units > (order.captured if order.captures else order.units):
            raise Refused(422, "The refund is more than was captured.", "refundNotAllowed")
        refund = self._transaction(order, f"refunds/refund-{len(order.refunds) + 1}", units, self.refund_state)
        if self.are_union_pay_s:
            refund["_links"] = {"cnp:china_union_pay_results": {"href": f"{refund['_links']['self']['href']}/results"}}
        order.refunds.append(refund)
        if order.refunded and order.action == "PURCHASE":
            order.state = "REFUNDED" if order.refunded == order.units else "PARTIALLY_REFUNDED"

    def _transaction(self, order: Order, path: str, units: int, state: str) -> dict[str, Any]:
        links = {"self": {"href": f"{order.payment_url}/{path}"}}
        if path.startswith("captures"):
            links["cnp:refund"] = {"href": f"{order.payment_url}/{path}/refund"}
        return {"_links": links, "amount": {"currencyCode": order.currency, "value": units}, "state": state}

    def document(self, order: Order) -> dict[str, Any]:
        links = {"self": {"href": order.url}, "tenant-brand": {"href": "http://config-service/config/tenant-brand"}}
        if order.state == "STARTED":
            links["payment"] = {"href": f"https://paypage.sandbox.ngenius-payments.com/?code={order.reference[-12:]}"}
        return {
            "_id": f"urn:order:{order.reference}",
            "_links": links,
            "type": "SINGLE",
            "action": order.action,
            "amount": {"currencyCode": order.currency, "value": order.units},
            "language": "en",
            "merchantOrderReference": order.ours,
            "reference": order.reference,
            "outletId": OUTLET,
            "_embedded": {"payment": [self._payment(order)]},
        }

    def _payment(self, order: Order) -> dict[str, Any]:
        payment: dict[str, Any] = {
            "_id": f"urn:payment:{order.payment}",
            "_links": self._links(order),
            "state": order.state,
            "amount": {"currencyCode": order.currency, "value": order.units},
            "orderReference": order.reference,
            "updateDateTime": "2026-11-20T10:00:00.123Z",
        }
        if order.scheme:
            payment["paymentMethod"] = {"name": order.scheme, "pan": "411111******1111"}
            payment["savedCard"] = {"maskedPan": "411111******1111", "cardToken": "sample-not-a-card-token"}
            payment["authResponse"] = order.response
        parts = {"cnp:capture": order.captures, "cnp:refund": order.refunds}
        payment["_embedded"] = {name: list(several) for name, several in parts.items() if several}
        return payment

    def _links(self, order: Order) -> dict[str, Any]:
        links = {"self": order.payment_url}
        if order.state == "AUTHORISED":
            links |= {"cnp:capture": f"{order.payment_url}/captures", "cnp:cancel": f"{order.payment_url}/cancel"}
        if order.action == "PURCHASE" and order.state in ("PURCHASED", "PARTIALLY_REFUNDED"):
            way_back = {"cnp:refund": f"{order.payment_url}/refund"}
            links |= way_back if order.settled else {"cnp:cancel": f"{order.payment_url}/cancel"}
        return {name: {"href": href} for name, href in links.items()}


def answer(request: WireRequest) -> WireAnswer:
    return NGenius().answer(request)


def _only(fields: dict[str, Any], known: set[str]) -> None:
    if unknown := set(fields) - known:
        raise Refused(422, f"Unknown fields: {sorted(unknown)}")


def _check_attributes(attributes: dict[str, Any]) -> None:
    _only(attributes, set(ATTRIBUTES))
    if not all(type(value) is ATTRIBUTES[name] for name, value in attributes.items()):
        raise Refused(422, "merchantAttributes: of another type.")
    if not all(url.startswith(("http://", "https://")) for name, url in attributes.items() if name.endswith("Url")):
        raise Refused(422, "merchantAttributes: not an address.")


def _check_payer(body: dict[str, Any]) -> None:
    """Marked as mandatory in https://docs.ngenius-payments.com/reference/list-of-order-input-attributes"""
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", body.get("emailAddress", "")):
        raise Refused(422, "emailAddress is missing.")
    address, data = body.get("billingAddress", {}), body.get("merchantDefinedData", {})
    _only(address, ADDRESS)
    if address and not (address.get("firstName") and address.get("lastName")):
        raise Refused(422, "billingAddress: firstName and lastName are mandatory.")
    if not isinstance(data, dict) or not all(isinstance(text, str) for text in (*address.values(), *data.values())):
        raise Refused(422, "billingAddress and merchantDefinedData hold texts.")
    if not re.fullmatch(r"[A-Z]{2}", address.get("countryCode", "AE")):
        raise Refused(422, "billingAddress: countryCode is ISO 3166-1 alpha-2.")


def _money(amount: Any) -> tuple[str, int]:
    if not isinstance(amount, dict) or set(amount) != {"currencyCode", "value"}:
        raise Refused(422, "An amount has a currencyCode and a value.")
    units = amount["value"]
    if type(units) is not int or units <= 0:
        raise Refused(422, "The value is not in minor units.")
    currency_exponent(amount["currencyCode"])
    return amount["currencyCode"], units
