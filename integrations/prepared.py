"""A call as it goes out: its body, its address and its headers, and what of them must not be written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode

import requests
import simplejson
from django.conf import settings

from .errors import ConfigurationError, InvalidRequest, NotSupported
from .models import Connection
from .providers.base import Provider
from .secrecy import Secret

_LEFT_AS_IT_IS = "/%:@!$&'()*+,;=~-._"  # of a path, when the rest is percent-encoded


def base_url(connection: Connection, provider: Provider) -> str:
    """Where the connection's provider answers. Only outside production may the configuration say otherwise."""
    if provider.is_offline:
        raise NotSupported("{provider} is offline: there is nothing to call.", provider=provider.name)
    override = connection.configuration.get("base_url")
    if override and connection.environment != Connection.Environment.PRODUCTION:
        return str(override)
    address = provider.base_url(connection.environment, connection.configuration)
    return address.format(public_url=settings.PUBLIC_URL)


def secrets_of(provider: Provider, credentials: Mapping[str, str], auth_headers: Mapping[str, str]) -> list[str]:
    """The values that must not be written down: all but those that the provider declares to be no secret.

    What `Authorization` is made of them (a user and a password in base64) is one more.
    """
    plain = {declared.key for declared in provider.credentials if not declared.secret}
    made_of_them = auth_headers.get("Authorization", "").rpartition(" ")[2]
    return [value for key, value in credentials.items() if key not in plain] + [made_of_them]


def secrets_within(value: Any) -> Iterator[Secret]:
    if isinstance(value, Secret) and value:
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from secrets_within(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from secrets_within(inner)


def encode(
    *, json: Mapping[str, Any] | None = None, form: Mapping[str, str] | None = None, body: bytes | None = None
) -> tuple[bytes, str]:
    """The body and its content type. Decimals go out as JSON numbers, with the digits that they have."""
    if json is not None:
        return simplejson.dumps(json, ensure_ascii=False, use_decimal=True).encode(), "application/json"
    if form is not None:
        return urlencode(form).encode(), "application/x-www-form-urlencoded"
    return body or b"", ""


def join(base: str, path: str) -> str:
    """`path` below `base`. Raises InvalidRequest for a path that could lead anywhere else, in whatever disguise."""
    if "?" in base or "#" in base:
        raise ConfigurationError("The connection's base URL may have neither a query nor a fragment.")
    plain = unquote(unquote(unquote(path)))
    # Some servers take "..;x" for "..": what follows the semicolon is a parameter to them.
    climbs = any(segment.partition(";")[0] in (".", "..") for segment in plain.split("/"))
    hides_a_slash = plain.count("/") != path.count("/")
    odd = any(character in plain for character in "\\?#") or not (path.isprintable() and plain.isprintable())
    if climbs or hides_a_slash or odd or "//" in path:
        raise InvalidRequest("The path must be plain, relative to the provider's address.", field="path")
    return f"{base.rstrip('/')}/{quote(path.removeprefix('/'), safe=_LEFT_AS_IT_IS)}"


def put_headers(request: requests.PreparedRequest, headers: Mapping[str, str]) -> None:
    """Raises InvalidRequest, which does not say what it held, for a header that cannot be sent."""
    try:
        for value in headers.values():
            value.encode("latin-1")
        request.prepare_headers(headers)
    except (requests.RequestException, UnicodeError):
        raise InvalidRequest("A header holds characters that no header may hold.") from None
