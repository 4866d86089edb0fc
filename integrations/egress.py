"""Which addresses an outbound call may reach.

Names are resolved here, every answer is checked, and the connection goes to an address that was checked
(`integrations.transport`), so a name that resolves otherwise a moment later (rebinding) changes nothing. The numeric
disguises of an address (decimal, octal, hex) are resolved by the same call and judged by what they mean.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from django.conf import settings
from requests_hardened.ip_filter import EXTRA_BLOCKED_NET_RANGES

from .errors import EgressRefused, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_UNFIT_FOR_URLS = re.compile(r"[\x00-\x20\x7f\\#]")
# All that is given out of IPv6 so far; what wraps an IPv4 address (mapped, compatible, NAT64) lies outside.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Azure's own services for its machines: the address looks public and is not.
# https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
_AZURE_PLATFORM = ipaddress.ip_address("168.63.129.16")


def check_url(url: str) -> None:
    """Raises EgressRefused for what cannot be called whatever its name resolves to, saying why.

    Of our own address nothing but the sandbox may be called: a call must not come back in by the front door.
    """
    if _UNFIT_FOR_URLS.search(url):
        raise EgressRefused("The address holds characters that no address of a call may hold.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise EgressRefused("The address cannot be read.") from error
    if parts.scheme not in ("http", "https") or not host or not host.isascii() or "%" in host:
        raise EgressRefused("Only http and https addresses can be called.")
    if parts.username is not None or parts.password is not None:
        raise EgressRefused("An address with a user in it cannot be called.")
    if any(segment in (".", "..") for segment in unquote(parts.path).split("/")):
        raise EgressRefused("An address with a path that climbs cannot be called.")
    port = port or (443 if parts.scheme == "https" else 80)
    in_sandbox = settings.SANDBOX and parts.path.startswith("/sandbox/")
    if _is_our_own(host, port) and not in_sandbox and not _is_opened(host):
        raise EgressRefused("Our own address cannot be called.")


def permitted_addresses(host: str, port: int, *, tls: bool) -> list[str]:
    """The addresses of `host`, each of which may be connected to.

    They must all be public, and without TLS none may be called, unless HUB_EGRESS_ALLOW opens them or they are those of
    our own sandbox. Raises EgressRefused, and Unavailable when the name does not resolve.
    """
    addresses = _resolve(host, port)
    opened = _is_opened(host) or (settings.SANDBOX and _is_our_own(host, port))
    for address in addresses:
        if opened or _is_in_opened_network(address):
            continue
        if not tls:
            raise EgressRefused("Only https addresses can be called.")
        if not is_public(address):
            raise EgressRefused("{host} is an address inside a network, which outbound calls may not reach.", host=host)
    return [str(address) for address in addresses]


def check_address(text: str) -> None:
    """Raises EgressRefused for a numeric address that may not be connected to, whatever name has led there: the check
    at the socket itself, for what opens its own. A name that HUB_EGRESS_ALLOW opens opens what it resolves to."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError as error:
        raise EgressRefused("Only an address that was checked can be connected to.") from error
    if not (is_public(address) or _is_in_opened_network(address) or address in _addresses_of_opened_names()):
        raise EgressRefused("{host} is an address inside a network, which outbound calls may not reach.", host=text)


def is_public(address: Address) -> bool:
    """Whether an address is out in the open internet."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return address.ipv4_mapped is not None and is_public(address.ipv4_mapped)
    blocked = any(address in network for network in EXTRA_BLOCKED_NET_RANGES)
    return address.is_global and not (address.is_multicast or blocked or address == _AZURE_PLATFORM)


def _resolve(host: str, port: int) -> list[Address]:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable("The name {host} does not resolve.", host=host) from error
    # A scope ("fe80::1%eth0") says which card, not which address.
    found = [ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers]
    return list(dict.fromkeys(found))


def _is_opened(host: str) -> bool:
    """Whether HUB_EGRESS_ALLOW opens the host, by its name or as the address that it is."""
    if host in settings.EGRESS_ALLOW:
        return True
    try:
        return _is_in_opened_network(ipaddress.ip_address(host))
    except ValueError:
        return False


def _is_in_opened_network(address: Address) -> bool:
    for entry in settings.EGRESS_ALLOW:
        try:
            if address in ipaddress.ip_network(entry, strict=False):
                return True
        except ValueError:
            continue  # an entry that is a name
    return False


def _addresses_of_opened_names() -> set[Address]:
    found: set[Address] = set()
    for entry in settings.EGRESS_ALLOW:
        try:
            ipaddress.ip_network(entry, strict=False)
        except ValueError:
            with suppress(Unavailable):
                found.update(_resolve(entry, 443))
    return found


def _is_our_own(host: str, port: int) -> bool:
    own = urlsplit(settings.PUBLIC_URL)
    return host == own.hostname and port == (own.port or (443 if own.scheme == "https" else 80))
