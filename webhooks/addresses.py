"""From which addresses an endpoint may be called."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from integrations.client_address import Network, is_in, read_address
from integrations.errors import IntegrationError, InvalidRequest

_MOST = 100


class AddressRefused(IntegrationError):
    code = "address_refused"
    http_status = 403


def check_address(address: str | None, allowed: Sequence[str]) -> None:
    """Raises AddressRefused for a caller who is in none of the networks `allowed`, unless there are none."""
    if allowed and not is_in(read_address(address), _networks(tuple(allowed))):
        raise AddressRefused("This address may not call here.")


def check_networks(networks: Sequence[str]) -> None:
    """Raises InvalidRequest for what is no address or CIDR range."""
    if len(networks) > _MOST:
        raise InvalidRequest("There are at most {most} networks.", most=_MOST, field="allowed_networks")
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise InvalidRequest(
                "{network} is not an address, nor a range such as 192.0.2.0/24.",
                network=network[:43],
                field="allowed_networks",
            ) from error


@lru_cache(maxsize=1024)
def _networks(written: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(one, strict=False) for one in written)
