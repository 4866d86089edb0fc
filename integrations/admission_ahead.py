"""What `admission` knows of many connections, read for all of them at once: before a sweep calls each."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

from .admission import GOOD_FOR_SECONDS, Known, keep
from .connection_state import RedisAway, generations
from .models import Connection, Credential, RateLimit
from .providers.registry import get_provider


def read_ahead(connections: Sequence[Connection]) -> dict[uuid.UUID, dict[str, Credential]]:
    """The usable credentials of each connection, by key. Limits and credentials are known to this process afterwards:
    each takes three statements and one round trip, however many connections there are."""
    keys = [connection.pk for connection in connections]
    try:
        known_by = generations(keys)  # before the rows are read: what is read is never kept under a later one
    except RedisAway:
        known_by = {}
    credentials = _credentials(keys)
    limits = _limits(connections)
    good_until = time.monotonic() + GOOD_FOR_SECONDS
    for key in known_by:
        keep(key, Known(known_by[key], good_until, limits[key], tuple(credentials[key])))
    return {key: {one.credential_key: one for one in reversed(credentials[key])} for key in keys}


def _credentials(keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Credential]]:
    """Of each key of a connection the newest comes first."""
    found: dict[uuid.UUID, list[Credential]] = {key: [] for key in keys}
    for credential in Credential.objects.filter(connection__in=keys).usable():
        found[credential.connection_id].append(credential)
    return found


def _limits(connections: Sequence[Connection]) -> dict[uuid.UUID, dict[str, int]]:
    limits = {one.pk: dict(get_provider(one.provider.slug).rate_limits) for one in connections}
    own = RateLimit.objects.filter(connection__in=list(limits), is_documented=False)
    for key, limit_type, most in own.values_list("connection_id", "limit_type", "max_requests"):
        limits[key][limit_type] = most
    return limits
