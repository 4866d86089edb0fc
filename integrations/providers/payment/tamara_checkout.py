"""The order that Tamara is asked for. https://docs.tamara.co/reference/createcheckoutsession"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ...errors import InvalidRequest
from ..results import Address, Customer, Item, PaymentRequest
from .lenders import delivery_address, exact, plain_phone, refuse_token, require_details

CURRENCY_OF = {"AE": "AED", "BH": "BHD", "KW": "KWD", "OM": "OMR", "SA": "SAR"}
COUNTRY_OF = {currency: country for country, currency in CURRENCY_OF.items()}
LOCALES = {"ar": "ar_SA", "en": "en_US"}


def checkout(request: PaymentRequest) -> dict[str, Any]:
    """Raises InvalidRequest for an order that Tamara could not decide on."""
    country, address = _check(request), delivery_address(request)
    customer, currency = request.customer, request.currency
    nothing = money(Decimal(0), currency)
    billing = request.billing_address
    wanted: dict[str, Any] = {
        "order_reference_id": reference_of(request),
        "order_number": request.reference,
        "total_amount": money(request.amount, currency),
        "shipping_amount": nothing,
        "tax_amount": nothing,
        "description": request.title[:256],
        "country_code": country,
        "payment_type": "PAY_BY_INSTALMENTS",
        "locale": LOCALES.get(request.language, "en_US"),
        "items": [_item(item, number, currency) for number, item in enumerate(request.lines, 1)],
        "consumer": {**_name(customer), "phone_number": plain_phone(customer.phone)},
        "shipping_address": _address(customer, address, country),
        "merchant_url": {
            "success": request.success_url,
            "failure": request.cancel_url,
            "cancel": request.cancel_url,
        },
    }
    if customer.email:
        wanted["consumer"]["email"] = customer.email
    if billing.line1 and billing.city:
        wanted["billing_address"] = _address(customer, billing, country)
    if request.webhook_url:
        wanted["merchant_url"]["notification"] = request.webhook_url
    if history := dict(_history(customer)):
        wanted["risk_assessment"] = history
    return wanted


def reference_of(request: PaymentRequest) -> str:
    return request.payment_id or request.reference


def money(amount: Decimal, currency: str) -> dict[str, Any]:
    """Major units, as a JSON number. Raises InvalidRequest for an amount that would have to be rounded."""
    return {"amount": exact(amount, currency), "currency": currency}


def _check(request: PaymentRequest) -> str:
    """The country whose Tamara is asked."""
    address = delivery_address(request)
    country = request.country or address.country or COUNTRY_OF.get(request.currency, "")
    if CURRENCY_OF.get(country) != request.currency:
        raise InvalidRequest(
            "Tamara does not take {currency} in {country}. It takes each country's own currency: {pairs}.",
            currency=request.currency,
            country=country or "?",
            pairs=", ".join(f"{place} {code}" for place, code in CURRENCY_OF.items()),
            field="currency",
        )
    refuse_token("Tamara", request)
    details = {
        "customer.name": request.customer.name,
        "customer.phone": request.customer.phone,
        "shipping_address.line1": address.line1,
        "shipping_address.city": address.city,
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
    }
    require_details("Tamara", details)
    return country


def _name(customer: Customer) -> dict[str, str]:
    """Both are wanted: who has one name has it twice."""
    return {"first_name": customer.first_name, "last_name": customer.last_name or customer.first_name}


def _address(customer: Customer, address: Address, country: str) -> dict[str, str]:
    told = {
        "line1": address.line1,
        "line2": address.line2,
        "city": address.city,
        "region": address.region,
        "postal_code": address.postal_code,
        "country_code": address.country or country,
        "phone_number": plain_phone(customer.phone),
    }
    return {**_name(customer), **{name: text for name, text in told.items() if text}}


def _item(item: Item, number: int, currency: str) -> dict[str, Any]:
    code = item.sku or str(number)
    return {
        "reference_id": code,
        "type": item.category or "Physical",
        "name": item.name,
        "sku": code[:128],
        "quantity": item.quantity,
        "unit_price": money(item.unit_price, currency),
        "total_amount": money(item.unit_price * item.quantity, currency),
    }


def _history(customer: Customer) -> Iterator[tuple[str, Any]]:
    """What the shop knows of the customer. https://docs.tamara.co/docs/direct-online-checkout"""
    if customer.registered_since:
        yield "account_creation_date", _day(customer.registered_since)
    if customer.orders:
        yield "total_order_count", int(customer.orders)
        yield "is_existing_customer", int(customer.orders) > 0


def _day(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest("registered_since is a time in ISO 8601.", field="customer") from error
    return (moment.astimezone(UTC) if moment.tzinfo else moment).strftime("%d-%m-%Y")


def shipping_info(configuration: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """Tamara wants one with each capture, and takes it to be shipped by then."""
    company = str(configuration.get("shipping_company") or "Own delivery")
    return {"shipped_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "shipping_company": company}
