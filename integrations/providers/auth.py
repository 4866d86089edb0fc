"""Ways to authenticate a call: objects that say which headers and query parameters prove who calls."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import ConfigurationError, InvalidResponse
from ..secrecy import Secret

if TYPE_CHECKING:
    from .base import Answer

Credentials = Mapping[str, str]
ACCESS_TOKEN = "access_token"  # noqa: S105 - the name under which the gateway adds the one that it fetched


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


@dataclass(frozen=True)
class Unauthenticated:
    """Nothing in the headers or the query: the proof is in the body, or none is wanted."""

    @property
    def keys(self) -> tuple[str, ...]:
        return ()

    def headers(self, credentials: Credentials) -> Mapping[str, str]:
        return {}

    def params(self, credentials: Credentials) -> Mapping[str, str]:
        return {}


@dataclass(frozen=True)
class TokenExchange:
    """An access token, which the gateway fetches with the credentials by a POST to `path` and keeps until it ends.

    OAuth 2.0 client credentials (RFC 6749, 4.4) and its kin. `by` authenticates that POST; its body is `fixed`, with
    the configuration's values (`configured`: field by field, left out where they are empty) and credentials
    (`credentials_sent`). The answer's `token_field` is the token, `lifetime_field` its seconds, or else
    `lifetime_seconds`.
    """

    path: str
    by: Auth
    fixed: Mapping[str, str] = field(default_factory=dict)
    configured: Mapping[str, str] = field(default_factory=dict)
    credentials_sent: Mapping[str, str] = field(default_factory=dict)
    is_json: bool = False
    sent_headers: Mapping[str, str] = field(default_factory=dict)
    token_field: str = "access_token"  # noqa: S105 - the name of a field
    lifetime_field: str = "expires_in"
    lifetime_seconds: float = 3000.0
    scheme: str = "Bearer"

    @property
    def keys(self) -> tuple[str, ...]:
        return (*self.by.keys, *self.credentials_sent.values())

    def headers(self, credentials: Credentials) -> Mapping[str, str]:
        return {"Authorization": f"{self.scheme} {require(credentials, ACCESS_TOKEN)}"}

    def params(self, credentials: Credentials) -> Mapping[str, str]:
        return {}

    def content(self, credentials: Credentials, configuration: Mapping[str, Any]) -> dict[str, str]:
        """The body of the call for a token. Raises ConfigurationError for a credential that is not there."""
        configured = {name: str(configuration.get(key) or "") for name, key in self.configured.items()}
        proof = {name: require(credentials, key) for name, key in self.credentials_sent.items()}
        return {**self.fixed, **{name: value for name, value in configured.items() if value}, **proof}

    def read(self, answer: Answer) -> tuple[Secret, float]:
        """The token and its seconds. Raises InvalidResponse."""
        given = answer.json()
        token, seconds = given.get(self.token_field), given.get(self.lifetime_field, self.lifetime_seconds)
        try:
            lifetime = float(seconds)
        except (TypeError, ValueError):
            lifetime = self.lifetime_seconds
        if not isinstance(token, str) or not token or lifetime <= 0:
            raise InvalidResponse("The access token is not as documented.")
        return Secret(token), lifetime
