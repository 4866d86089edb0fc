"""Which connection takes a payment, and which come after it when it cannot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from ..errors import ConfigurationError, ConnectionNotReady, IntegrationError, InvalidRequest
from ..models import Connection, Organization
from ..models.connections import ConnectionQuerySet
from ..providers.base import PaymentProvider, ProviderType
from .catalogue import offered_provider
from .payment_order import PaymentOrder
from .payment_terms import not_offered
from .routing_order import in_order, settings_of

Check = Callable[[Connection], None]


@dataclass(frozen=True)
class Route:
    """The connections to try, in order; and those passed over that would have come first: they are down, or their
    gateway wants what the order lacks, as `lacks` has it by their keys."""

    connections: Sequence[Connection]
    passed_over: Sequence[Connection] = ()
    lacks: Mapping[UUID, IntegrationError] = field(default_factory=dict)


def route_payment(organization: Organization, order: PaymentOrder, check: Check = lambda connection: None) -> Route:
    """Which connections may take a payment. `check` raises what a connection's gateway lacks in it.

    A connection that the order names is the only one. Otherwise those of one environment: production where the
    organization has an active payment connection there, else staging, else development, so that live and test are never
    mixed. Of them the ones that fit (operations, currency, country, method): first those that the organization's own
    rules name, then the primary, then healthy, unknown, degraded; of equals the one that has taken more of the last
    hour's payments, then the cheaper. Those known to be down are tried only when there is no other. One that no gateway
    stands behind must be asked for: by method, by a rule, or as the primary.

    Raises InvalidRequest for a connection that is not the organization's or does not fit, ConnectionNotReady for one
    that is not active, ConfigurationError when there is none, and where each lacks something what the first does.
    """
    if order.connection_id:
        named = _named(organization, order)
        check(named)
        return Route([named])
    active = active_connections(organization, order.environment)
    route = _route(organization, active, order, check)
    if not route.connections:
        raise next(iter(route.lacks.values()), _none(active, order))
    return route


def connections_in_order(organization: Organization, order: PaymentOrder) -> Sequence[Connection]:
    """Those that a payment would be tried with now; none where there are none. What is empty in the order is open."""
    return _route(organization, active_connections(organization, order.environment), order).connections


def misfit(connection: Connection, order: PaymentOrder) -> str:
    """The field of the order that this connection cannot serve, or an empty string. What is empty in it is served."""
    provider = offered_provider(connection.provider.slug)
    settings = settings_of(connection)
    currencies = settings.supported_currencies if settings else ()
    methods = settings.supported_payment_methods if settings else ()
    if not isinstance(provider, PaymentProvider) or "create" not in provider.operations:
        return "connection"
    if order.capture is False and "capture" not in provider.operations:
        return "capture"
    if order.currency and not _serves(order.currency, provider.currencies_of(connection.configuration), currencies):
        return "currency"
    if order.country and not _serves(order.country, provider.countries):
        return "country"
    if order.method and not _serves(order.method, provider.payment_capabilities, methods):
        return "method"
    if order.currency and not _serves(order.currency, provider.method_currencies.get(order.method, ())):
        return "method"
    return ""


def active_connections(organization: Organization, environment: str) -> list[Connection]:
    """The active payment connections of the environment, or of the most serious one that has any."""
    active = list(payment_connections(organization).usable())
    for connection in active:
        connection.organization = organization  # known, and so not joined: this is read for each payment
    for candidate in [environment] if environment else Connection.Environment.values:
        if here := [connection for connection in active if connection.environment == candidate]:
            return here
    return []


def payment_connections(organization: Organization) -> ConnectionQuerySet:
    """All of them, each with what `misfit` asks of it: nothing is read once more for each connection."""
    connections = Connection.objects.filter(organization=organization, provider_type=ProviderType.PAYMENT)
    return connections.select_related("provider", "payment_settings")


def _route(
    organization: Organization, active: list[Connection], order: PaymentOrder, check: Check = lambda connection: None
) -> Route:
    fitting = [connection for connection in active if not misfit(connection, order)]
    ordered = in_order(organization, fitting, order)
    lacks = {connection.pk: lack for connection in ordered if (lack := _lack(connection, check)) is not None}
    tried = _whose_token_it_may_be([connection for connection in ordered if connection.pk not in lacks], order)
    if not tried:
        return Route([], ordered, lacks)
    standing = [connection for connection in tried if connection.health_status != Connection.Health.DOWN] or tried
    ahead = ordered[: ordered.index(standing[0])]
    return Route(standing, [connection for connection in ahead if connection in tried or connection.pk in lacks], lacks)


def _lack(connection: Connection, check: Check) -> IntegrationError | None:
    try:
        check(connection)
    except IntegrationError as lack:
        return lack
    return None


def _whose_token_it_may_be(tried: Sequence[Connection], order: PaymentOrder) -> Sequence[Connection]:
    """A token is one gateway's: no other is shown it, or could do anything with it."""
    if not order.payment_token or not tried:
        return tried
    return [connection for connection in tried if connection.provider_id == tried[0].provider_id]


def _serves(wanted: str, *offers: Collection[str]) -> bool:
    """Whether every offer that says anything includes what is wanted."""
    return all(wanted in offer for offer in offers if offer)


def _named(organization: Organization, order: PaymentOrder) -> Connection:
    found = payment_connections(organization).filter(pk=_as_uuid(order.connection_id)).first()
    if found is None:
        raise InvalidRequest("There is no such payment connection.", field="connection")
    found.organization = organization
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
    return not_offered(name, field)


def _none(active: list[Connection], order: PaymentOrder) -> ConfigurationError:
    if not active:
        return ConfigurationError("No payment connection is active: set one up and activate it.")
    wanted = {"currency": order.currency, "country": order.country, "method": order.method}
    named = ", ".join(f"{name} {value}" for name, value in wanted.items() if value)
    if order.capture is not False:
        return ConfigurationError("No active payment connection serves {wanted}.", wanted=named)
    return ConfigurationError("No active payment connection serves {wanted}, capture later.", wanted=named)


def _as_uuid(value: UUID | str | None) -> UUID:
    try:
        return value if isinstance(value, UUID) else UUID(str(value))
    except ValueError as error:
        raise InvalidRequest("There is no such payment connection.", field="connection") from error
