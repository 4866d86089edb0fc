"""An Apprise address, read and judged. Runs where Apprise does: in the courier's own process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import apprise
from django.conf import settings

from integrations.egress import check_address, check_url, permitted_addresses
from integrations.errors import InvalidRequest

from .services import BY_SCHEME, Service

LONGEST = 2000
_SCHEME = re.compile(r"([a-z0-9]{1,20})://", re.IGNORECASE)
# They switch off certificates' checks, follow redirects, read files of this machine, or wait longer than we do.
_REFUSED_PARAMETERS = frozenset({
    "verify", "redirect", "template", "pgp", "pgppub", "pgpprv", "pgpkey", "wkd", "cto", "rto", "retry", "wait",
    "store", "tag", "overflow", "batch", "split",
})  # fmt: skip


@dataclass(frozen=True)
class Address:
    """What an address leads to. `shown` is what may be shown of it: no user, path, query or token."""

    plugin: Any
    service: Service
    shown: str


def read_address(url: str) -> Address:
    """Raises InvalidRequest for what is no address of a known service, and EgressRefused for a host that may not be
    reached. No message quotes the address: whatever was typed may be a secret."""
    scheme = _SCHEME.match(url)
    if len(url) > LONGEST or not scheme or any(character.isspace() for character in url):
        raise InvalidRequest("This is not an address such as {example}.", example="slack://…", field="url")
    for name, _value in parse_qsl(urlsplit(url).query, keep_blank_values=True):
        if name.lower().lstrip("+-:") in _REFUSED_PARAMETERS and not name.startswith(("+", "-", ":")):
            raise InvalidRequest("The address may not have the parameter {name}.", name=name[:20], field="url")
    # A service's own address (https://hooks.slack.com/…) is read as what it is.
    if scheme[1].lower() not in BY_SCHEME and scheme[1].lower() != "https":
        raise InvalidRequest("Addresses of the kind {scheme} cannot be used.", scheme=scheme[1], field="url")
    plugin = apprise.Apprise.instantiate(url, asset=_asset(), suppress_exceptions=True)
    service = _service_of(plugin)
    if plugin is None or service is None:
        raise InvalidRequest("The address is not complete, or has a part that the service does not know.", field="url")
    plugin.redirects = False
    plugin.verify_certificate = True
    for host, port, tls in _hosts(plugin, service):
        _check_host(host, port, tls=tls)
    return Address(plugin, service, _shown(plugin, service))


def _service_of(plugin: Any) -> Service | None:
    """By its class: several plugins put the scheme of their calls in the place of the address's."""
    for declared in (getattr(plugin, "secure_protocol", None), getattr(plugin, "protocol", None)):
        for scheme in (declared,) if isinstance(declared, str) else declared or ():
            if scheme in BY_SCHEME:
                return BY_SCHEME[scheme]
    return None


def _asset() -> apprise.AppriseAsset:
    asset = apprise.AppriseAsset(app_id="Hub", app_desc="Hub", app_url=settings.PUBLIC_URL, allow_templates=False)
    asset.http_redirects = False
    asset.image_url_mask = asset.image_url_logo = ""  # Apprise's pictures, which readers would fetch from elsewhere
    return asset


def _hosts(plugin: Any, service: Service) -> list[tuple[str, int, bool]]:
    if service.slug == "mailtos":
        return [(plugin.smtp_host, plugin.port, plugin.secure_mode != "insecure")]
    if not service.names_host or getattr(plugin, "mode", "") == "cloud":
        return []
    tls = service.is_always_tls or plugin.secure
    return [(plugin.host, plugin.port or (443 if tls else 80), tls)]


def _check_host(host: str, port: int, *, tls: bool) -> None:
    """A host of mail is judged as one of HTTPS: it is neither our own nor inside the network."""
    shown = f"[{host}]" if ":" in host else host
    check_url(f"{'https' if tls else 'http'}://{shown}:{port}/")
    for address in permitted_addresses(host, port, tls=tls):
        check_address(address)


def _shown(plugin: Any, service: Service) -> str:
    if service.slug == "mailtos":
        to = ", ".join(email for _name, email in plugin.targets[:5])
        return f"{to} ({plugin.smtp_host})"
    hosts = [f"{host}:{port}" for host, port, _tls in _hosts(plugin, service)]
    scheme = service.slug if plugin.secure or service.is_always_tls or not service.names_host else service.schemes[-1]
    return f"{scheme}://{hosts[0] if hosts else ''}…"
