"""What may be asked of a destination: where to, which events, with which headers."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from integrations.egress import check_url, permitted_addresses
from integrations.errors import EgressRefused, InvalidRequest, Unavailable
from integrations.models import Connection
from integrations.models.catalogue import IntegrationProvider
from integrations.providers.events import EventType
from integrations.providers.signatures import StandardWebhooks

from ..models import WebhookDestination
from .known_destinations import fits
from .schedule import check_retry_policy

MOST_AT_ONCE = 32
MOST_PER_SECOND = 10_000
_MOST_HEADERS = 20
_LONGEST_URL, _LONGEST_VALUE = 2_000, 4_096
# RFC 9110, 5.6.2: a token.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", re.ASCII)
_PATTERN = re.compile(r"\*|[a-z0-9_]+(?:\.[a-z0-9_]+)*(?:\.\*)?", re.ASCII)
# Those of the message itself, of the connection (RFC 9110, 7.6.1), and those that would be read as ours.
_NOT_THEIRS = frozenset({
    "host", "content-type", "content-length", "content-encoding", "transfer-encoding", "connection",
    "keep-alive", "te", "trailer", "upgrade", "expect", "proxy-authorization", "proxy-authenticate",
    "proxy-connection", "http2-settings",
})  # fmt: skip
_OUR_PREFIXES = ("webhook-", "hub-")


def check_url_of(url: str) -> None:
    """Raises InvalidRequest for an address that could never be called; who it is is judged again at each call."""
    if len(url) > _LONGEST_URL or not url.isascii():
        raise InvalidRequest(
            "An address has at most {most} characters, all of ASCII: write others in per cent.",
            most=_LONGEST_URL,
            field="url",
        )
    try:
        check_url(url)
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        permitted_addresses(parts.hostname or "", port, tls=parts.scheme == "https")
    except EgressRefused as error:
        raise InvalidRequest(error.template, field="url", **error.values) from error
    except Unavailable as error:
        # A name may come to resolve; a number will not.
        if _is_numeric(parts.hostname or ""):
            raise InvalidRequest("The address cannot be read.", field="url") from error


def check_filters(changes: Mapping[str, Any]) -> None:
    for pattern in changes.get("event_types", ()):
        # One that nothing fits is a slip of the pen, and would be noticed by what never comes.
        is_known = any(fits(event_type, pattern) for event_type in EventType)
        if not is_known or not _PATTERN.fullmatch(pattern):
            raise InvalidRequest(
                "An event type is a name such as payment.succeeded, or payment.* for all of its kind.",
                field="event_types",
            )
    for name in changes.get("provider_event_types", ()):
        if not name or len(name) > 100 or not name.isprintable():
            raise InvalidRequest("An event type has 1 to 100 printable characters.", field="provider_event_types")
    unknown = set(changes.get("provider_types", ())) - set(IntegrationProvider.Type.values)
    if unknown:
        raise InvalidRequest("There is no such kind of provider.", field="provider_types")


def check_limits(changes: Mapping[str, Any]) -> None:
    if "max_concurrency" in changes and not 1 <= changes["max_concurrency"] <= MOST_AT_ONCE:
        raise InvalidRequest("From 1 to {most} at once.", most=MOST_AT_ONCE, field="max_concurrency")
    rate = changes.get("max_per_second")
    if rate is not None and not 1 <= rate <= MOST_PER_SECOND:
        raise InvalidRequest("From 1 to {most} a second.", most=MOST_PER_SECOND, field="max_per_second")
    if "retry_policy" in changes:
        check_retry_policy(changes["retry_policy"])


def check_connection(connection: Connection | None, organization_id: Any) -> None:
    if connection is not None and connection.organization_id != organization_id:
        raise InvalidRequest("There is no such connection.", field="connection")


def check_form(form: str) -> None:
    if form not in WebhookDestination.Form.values:
        raise InvalidRequest("There is no such form.", field="form")


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """By lower-case name. Raises InvalidRequest, which quotes no value."""
    names = [name.lower() for name in headers]
    if len(names) > _MOST_HEADERS or len(set(names)) < len(names):
        raise InvalidRequest("At most {most} headers, each named once.", most=_MOST_HEADERS, field="headers")
    for name, value in zip(names, headers.values(), strict=True):
        if not _HEADER_NAME.fullmatch(name) or name in _NOT_THEIRS or name.startswith(_OUR_PREFIXES):
            raise InvalidRequest("This header cannot be set: {name}.", name=name[:100], field="headers")
        if not _is_header_value(value):
            raise InvalidRequest("The value of {name} holds what no header may hold.", name=name, field="headers")
    return dict(zip(names, headers.values(), strict=True))


def check_secret(secret: str) -> None:
    if not StandardWebhooks().is_secret(secret):
        raise InvalidRequest("A signing secret is whsec_ followed by 24 to 64 bytes in base64.", field="signing_secret")


def header_lines(text: str) -> dict[str, str]:
    """Headers as a person writes them, `Name: value` a line. Raises InvalidRequest."""
    headers: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, value = line.partition(":")
        if not colon or name.strip().lower() in headers:
            raise InvalidRequest("Write each header once, in a line of its own, as Name: value.", field="headers")
        headers[name.strip().lower()] = value.strip()
    return headers


def _is_header_value(value: Any) -> bool:
    """Visible ASCII and blanks within, which every server takes for one value."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= _LONGEST_VALUE
        and value == value.strip()
        and value.isascii()
        and value.isprintable()
    )


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def words(text: str) -> Sequence[str]:
    """Names as a person writes them: separated by blanks or commas."""
    return text.replace(",", " ").split()
