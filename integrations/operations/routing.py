"""Which connection takes a payment, and which come after it when it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import QuerySet

from ..errors import ConfigurationError, ConnectionNotReady, InvalidRequest
from ..models import Connection, Organization, PaymentRoute, PaymentSettings
from ..models.connections import ConnectionQuerySet
from ..providers.base import PaymentProvider, ProviderType
from .catalogue import offered_provider
from .payment_order import PaymentOrder
from .track_record import track_record

_HEALTH_RANK = {
    Connection.Health.HEALTHY: 0,
    Connection.Health.UNKNOWN: 1,
    Connection.Health.DEGRADED: 2,
    Connection.Health.DOWN: 3,
}
_GAUGED_IN = 20  # success rates within one twentieth of each other count as equal


@dataclass(frozen=True)
class Route:
    """The connections to try, in order, never empty; and those passed over that are down and would have come first."""

    connections: Sequence[Connection]
    passed_over: Sequence[Connection] = ()


def route_payment(organization: Organization, order: PaymentOrder) -> Route:
    """Which connections may take a payment.

    A connection that the order names is the only one. Otherwise those of one environment: production where the
    organization has an active payment connection there, else staging, else development, so that live and test are never
    mixed. Of them the ones that fit (operations, currency, country, method): first those that the organization's own
    rules name, then the primary, then healthy, unknown, degraded; of equals the one that has taken more of the last
    hour's payments, then the cheaper. Those known to be down are tried only when there is no other.

    Raises InvalidRequest for a connection that is not the organization's or does not fit, ConnectionNotReady for one
    that is not active, ConfigurationError when there is none.
    """
    if order.connection_id:
        return Route([_named(organization, order)])
    active = _active(organization, order.environment)
    fitting = [connection for connection in active if not misfit(connection, order)]
    if not fitting:
        raise _none(active, order)
    in_order = _in_order(organization, fitting, order)
    standing = [connection for connection in in_order if connection.health_status != Connection.Health.DOWN]
    if not standing:
        return Route(in_order)
    return Route(standing, in_order[: in_order.index(standing[0])])


def misfit(connection: Connection, order: PaymentOrder) -> str:
    """The field of the order that this connection cannot serve, or an empty string."""
    provider = offered_provider(connection.provider.slug)
    settings = settings_of(connection)
    if not isinstance(provider, PaymentProvider) or "create" not in provider.operations:
        return "connection"
    if not order.capture and "capture" not in provider.operations:
        return "capture"
    if not _serves(order.currency, provider.currencies, settings.supported_currencies if settings else ()):
        return "currency"
    if order.country and not _serves(order.country, provider.countries):
        return "country"
    methods = settings.supported_payment_methods if settings else ()
    if order.method and not _serves(order.method, provider.payment_capabilities, methods):
        return "method"
    if not _serves(order.currency, provider.method_currencies.get(order.method, ())):
        return "method"
    return ""


def settings_of(connection: Connection) -> PaymentSettings | None:
    try:
        return connection.payment_settings
    except PaymentSettings.DoesNotExist:
        return None


def _serves(wanted: str, *offers: object) -> bool:
    """Whether every offer that says anything includes what is wanted."""
    return all(wanted in offer for offer in offers if offer)  # type: ignore[operator]


def _named(organization: Organization, order: PaymentOrder) -> Connection:
    found = _payment_connections(organization).filter(pk=_as_uuid(order.connection_id)).first()
    if found is None:
        raise InvalidRequest("There is no such payment connection.", field="connection")
    if found.status != Connection.Status.ACTIVE:
        raise ConnectionNotReady(
            "The connection {connection!r} is {status}.",
            connection=found.connection_name,
            status=found.status,
        )
    if field := misfit(found, order):
        raise _unfit(found, order, field)
    return found


def _unfit(connection: Connection, order: PaymentOrder, field: str) -> InvalidRequest:
    provider, name = offered_provider(connection.provider.slug), connection.connection_name
    only_in = provider.method_currencies.get(order.method) if isinstance(provider, PaymentProvider) else None
    if field == "method" and only_in and order.currency not in only_in:
        return InvalidRequest(
            "The connection {connection!r} takes {method} in {currencies} only.",
            connection=name,
            method=order.method,
            currencies=", ".join(only_in),
            field=field,
        )
    return InvalidRequest(
        "The connection {connection!r} does not offer this {part}.", connection=name, part=field, field=field
    )


def _active(organization: Organization, environment: str) -> list[Connection]:
    """The active payment connections of the environment, or of the most serious one that has any."""
    active = list(_payment_connections(organization).usable())
    for candidate in [environment] if environment else Connection.Environment.values:
        if here := [connection for connection in active if connection.environment == candidate]:
            return here
    return []


def _payment_connections(organization: Organization) -> ConnectionQuerySet:
    connections = Connection.objects.filter(organization=organization, provider_type=ProviderType.PAYMENT)
    return connections.select_related("provider", "payment_settings")


def _in_order(organization: Organization, fitting: Sequence[Connection], order: PaymentOrder) -> list[Connection]:
    if len(fitting) == 1:
        return list(fitting)
    named = [route.connection_id for route in _rules(organization) if _applies(route, order, fitting[0].environment)]
    record = track_record(organization)

    def rank(connection: Connection) -> tuple[object, ...]:
        position = named.index(connection.pk) if connection.pk in named else len(named)
        health = _HEALTH_RANK[Connection.Health(connection.health_status)]
        missed = int((1 - record.success_rate(connection.pk)) * _GAUGED_IN)
        fee = record.fee(connection.pk, Decimal(order.amount), settings_of(connection))
        return position, not connection.is_primary, health, missed, fee, connection.pk

    return sorted(fitting, key=rank)


def _rules(organization: Organization) -> QuerySet[PaymentRoute]:
    return PaymentRoute.objects.filter(organization=organization, is_active=True).order_by("position", "pk")


def _applies(route: PaymentRoute, order: PaymentOrder, environment: str) -> bool:
    """A part of a rule that is empty holds for every payment."""
    parts = ((route.environment, environment), (route.country, order.country), (route.currency, order.currency))
    if any(wanted and wanted != given for wanted, given in (*parts, (route.method, order.method))):
        return False
    amount = Decimal(order.amount)
    return (route.min_amount is None or route.min_amount <= amount) and (
        route.max_amount is None or amount <= route.max_amount
    )


def _none(active: list[Connection], order: PaymentOrder) -> ConfigurationError:
    if not active:
        return ConfigurationError("No payment connection is active: set one up and activate it.")
    wanted = {"currency": order.currency, "country": order.country, "method": order.method}
    named = ", ".join(f"{name} {value}" for name, value in wanted.items() if value)
    if order.capture:
        return ConfigurationError("No active payment connection serves {wanted}.", wanted=named)
    return ConfigurationError("No active payment connection serves {wanted}, capture later.", wanted=named)


def _as_uuid(value: UUID | str | None) -> UUID:
    try:
        return value if isinstance(value, UUID) else UUID(str(value))
    except ValueError as error:
        raise InvalidRequest("There is no such payment connection.", field="connection") from error
