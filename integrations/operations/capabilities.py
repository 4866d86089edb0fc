"""Who can take a payment of a kind: the catalogue's providers, and the connections to them that would take it now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from uuid import UUID

from django.db.models import Q, QuerySet

from ..models import Connection, IntegrationProvider, Organization
from ..providers.base import PaymentProvider
from .catalogue import offered_provider
from .payment_order import PaymentOrder
from .payment_terms import check_country, check_currency, check_method
from .routing import connections_in_order


@dataclass(frozen=True)
class ServingConnection:
    """`position`: its place, from 1, among all that would take such a payment."""

    position: int
    connection: Connection


@dataclass(frozen=True)
class CapableProvider:
    """`connections`: the organization's own."""

    provider: IntegrationProvider
    connections: Sequence[ServingConnection] = ()


def get_payment_providers_by_capability(
    organization: Organization, capability: str, country: str, currency: str = ""
) -> list[CapableProvider]:
    """The payment providers that offer `capability` (a method: `mada`, `knet`, `apple_pay`, …) in `country`.

    Those that the organization could use at once come first, in the order of routing; then the region's own, by name.
    A connection counts that a payment of the kind would be routed through now: active, of the environment that is live,
    not kept from it by its payment settings, and not down while another stands. Rules of routing that ask for an amount
    are left out, as there is none.

    Raises InvalidRequest for a capability, a country or a currency that does not exist.
    """
    country, currency = country.upper(), currency.upper()
    check_method(capability, field="capability")
    check_country(country)
    if currency:
        check_currency(currency)
    order = PaymentOrder(amount="", currency=currency, reference="", method=capability, country=country)
    serving: dict[UUID, list[ServingConnection]] = {}
    for position, connection in enumerate(connections_in_order(organization, order), start=1):
        serving.setdefault(connection.provider_id, []).append(ServingConnection(position, connection))
    capable = [
        CapableProvider(row, serving.get(row.pk, ())) for row in _offering(organization, order) if _takes(row, order)
    ]
    # The sort is stable: those without a connection keep the catalogue's order.
    return sorted(capable, key=lambda one: one.connections[0].position if one.connections else inf)


def _offering(organization: Organization, order: PaymentOrder) -> QuerySet[IntegrationProvider]:
    """A provider that lists no countries or currencies serves them all."""
    rows = IntegrationProvider.objects.filter(
        Q(organization__isnull=True) | Q(organization=organization),
        Q(supported_countries__contains=[order.country]) | Q(supported_countries=[]),
        provider_type=IntegrationProvider.Type.PAYMENT,
        is_active=True,
        payment_capabilities__contains=[order.method],
    )
    if order.currency:
        rows = rows.filter(Q(supported_currencies__contains=[order.currency]) | Q(supported_currencies=[]))
    return rows.mena_first()


def _takes(row: IntegrationProvider, order: PaymentOrder) -> bool:
    provider = offered_provider(row.slug)
    if not isinstance(provider, PaymentProvider) or "create" not in provider.operations:
        return False
    only_in = provider.method_currencies.get(order.method)
    return not (order.currency and only_in) or order.currency in only_in
