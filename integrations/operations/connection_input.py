"""What callers say of a connection, checked before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q

from ..configuration import validate, validate_configuration, with_defaults
from ..errors import InvalidRequest
from ..models import Connection, IntegrationProvider, Organization
from ..providers.base import Provider
from .catalogue import offered_provider


def provider_of(connection: Connection) -> Provider:
    """The code of the connection's provider. Raises InvalidRequest when this installation no longer has it."""
    provider = offered_provider(connection.provider.slug)
    if provider is None:
        raise InvalidRequest(
            "{provider} is no longer offered.", provider=connection.provider.provider_name, field="provider"
        )
    return provider


def offered(organization: Organization, slug: str) -> tuple[IntegrationProvider, Provider]:
    """The catalogue's row and the code. A private provider is another organization's secret: unknown, too."""
    rows = IntegrationProvider.objects.filter(Q(organization=None) | Q(organization=organization), is_active=True)
    row = rows.filter(slug=slug).first() if "\x00" not in slug else None
    provider = offered_provider(slug)
    if row is None or provider is None:
        raise InvalidRequest("There is no provider {slug!r}.", slug=slug[:50], field="provider")
    return row, provider


def checked(
    provider: Provider, environment: str, configuration: Mapping[str, Any], credentials: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Configuration and credentials with their defaults. Raises InvalidRequest with all that is wrong."""
    if isinstance(configuration, Mapping) and isinstance(credentials, Mapping):
        configuration = with_defaults(provider.configuration, configuration)
        credentials = with_defaults(provider.credentials, credentials)
    validate(provider, environment=environment, configuration=configuration, credentials=credentials)
    return dict(configuration), dict(credentials)


def checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise InvalidRequest("A connection needs a name of 1 to 100 printable characters.", field="connection_name")
    return name


def checked_region(region: str) -> str:
    if len(region) > 32 or not region.isprintable():
        raise InvalidRequest("A region has at most 32 printable characters.", field="region")
    return region


def checked_price(price: Decimal | None) -> Decimal | None:
    try:
        checked: Decimal | None = Connection._meta.get_field("price_per_call_aed").clean(price, None)
    except ValidationError as error:
        raise InvalidRequest(
            "A price per call is between 0 and 999,999 dirhams, with at most six decimals.", field="price_per_call_aed"
        ) from error
    return checked


def checked_changes(connection: Connection, changes: Mapping[str, Any]) -> dict[str, Any]:
    checked = dict(changes)
    if "connection_name" in checked:
        checked["connection_name"] = checked_name(checked["connection_name"])
    if "region" in checked:
        checked["region"] = checked_region(checked["region"])
    if "price_per_call_aed" in checked:
        checked["price_per_call_aed"] = checked_price(checked["price_per_call_aed"])
    if "configuration" in checked:
        provider = provider_of(connection)
        if isinstance(checked["configuration"], Mapping):
            checked["configuration"] = with_defaults(provider.configuration, checked["configuration"])
        environment = connection.environment
        validate_configuration(provider, environment=environment, configuration=checked["configuration"])
    return checked
