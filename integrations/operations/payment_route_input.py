"""Whether a rule of routing makes sense: one that could never hold is refused when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.utils.translation import gettext_noop

from ..errors import InvalidRequest
from ..models import Connection, PaymentRoute
from ..money import parse_amount
from ..providers.base import PaymentProvider, ProviderType
from .catalogue import offered_provider
from .payment_terms import check_country, check_currency, check_method, not_offered

_IS_OF: Mapping[str, str] = {
    Connection.Environment.PRODUCTION: gettext_noop("The connection {connection!r} is one of production."),
    Connection.Environment.STAGING: gettext_noop("The connection {connection!r} is one of staging."),
    Connection.Environment.DEVELOPMENT: gettext_noop("The connection {connection!r} is one of development."),
}


def check_route(route: PaymentRoute) -> None:
    """Check an unsaved rule, and write its amounts as their currency has them. Raises InvalidRequest with the field."""
    route.name = (route.name or "").strip()
    if not 0 < len(route.name) <= 100 or not route.name.isprintable():
        raise InvalidRequest("A payment route needs a name of 1 to 100 printable characters.", field="name")
    if not 0 <= route.position <= PaymentRoute.LAST_POSITION:
        raise InvalidRequest(
            "A position is a number from 0 to {last}.", last=PaymentRoute.LAST_POSITION, field="position"
        )
    _check_connection(route)
    if route.country:
        check_country(route.country)
    if route.currency:
        check_currency(route.currency)
    if route.method:
        check_method(route.method)
    _check_offer(route)
    _check_amounts(route)


def _check_connection(route: PaymentRoute) -> None:
    connection = route.connection if route.connection_id else None
    is_own = connection is not None and connection.organization_id == route.organization_id
    if connection is None or not is_own or connection.provider_type != ProviderType.PAYMENT:
        raise InvalidRequest("There is no such payment connection.", field="connection")
    if route.environment and route.environment not in Connection.Environment.values:
        raise InvalidRequest("There is no such environment.", field="environment")
    if route.environment and route.environment != connection.environment:
        raise InvalidRequest(_IS_OF[connection.environment], connection=connection.connection_name, field="environment")


def _check_offer(route: PaymentRoute) -> None:
    """What the provider offers nowhere, no payment is routed to it for. Its settings may change, and are not asked."""
    provider = offered_provider(route.connection.provider.slug)
    if not isinstance(provider, PaymentProvider):
        return
    offers = {
        "currency": provider.currencies,
        "country": provider.countries,
        "method": provider.payment_capabilities,
    }
    for part, offer in offers.items():
        wanted = getattr(route, part)
        if wanted and offer and wanted not in offer:
            raise not_offered(route.connection.connection_name, part)


def _check_amounts(route: PaymentRoute) -> None:
    for name in ("min_amount", "max_amount"):
        setattr(route, name, _amount(name, getattr(route, name), route.currency))
    lowest, highest = route.min_amount, route.max_amount
    if lowest is not None and highest is not None and lowest > highest:
        raise InvalidRequest("The lowest amount is above the highest.", field="max_amount")


def _amount(name: str, given: Decimal | str | None, currency: str) -> Decimal | None:
    if given is None or given == "":
        return None
    if not currency:
        raise InvalidRequest("An amount needs a currency.", field="currency")
    try:
        return parse_amount(f"{given:f}" if isinstance(given, Decimal) else str(given), currency)
    except InvalidRequest as error:
        error.field = name
        raise
