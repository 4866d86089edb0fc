"""The order that PayPal is asked to make of a payment: one purchase unit, and a page on which the payer agrees."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ...errors import InvalidRequest
from ...money import check_decimals
from ..base import codes
from ..results import Item, PaymentRequest

# https://developer.paypal.com/reference/currency-codes/: none of the Gulf's is among them.
CURRENCIES = codes("AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD")
WHOLE_UNITS = frozenset({"HUF", "JPY", "TWD"})
_LOCALES = {"en": "en-US", "ar": "ar-EG"}
_TEXT = 127  # characters that most texts may have


def creation(request: PaymentRequest, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Raises InvalidRequest for what PayPal cannot take."""
    _check(request)
    return {
        "intent": "CAPTURE" if request.capture else "AUTHORIZE",
        "purchase_units": [_unit(request)],
        "payment_source": {"paypal": _payer(request, configuration)},
    }


def write_money(amount: Decimal, currency: str) -> dict[str, str]:
    """In major units, as text. Raises InvalidRequest for what PayPal would have to round."""
    if currency in WHOLE_UNITS and amount != amount.to_integral_value():
        raise InvalidRequest(
            "PayPal takes {currency} in whole units only; {amount} is not.",
            currency=currency,
            amount=amount,
            field="amount",
        )
    exact = check_decimals(amount, currency, 0 if currency in WHOLE_UNITS else 2)
    return {"currency_code": currency, "value": f"{exact:f}"}


def _check(request: PaymentRequest) -> None:
    if request.currency not in CURRENCIES:
        raise InvalidRequest(
            "PayPal takes no {currency}: charge in one of its own currencies, such as USD.",
            currency=request.currency,
            field="currency",
        )
    if request.payment_token:
        raise InvalidRequest("PayPal takes no token here: the payer agrees on its page.", field="payment_token")


def _unit(request: PaymentRequest) -> dict[str, Any]:
    amount = write_money(request.amount, request.currency)
    unit = {
        "reference_id": request.reference,
        "custom_id": request.payment_id,
        "description": request.title[:_TEXT],
        "amount": {**amount, "breakdown": {"item_total": amount}},
        "items": [_item(item, request.currency) for item in request.lines],
        "shipping": _shipping(request),
    }
    return _present(unit)


def _item(item: Item, currency: str) -> dict[str, Any]:
    unit_amount = write_money(item.unit_price, currency)
    named = {"name": item.name[:_TEXT], "quantity": str(item.quantity), "unit_amount": unit_amount}
    return named | _present({"sku": item.sku[:_TEXT]})


def _payer(request: PaymentRequest, configuration: Mapping[str, Any]) -> dict[str, Any]:
    context = {
        "brand_name": str(configuration.get("brand_name") or ""),
        "locale": _LOCALES[request.language],
        "shipping_preference": "SET_PROVIDED_ADDRESS" if _shipping(request) else "NO_SHIPPING",
        "user_action": "PAY_NOW",
        "return_url": request.success_url,
        "cancel_url": request.cancel_url,
    }
    return _present({"email_address": request.customer.email, "experience_context": _present(context)})


def _shipping(request: PaymentRequest) -> dict[str, Any]:
    """Where enough of it is known: PayPal refuses an address in part."""
    to = request.shipping_address
    if not (to.line1 and to.city and to.country):
        return {}
    address = {
        "address_line_1": to.line1,
        "address_line_2": to.line2,
        "admin_area_2": to.city,
        "admin_area_1": to.region,
        "postal_code": to.postal_code,
        "country_code": to.country,
    }
    name = {"name": {"full_name": request.customer.name}} if request.customer.name else {}
    return {**name, "address": _present(address)}


def _present(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value}
