"""Orders as N-Genius Online wants them. https://docs.ngenius-payments.com/reference/create-an-order"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ...errors import InvalidRequest, NotSupported
from ...money import to_minor_units
from ..results import PaymentRequest

_BACK = {"en": "Back to the shop", "ar": "العودة إلى المتجر"}  # on the page's button, in the payer's language


def creation(request: PaymentRequest, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Raises InvalidRequest for a token, or without the payer's e-mail, which N-Genius wants of every order."""
    if request.payment_token:
        raise NotSupported(
            "{provider} takes payments on its own page only.", provider="Network International", field="payment_token"
        )
    if not request.customer.email:
        raise InvalidRequest("N-Genius wants the customer's e-mail address.", field="customer")
    attributes = {
        "redirectUrl": request.success_url,
        "cancelUrl": request.cancel_url,
        "cancelText": _BACK.get(request.language, _BACK["en"]) if request.cancel_url else "",
        "skipConfirmationPage": True,
    }
    order = {
        "action": str(configuration.get("sale_action") or "SALE") if request.capture else "AUTH",
        "amount": money(request.amount, request.currency),
        "language": request.language,
        "merchantOrderReference": request.payment_id,
        "emailAddress": request.customer.email,
        "billingAddress": _billing_address(request),
        "merchantAttributes": {name: value for name, value in attributes.items() if value},
        "merchantDefinedData": {"reference": request.reference},
    }
    return {name: value for name, value in order.items() if value}


def money(amount: Decimal, currency: str) -> dict[str, Any]:
    return {"currencyCode": currency, "value": to_minor_units(amount, currency)}


def _billing_address(request: PaymentRequest) -> dict[str, str]:
    """It may be left out; where it is not, both names are wanted, so that who has one name has it twice."""
    address, customer = request.billing_address, request.customer
    if not customer.first_name:
        return {}
    told = {
        "firstName": customer.first_name,
        "lastName": customer.last_name or customer.first_name,
        "address1": address.line1,
        "address2": address.line2,
        "city": address.city,
        "stateCode": address.region,
        "postalCode": address.postal_code,
        "countryCode": address.country,
    }
    return {name: value for name, value in told.items() if value}
