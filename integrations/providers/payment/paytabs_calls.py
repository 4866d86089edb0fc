"""What PayTabs is sent, and how its answers are taken."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ...errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidRequest,
    InvalidResponse,
    NotSupported,
    Rejected,
    Unavailable,
)
from ...money import check_decimals, currency_exponent
from ..base import Answer, Client
from ..before_changes import changes_nothing
from ..results import Address, Customer, PaymentRequest
from .paytabs_reading import UNDECIDED, Cart, Transaction, read_transaction

METHODS = {
    "card": "creditcard",
    "mada": "mada",
    "knet": "knet",
    "omannet": "omannet",
    "meeza": "meeza",
    "valu": "valu",
    "stc_pay": "stcpay",
    "apple_pay": "applepay",
    "samsung_pay": "samsungpay",
    "paypal": "paypal",
}
# The official WooCommerce plugin authorises by these alone.
AUTHORISING = frozenset({"card", "mada", "meeza", "apple_pay"})
BAD_KEY, DUPLICATE = "1", "4"
MISCONFIGURED = frozenset({BAD_KEY, "2"})
_LONGEST_ADDRESS = 255
_LONGEST_DESCRIPTION = 128


def profile_of(configuration: Mapping[str, Any]) -> int:
    """Raises ConfigurationError where the connection has none."""
    profile = str(configuration.get("profile_id") or "")
    if not profile:
        raise ConfigurationError("The connection's configuration has no {key!r}.", key="profile_id")
    return int(profile)


def creation(configuration: Mapping[str, Any], request: PaymentRequest) -> dict[str, Any]:
    """Raises InvalidRequest for what PayTabs would refuse."""
    if not request.capture and request.method in set(METHODS) - AUTHORISING:
        raise NotSupported("{method} cannot be authorised and captured later.", method=request.method, field="capture")
    exponent = currency_exponent(request.currency)
    body: dict[str, Any] = {
        "profile_id": profile_of(configuration),
        "tran_type": "sale" if request.capture else "auth",
        "tran_class": "ecom",
        "cart_id": request.payment_id,
        "cart_currency": request.currency,
        "cart_amount": check_decimals(request.amount, request.currency, exponent),
        "cart_description": request.title[:_LONGEST_DESCRIPTION],
        "paypage_lang": "ar" if request.language == "ar" else "en",
        "hide_shipping": True,
        "return": _address(request.success_url),
        # Elsewhere than to https PayTabs sends an empty body.
        "callback": _address(request.webhook_url) if request.webhook_url.startswith("https://") else "",
        "payment_token": request.payment_token,
        "customer_details": _person(request.customer, request.billing_address),
    }
    if request.shipping_address != Address():
        body["shipping_details"] = _person(request.customer, request.shipping_address)
    if request.method:
        body["payment_methods"] = [_method(request.method)]
    return {name: value for name, value in body.items() if value not in ("", {})}


def _address(url: str) -> str:
    if len(url) > _LONGEST_ADDRESS:
        raise InvalidRequest("PayTabs takes addresses of at most 255 characters.", field="success_url")
    return url


def _method(method: str) -> str:
    if method not in METHODS:
        raise InvalidRequest("PayTabs does not take {method}.", method=method, field="method")
    return METHODS[method]


def _person(customer: Customer, address: Address) -> dict[str, str]:
    """What is missing the payer is asked for on the page."""
    told = {
        "name": customer.name,
        "email": customer.email,
        "phone": customer.phone,
        "street1": ", ".join(filter(None, (address.line1, address.line2))),
        "city": address.city,
        "state": address.region,
        "country": address.country,
        "zip": address.postal_code,
    }
    return {name: value for name, value in told.items() if value}


def follow_up(client: Client, kind: str, parent: Transaction, amount: Decimal | None, currency: str) -> Transaction:
    """Ask for a capture, a void or a refund of `parent`; all of it where there is no amount."""
    asked = parent.amount if amount is None else amount
    body = {
        "profile_id": profile_of(client.configuration),
        "tran_type": kind,
        "tran_class": "ecom",
        "cart_id": parent.cart_id,
        "cart_currency": currency,
        "cart_amount": check_decimals(asked, currency),
        "cart_description": str(parent.told.get("cart_description") or parent.cart_id)[:_LONGEST_DESCRIPTION],
        "tran_ref": parent.reference,
    }
    try:
        told = read_transaction(object_of(client.post("/payment/request", json=body)))
    except Rejected as refusal:
        if refusal.provider_code != DUPLICATE:
            raise
        raise Rejected(
            "PayTabs refuses the same request twice within two minutes: it has not done this one. Try again later.",
            provider_code=DUPLICATE,
            provider_status=refusal.provider_status,
        ) from refusal
    if (told.kind, told.cart_id, told.currency) != (kind, parent.cart_id, currency):
        raise InvalidResponse("PayTabs tells of another transaction than the one it was asked for.")
    return told


def accepted(transaction: Transaction) -> Transaction:
    if transaction.is_done:
        return transaction
    if transaction.status in UNDECIDED:
        raise Unavailable("PayTabs has not decided yet: {words}", words=transaction.message, may_have_taken_effect=True)
    raise Rejected("PayTabs: {words}", words=transaction.message, provider_code=transaction.code, provider_status=200)


def known_cart(client: Client, cart_id: str) -> Cart:
    transactions = ask(client, cart_id)
    if not transactions:
        raise Rejected("PayTabs shows nothing of this payment: nobody has tried to pay it yet.", provider_status=404)
    return cart_of(transactions, cart_id)


def cart_before_change(client: Client, cart_id: str) -> Cart:
    """`known_cart` for a change: where the question fails, the change was never asked for."""
    with changes_nothing():
        return known_cart(client, cart_id)


def cart_of(transactions: Sequence[Mapping[str, Any]], cart_id: str) -> Cart:
    cart = Cart([read_transaction(one) for one in transactions])
    if cart.transactions[0].cart_id != cart_id:
        raise InvalidResponse("PayTabs tells of another payment than the one it was asked for.")
    return cart


def ask(client: Client, cart_id: str) -> Sequence[Mapping[str, Any]]:
    """The cart's transactions; none where PayTabs says that there are none."""
    answer = client.post("/payment/query", json={"profile_id": profile_of(client.configuration), "cart_id": cart_id})
    told = _json(answer)
    if told is None:
        return []
    if isinstance(told, Mapping):
        return [_without_error(told, answer.status)]
    if not (isinstance(told, list) and all(isinstance(one, Mapping) for one in told)):
        raise InvalidResponse("PayTabs' list of transactions is not as documented.")
    return told


def object_of(answer: Answer) -> Mapping[str, Any]:
    return _without_error(answer.json(), answer.status)


def _without_error(told: Mapping[str, Any], status: int) -> Mapping[str, Any]:
    """PayTabs' errors are a code with a message; a deleted token's code 0 is none."""
    code = str(told.get("code") or "")
    if code and "tran_ref" not in told:
        words = str(told.get("message") or "")
        if code == BAD_KEY:
            raise AuthenticationFailed("PayTabs refuses the credentials.")
        raise Rejected("PayTabs: {words}", words=words, provider_code=code, provider_status=status, body=told)
    return told


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise InvalidResponse("PayTabs answered with a body that is not JSON.") from error
