"""Which addresses an outbound call may reach.

Names are resolved here, every answer is checked, and the connection goes to an address that was checked, so a name that
resolves otherwise a moment later (rebinding) changes nothing. The numeric disguises of an address (decimal, octal, hex)
are resolved by the same call and judged by what they mean.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from requests_hardened.ip_filter import EXTRA_BLOCKED_NET_RANGES

from .errors import EgressRefused, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_UNFIT_FOR_URLS = re.compile(r"[\x00-\x20\x7f\\]")
_POOLED_HOSTS = 64
_CONNECTIONS_PER_HOST = 32


def check_url(url: str) -> SplitResult:
    """The parts of an absolute http(s) URL that may be asked for. Raises EgressRefused saying what is wrong with it.

    Plain http is for addresses that were opened by name: nothing else may be called without TLS.
    """
    if _UNFIT_FOR_URLS.search(url):
        raise EgressRefused("The address holds characters that no URL may hold.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise EgressRefused("The address cannot be read.") from error
    if parts.scheme not in ("http", "https") or not host:
        raise EgressRefused("Only http and https addresses can be called.")
    if parts.username is not None or parts.password is not None:
        raise EgressRefused("An address with a user in it cannot be called.")
    if parts.scheme == "http" and not _is_opened(host, port, parts.path):
        raise EgressRefused("Only https addresses can be called.")
    return parts


def permitted_address(host: str, port: int, path: str) -> str:
    """Resolve `host` and return one of its addresses. Raises EgressRefused when any of them is not public, unless
    HUB_EGRESS_ALLOW opens it, and Unavailable when the name does not resolve."""
    addresses = _resolve(host, port)
    if _is_opened(host, port, path):
        return str(addresses[0])
    for address in addresses:
        if not (is_public(address) or _is_allowed(address)):
            raise EgressRefused(f"{host} is an address inside a network, which outbound calls may not reach.")
    return str(addresses[0])


def is_public(address: Address) -> bool:
    """Whether an address is out in the open internet, whatever it is wrapped in."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is not None:
            return is_public(inner)
    blocked = any(address in network for network in EXTRA_BLOCKED_NET_RANGES if network.version == address.version)
    return address.is_global and not address.is_multicast and not blocked


def _resolve(host: str, port: int) -> list[Address]:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable(f"The name {host} does not resolve.") from error
    # A scope ("fe80::1%eth0") says which card, not which address.
    found = [ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers]
    return list(dict.fromkeys(found))


def _is_opened(host: str, port: int | None, path: str) -> bool:
    """Opened by name or address in HUB_EGRESS_ALLOW, or our own sandbox."""
    if host in settings.EGRESS_ALLOW or _is_own_sandbox(host, port, path):
        return True
    try:
        return _is_allowed(ipaddress.ip_address(host))
    except ValueError:
        return False


def _is_allowed(address: Address) -> bool:
    for entry in settings.EGRESS_ALLOW:
        try:
            if address in ipaddress.ip_network(entry, strict=False):
                return True
        except ValueError:
            continue  # an entry that is a name
    return False


def _is_own_sandbox(host: str, port: int | None, path: str) -> bool:
    own = urlsplit(settings.PUBLIC_URL)
    default = 443 if own.scheme == "https" else 80
    same = host == own.hostname and (port or default) == (own.port or default)
    return settings.SANDBOX and same and path.startswith("/sandbox/")


class EgressAdapter(HTTPAdapter):
    """Kept-alive connections to checked addresses only. Threads may share one: it has no cookies and no state of calls.

    TLS is verified for the name that was asked for, although the connection goes to the address.
    """

    def __init__(self) -> None:
        super().__init__(
            pool_connections=_POOLED_HOSTS, pool_maxsize=_CONNECTIONS_PER_HOST, max_retries=0, pool_block=False
        )

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host_params, pool_kwargs = super().build_connection_pool_key_attributes(request, verify, cert)
        parts = check_url(request.url or "")
        host = parts.hostname or ""
        if parts.scheme == "https":
            tls: dict[str, Any] = {"assert_hostname": host, "server_hostname": host}
            pool_kwargs.update(tls)  # type: ignore[typeddict-item]
        request.headers["Host"] = parts.netloc
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host_params["host"] = permitted_address(host, port, parts.path)
        return host_params, pool_kwargs
