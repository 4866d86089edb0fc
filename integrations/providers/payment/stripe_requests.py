"""What is asked of Stripe: forms with square brackets, amounts as it counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from ...errors import InvalidRequest
from ...money import to_minor_units
from ..base import Client
from ..results import Item, PaymentRequest

# https://docs.stripe.com/currencies#special-cases: these are counted otherwise than ISO 4217 has it.
EXPONENTS = {"MGA": 0, "UGX": 2, "ISK": 2}
THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
PAGE, ELEMENTS = "checkout", "elements"
# In the metadata of an intent that a page of Stripe's began: its events name the intent, and we may know but the page.
PAGE_MARK = "hub_page"
SESSIONS, INTENTS = "/v1/checkout/sessions", "/v1/payment_intents"
# The charge says what was refunded or disputed; the intent by itself doesn't.
WITH_CHARGE = {"expand[]": "latest_charge"}
_MAX_LINES = 100
# Stripe's types of payment method. Apple Pay and Google Pay are cards there, shown where the payer's device has them.
_TYPES = {"card": ("card",), "apple_pay": ("card",), "google_pay": ("card",), "link": ("link", "card")}


def on_behalf(client: Client) -> dict[str, str]:
    """For a platform: the connected account that the call is about. https://docs.stripe.com/connect/authentication"""
    account = client.configuration.get("account")
    return {"Stripe-Account": str(account)} if account else {}


def path(collection: str, key: str, action: str = "") -> str:
    return f"{collection}/{quote(key, safe='')}{action}"


def opens_page(request: PaymentRequest, configuration: Mapping[str, Any]) -> bool:
    return not request.payment_token and configuration.get("page") == PAGE


def intent_form(request: PaymentRequest, configuration: Mapping[str, Any]) -> dict[str, str]:
    return {
        **WITH_CHARGE,
        **amount_field("amount", request.amount, request.currency),
        "currency": request.currency.lower(),
        "capture_method": _capture_method(request),
        **_metadata(request),
        **_confirmation(request),
        **_shown_to_payer(request, configuration),
    }


def session_form(request: PaymentRequest, configuration: Mapping[str, Any]) -> dict[str, str]:
    """It has no `expires_at`: a creation that is repeated under its key must say the same to the second, and Stripe's
    own 24 hours are the most that it takes. https://docs.stripe.com/api/checkout/sessions/create"""
    if not request.success_url:
        raise InvalidRequest("Stripe's page needs an address to come back to.", field="success_url")
    of_intent = {
        "capture_method": _capture_method(request),
        **_metadata(request, **{PAGE_MARK: PAGE}),
        **_shown_to_payer(request, configuration),
    }
    optional = {
        "cancel_url": request.cancel_url,
        "client_reference_id": request.payment_id,
        "customer_email": request.customer.email,
        # Of the languages that we know, the page has English alone. `auto` is the browser's, where the page has it.
        "locale": "en" if request.language == "en" else "auto",
    }
    return {
        "mode": "payment",
        "success_url": request.success_url,
        **_line_items(request),
        **{_nested("payment_intent_data", name): value for name, value in of_intent.items()},
        **_allowed_types(request),
        **{name: value for name, value in optional.items() if value},
    }


def amount_field(key: str, amount: Decimal | None, currency: str) -> dict[str, str]:
    """The amount in Stripe's units. Raises InvalidRequest when Stripe cannot charge it exactly."""
    if amount is None:
        return {}
    units = to_minor_units(amount, currency, exponent=EXPONENTS.get(currency))
    if currency in THREE_DECIMALS and units % 10:
        raise InvalidRequest(
            "Stripe wants the third decimal of {currency} to be 0; {amount} has another.",
            currency=currency,
            amount=amount,
            field="amount",
        )
    if EXPONENTS.get(currency) == 2 and units % 100:
        raise InvalidRequest(
            "Stripe charges {currency} in whole units only; {amount} is not.",
            currency=currency,
            amount=amount,
            field="amount",
        )
    return {key: str(units)}


def _confirmation(request: PaymentRequest) -> dict[str, str]:
    """Pay at once with the token. With no page to return to, only cards can: other methods may redirect the payer.

    With no token the browser pays, by any method that the account has on: the default since API version 2023-08-16.
    """
    if not request.payment_token:
        return _allowed_types(request)
    cards_alone = {"allowed_payment_method_types[0]": "card"}
    way_back = {"return_url": request.success_url} if request.success_url else cards_alone
    return {"payment_method": request.payment_token, "confirm": "true", **way_back}


def _allowed_types(request: PaymentRequest) -> dict[str, str]:
    """In the place of `payment_method_types`, which Stripe refuses from version 2026-09-30.
    https://docs.stripe.com/changelog/dahlia/2026-07-29/allowed-payment-method-types-parameter"""
    types = _TYPES.get(request.method, ())
    return {f"allowed_payment_method_types[{number}]": name for number, name in enumerate(types)}


def _line_items(request: PaymentRequest) -> dict[str, str]:
    """The order's lines; all as one where they are too many, or a price of one is such as Stripe cannot charge."""
    whole = (Item(request.title, 1, request.amount),)
    lines = request.lines if len(request.lines) <= _MAX_LINES else whole
    try:
        return _lines(lines, request.currency)
    except InvalidRequest:
        return _lines(whole, request.currency)


def _lines(lines: Sequence[Item], currency: str) -> dict[str, str]:
    form: dict[str, str] = {}
    for number, line in enumerate(lines):
        item = f"line_items[{number}]"
        form |= {
            f"{item}[quantity]": str(line.quantity),
            f"{item}[price_data][currency]": currency.lower(),
            **amount_field(f"{item}[price_data][unit_amount]", line.unit_price, currency),
            f"{item}[price_data][product_data][name]": line.name,
        }
    return form


def _capture_method(request: PaymentRequest) -> str:
    return "automatic" if request.capture else "manual"


def _shown_to_payer(request: PaymentRequest, configuration: Mapping[str, Any]) -> dict[str, str]:
    """What the payer sees of it afterwards: an e-mail, and a line on the card's statement."""
    shown = {}
    if request.customer.email and configuration.get("send_receipts"):
        shown["receipt_email"] = request.customer.email
    if suffix := configuration.get("statement_descriptor_suffix"):
        shown["statement_descriptor_suffix"] = str(suffix)
    return shown


def _metadata(request: PaymentRequest, **ours: str) -> dict[str, str]:
    if any("[" in key or "]" in key for key in request.metadata):
        raise InvalidRequest("Stripe allows no square brackets in a metadata key.", field="metadata")
    pairs = {**request.metadata, "reference": request.reference, **ours}
    return {f"metadata[{key}]": str(value) for key, value in pairs.items()}


def _nested(outer: str, name: str) -> str:
    """`metadata[reference]` in `payment_intent_data` is `payment_intent_data[metadata][reference]`."""
    first, bracket, rest = name.partition("[")
    return f"{outer}[{first}]{bracket}{rest}"
