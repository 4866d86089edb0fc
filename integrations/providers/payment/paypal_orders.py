"""The order that PayPal is asked to make of a payment: one purchase unit, and a page on which the payer agrees."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
_LONGEST = {
    "full_name": 300, "address_line_1": 300, "address_line_2": 300, "admin_area_2": 120, "admin_area_1": 300,
    "postal_code": 60,
}  # fmt: skip
_SIGNS, _LABEL = r"[\w!#$%&'*+/=?^`{|}~-]+", r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_MAIL = re.compile(rf"(?=.{{3,254}}\Z){_SIGNS}(\.{_SIGNS})*@({_LABEL}\.)+{_LABEL}", re.ASCII)


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
        "items": [_item(item, request.currency) for item in _lines(request)],
        "shipping": _shipping(request),
    }
    return _present(unit)


def _lines(request: PaymentRequest) -> Sequence[Item]:
    """All as one where PayPal could not count what each costs: two buttons at 12.50 forints."""
    are_whole = all(item.unit_price == item.unit_price.to_integral_value() for item in request.lines)
    is_countable = request.currency not in WHOLE_UNITS or are_whole
    return request.lines if is_countable else (Item(request.title, 1, request.amount),)


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
    # It is but filled in for the payer: one that PayPal's document forbids would cost the whole order.
    mail = request.customer.email if _MAIL.fullmatch(request.customer.email) else ""
    return _present({"email_address": mail, "experience_context": _present(context)})


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
    name = {"name": _cut({"full_name": request.customer.name})} if request.customer.name else {}
    return {**name, "address": _present(_cut(address))}


def _cut(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: text[: _LONGEST.get(name)] for name, text in texts.items()}


def _present(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value}
