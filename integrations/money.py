"""Amounts: a Decimal with an ISO 4217 code, never a float, rounded nowhere."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache

from iso4217 import Currency

from .errors import InvalidRequest

_PLAIN_DECIMAL = re.compile(r"\d{1,15}(\.\d{1,4})?", re.ASCII)


@cache
def currency_exponent(currency: str) -> int:
    """Digits after the decimal point that ISO 4217 gives `currency`: AED 2, KWD 3, JPY 0.

    Raises InvalidRequest for a code that is not an active ISO 4217 currency, and for one without a minor unit (gold).
    """
    try:
        exponent = Currency(currency).exponent
    except ValueError as error:
        raise InvalidRequest(
            "{currency!r} is not an ISO 4217 currency code.", currency=currency, field="currency"
        ) from error
    if exponent is None:
        raise InvalidRequest("{currency} has no minor unit and cannot be paid in.", currency=currency, field="currency")
    return int(exponent)


def parse_amount(text: str, currency: str) -> Decimal:
    """Read a positive amount written as a plain decimal, `"12.50"`, with no more decimals than `currency` has.

    Raises InvalidRequest with the field to blame.
    """
    exponent = currency_exponent(currency)
    return check_decimals(read_decimal(text), currency, exponent)


def read_decimal(text: str) -> Decimal:
    """A positive plain decimal of whatever currency: `parse_amount` knows how many decimals it may have."""
    if not _PLAIN_DECIMAL.fullmatch(text):
        raise InvalidRequest("The amount must be a plain positive decimal such as 12.50.", field="amount")
    amount = Decimal(text)
    if amount <= 0:
        raise InvalidRequest("The amount must be greater than zero.", field="amount")
    return amount


def check_decimals(amount: Decimal, currency: str, exponent: int | None = None) -> Decimal:
    """Return `amount` with exactly `exponent` decimals, the currency's own where none are named; refuse one that would
    have to be rounded."""
    if exponent is None:
        exponent = currency_exponent(currency)
    quantum = Decimal(1).scaleb(-exponent)
    exact = amount.quantize(quantum)
    if exact != amount:
        raise InvalidRequest(
            "{currency} has {exponent} decimals; {amount} has more.",
            currency=currency,
            exponent=exponent,
            amount=amount,
            field="amount",
        )
    return exact


def in_own_decimals(amount: Decimal, currency: str) -> Decimal:
    """`amount` written with the currency's own decimals, or as it is where those do not hold it."""
    exact = amount.quantize(Decimal(1).scaleb(-currency_exponent(currency)))
    return exact if exact == amount else amount


def to_minor_units(amount: Decimal, currency: str, *, exponent: int | None = None) -> int:
    """AED 12.50 as 1250 fils. `exponent` is for a provider that counts otherwise than ISO 4217."""
    digits = currency_exponent(currency) if exponent is None else exponent
    return int(check_decimals(amount, currency, digits).scaleb(digits))


def from_minor_units(units: int, currency: str, *, exponent: int | None = None) -> Decimal:
    """1250 fils as AED 12.50, with the currency's own decimals even where the provider counts otherwise."""
    digits = currency_exponent(currency) if exponent is None else exponent
    return in_own_decimals(Decimal(units).scaleb(-digits), currency)
