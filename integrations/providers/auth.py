"""Ways to authenticate a call: objects that say which headers and query parameters prove who calls."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..errors import ConfigurationError

Credentials = Mapping[str, str]


class Auth(Protocol):
    """Applied by the gateway at the last moment; `keys` are the credentials it needs."""

    @property
    def keys(self) -> tuple[str, ...]: ...

    def headers(self, credentials: Credentials) -> Mapping[str, str]: ...

    def params(self, credentials: Credentials) -> Mapping[str, str]: ...


def require(credentials: Credentials, key: str) -> str:
    """The credential's value. Raises ConfigurationError naming the key when the connection has none."""
    value = credentials.get(key, "")
    if not value:
        raise ConfigurationError("The connection has no active credential {key!r}.", key=key)
    return value


@dataclass(frozen=True)
class Bearer:
    """`Authorization: Bearer <value>` (RFC 6750)."""

    key: str = "api_key"

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key,)

    def headers(self, credentials: Credentials) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {require(credentials, self.key)}"}

    def params(self, credentials: Credentials) -> Mapping[str, str]:
        return {}


@dataclass(frozen=True)
class Basic:
    """`Authorization: Basic` (RFC 7617); some providers want the key as the user and no password (`password=""`)."""

    username: str
    password: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.username, self.password) if self.password else (self.username,)

    def headers(self, credentials: Credentials) -> Mapping[str, str]:
        password = require(credentials, self.password) if self.password else ""
        pair = f"{require(credentials, self.username)}:{password}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode("ascii")}

    def params(self, credentials: Credentials) -> Mapping[str, str]:
        return {}


@dataclass(frozen=True)
class HeaderKey:
    """The key in a header of the provider's choosing; `prefix` is put before it as it stands."""

    header: str
    key: str = "api_key"
    prefix: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key,)

    def headers(self, credentials: Credentials) -> Mapping[str, str]:
        return {self.header: self.prefix + require(credentials, self.key)}

    def params(self, credentials: Credentials) -> Mapping[str, str]:
        return {}


@dataclass(frozen=True)
class QueryKey:
    """The key in the query string; the gateway keeps it out of every log."""

    param: str
    key: str = "api_key"

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key,)

    def headers(self, credentials: Credentials) -> Mapping[str, str]:
        return {}

    def params(self, credentials: Credentials) -> Mapping[str, str]:
        return {self.param: require(credentials, self.key)}
