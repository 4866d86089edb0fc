"""What lenders have in common: they decide by who buys what and where it goes, so an order must say it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal

from ...errors import InvalidRequest
from ...money import check_decimals
from ..results import Address, PaymentRequest

_PHONE = re.compile(r"\+?[0-9]{7,15}", re.ASCII)


def require_details(lender: str, details: Mapping[str, str]) -> None:
    """Raises InvalidRequest for the first of `details`, named as the order has them, that is empty."""
    for name, told in details.items():
        if not told.strip():
            raise InvalidRequest(
                "{lender} decides by the order's details, and {detail} is missing.",
                lender=lender,
                detail=name,
                field=name.partition(".")[0],
            )


def refuse_token(lender: str, request: PaymentRequest) -> None:
    """The payer decides on the lender's own page. Raises InvalidRequest."""
    if request.payment_token:
        raise InvalidRequest("{lender} takes no payment tokens.", lender=lender, field="payment_token")


def delivery_address(request: PaymentRequest) -> Address:
    """Where the order goes; what is not delivered goes to the one who pays it."""
    address = request.shipping_address
    return address if address.line1 or address.city else request.billing_address


def plain_phone(phone: str) -> str:
    """`+971 (0)50 123-4567`, `00971…` and Eastern Arabic digits as +971501234567. Raises InvalidRequest."""
    western = "".join(str(unicodedata.decimal(sign, sign)) for sign in phone.replace("(0)", ""))
    plain = re.sub(r"\A00", "+", re.sub(r"[^+0-9]", "", western))
    if not _PHONE.fullmatch(plain):
        raise InvalidRequest("A phone has 7 to 15 digits: +971501234567.", field="customer")
    return plain


def exact(amount: Decimal, currency: str) -> Decimal:
    """`amount` with the currency's own decimals. Raises InvalidRequest where it would have to be rounded."""
    return check_decimals(amount, currency)
