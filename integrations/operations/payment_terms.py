"""The words in which payments are spoken of from outside: methods, countries, currencies."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from babel import Locale
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from ..errors import InvalidRequest
from ..money import currency_exponent
from ..providers.base import PaymentProvider
from ..providers.registry import providers

# Known in the field whether or not a provider here offers them: who asks for one of these has not misspelt anything.
_OF_THE_FIELD = frozenset(
    {"apple_pay", "bank_transfer", "benefit", "bnpl", "card", "cod", "fawry", "google_pay", "knet", "mada"}
    | {"omannet", "valu", "wallet"}
)
METHOD_NAMES: Mapping[str, Promise | str] = {
    "card": _("Card"),
    "wallet": _("Wallet"),
    "bank_transfer": _("Bank transfer"),
    "cod": _("Cash on delivery"),
    "cash": _("Cash"),
    "bnpl": _("Pay later"),
    "apple_pay": "Apple Pay",
    "google_pay": "Google Pay",
    "samsung_pay": "Samsung Pay",
    "link": "Link",
    "paypal": "PayPal",
    "mada": "mada",
    "knet": "KNET",
    "benefit": "BENEFIT",
    "omannet": "OmanNet",
    "naps": "NAPS",
    "fawry": "Fawry",
    "valu": "valU",
    "stc_pay": "stc pay",
    "aani": "Aani",
    "meeza": "Meeza",
    "qpay": "QPay",
}

# A sentence for each: the name of a part, put into one sentence for all, has no place in another language.
_NOT_OFFERED = {
    "connection": gettext_noop("The connection {connection!r} takes no payments here."),
    "capture": gettext_noop("The connection {connection!r} cannot capture later."),
    "currency": gettext_noop("The connection {connection!r} does not offer this currency."),
    "country": gettext_noop("The connection {connection!r} does not offer this country."),
    "method": gettext_noop("The connection {connection!r} does not offer this method."),
}


@cache
def known_methods() -> tuple[str, ...]:
    """Every payment method (a provider's capability) that can be asked for, in alphabetical order."""
    offered = [one.payment_capabilities for one in providers().values() if isinstance(one, PaymentProvider)]
    return tuple(sorted(_OF_THE_FIELD.union(*offered)))


def method_name(method: str) -> str:
    """A way to pay as payers know it; a new one by its own name, readable."""
    return str(METHOD_NAMES.get(method, method.replace("_", " ")))


def check_method(method: str, *, field: str = "method") -> None:
    """Raises InvalidRequest for a method that nobody knows."""
    if method in known_methods():
        return
    known = ", ".join(known_methods())
    raise InvalidRequest(
        "{method!r} is no payment method. Known are: {known}.", method=method, known=known, field=field
    )


def not_offered(connection_name: str, part: str) -> InvalidRequest:
    """What is said where a connection's provider has not the `part` that was asked for."""
    return InvalidRequest(_NOT_OFFERED[part], connection=connection_name, field=part)


def check_country(country: str) -> None:
    """Raises InvalidRequest for what is no ISO 3166-1 code."""
    if country not in _countries():
        raise InvalidRequest("The country is an ISO 3166-1 code of two letters.", field="country")


def check_currency(currency: str) -> None:
    """Raises InvalidRequest for what is no ISO 4217 code that can be paid in."""
    currency_exponent(currency)


@cache
def _countries() -> frozenset[str]:
    """CLDR's territories by two letters, less those that are no country."""
    territories = frozenset(code for code in map(str, Locale("en").territories) if len(code) == 2 and code.isalpha())
    return territories - {"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"}
