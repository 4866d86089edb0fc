"""The session that Tabby is asked for. https://docs.tabby.ai/api-reference/checkout/create-a-session"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ...errors import ConfigurationError, InvalidRequest
from ..results import Customer, Item, PaymentRequest
from .lenders import delivery_address, exact, plain_phone, refuse_token, require_details

# A store is in one country, and Tabby refuses any other currency than its own.
CURRENCY_OF = {"AE": "AED", "KW": "KWD", "SA": "SAR"}
DEFAULT_COUNTRY = "AE"


def session(request: PaymentRequest, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Raises InvalidRequest for an order that Tabby could not decide on, ConfigurationError without a merchant code."""
    _check(request, configuration)
    return {
        "payment": _payment(request, str(configuration.get("item_category") or "")),
        "lang": request.language,
        "merchant_code": merchant_code(configuration),
        "merchant_urls": {
            "success": request.success_url,
            "cancel": request.cancel_url,
            "failure": request.cancel_url,
        },
    }


def merchant_code(configuration: Mapping[str, Any]) -> str:
    """Raises ConfigurationError where the connection has none."""
    code = str(configuration.get("merchant_code") or "")
    if not code:
        raise ConfigurationError("The connection's configuration has no {key!r}.", key="merchant_code")
    return code


def store_country(configuration: Mapping[str, Any]) -> str:
    return str(configuration.get("country") or DEFAULT_COUNTRY)


def _check(request: PaymentRequest, configuration: Mapping[str, Any]) -> None:
    country = store_country(configuration)
    if request.currency != CURRENCY_OF[country]:
        raise InvalidRequest(
            "This connection's store at Tabby is in {country} and takes {currency} alone.",
            country=country,
            currency=CURRENCY_OF[country],
            field="currency",
        )
    refuse_token("Tabby", request)
    customer, address = request.customer, delivery_address(request)
    details = {
        "customer.name": customer.name,
        "customer.email": customer.email,
        "customer.phone": customer.phone,
        "customer.registered_since": customer.registered_since,
        "shipping_address.line1": address.line1,
        "shipping_address.city": address.city,
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
    }
    require_details("Tabby", details)


def _payment(request: PaymentRequest, category: str) -> dict[str, Any]:
    customer, address = request.customer, delivery_address(request)
    return {
        "amount": str(exact(request.amount, request.currency)),
        "currency": request.currency,
        "description": request.title[:255],
        "buyer": {"name": customer.name, "email": customer.email, "phone": plain_phone(customer.phone)},
        "buyer_history": _history(customer),
        "order": {
            "reference_id": request.payment_id or request.reference,
            "items": [_item(item, request.currency, category) for item in request.lines],
        },
        "order_history": [],
        "shipping_address": {
            "city": address.city,
            "address": ", ".join(filter(None, (address.line1, address.line2))),
            "zip": address.postal_code,  # empty where there are no postal codes, as in the Emirates
        },
        "meta": {"order_id": request.reference},
    }


def _history(customer: Customer) -> dict[str, Any]:
    """`loyalty_level` is how many orders the customer has placed before: Tabby's own default is none."""
    try:
        since = datetime.fromisoformat(customer.registered_since)
    except ValueError as error:
        raise InvalidRequest("registered_since is a time in ISO 8601.", field="customer") from error
    utc = (since if since.tzinfo else since.replace(tzinfo=UTC)).astimezone(UTC)
    return {"registered_since": utc.strftime("%Y-%m-%dT%H:%M:%SZ"), "loyalty_level": int(customer.orders or 0)}


def _item(item: Item, currency: str, category: str) -> dict[str, Any]:
    if not (item.category or category):
        raise InvalidRequest(
            "Tabby wants each item's category, and {item!r} has none. The connection can have one for such items.",
            item=item.name,
            field="items",
        )
    told = {
        "title": item.name,
        "quantity": item.quantity,
        "unit_price": str(exact(item.unit_price, currency)),
        "category": item.category or category,
    }
    return {**told, "reference_id": item.sku} if item.sku else told
