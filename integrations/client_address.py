"""Who calls: the peer of the connection, or whom our own proxies say they were called by."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Some proxies (Azure's) add the port: "192.0.2.7:50512", "[2001:db8::7]:50512".
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|([0-9.]+):\d{1,5}", re.ASCII)


def client_address(environ: Mapping[str, Any]) -> str | None:
    """The caller's address, from a request's WSGI environment.

    Each of HUB_TRUSTED_PROXIES is believed about whom it was called by, and nobody else: the right-most entry of
    `X-Forwarded-For` that none of them vouches for any further is the caller. What stands left of it anyone can write.
    """
    peer = environ.get("REMOTE_ADDR") or None
    if peer is None or not settings.TRUSTED_PROXIES:
        return peer
    caller = read_address(peer)
    for hop in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        if not is_in(caller, settings.TRUSTED_PROXIES) or (before := read_address(hop)) is None:
            break
        caller = before
    return str(caller) if caller else peer


def read_address(text: str | None) -> Address | None:
    """The address that is meant; None for what is none."""
    given = (text or "").strip()
    if found := _WITH_PORT.fullmatch(given):
        given = found[1] or found[2]
    try:
        address = ipaddress.ip_address(given.partition("%")[0])
    except ValueError:
        return None
    # A socket for both families tells of callers over IPv4 so.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_in(address: Address | None, networks: Iterable[Network]) -> bool:
    return address is not None and any(address in network for network in networks)
