"""`Idempotency-Key` for what is only made here: asked for again under the same key, it is there already.

Payments have keys of their own in PostgreSQL, because money hangs on them. These rest in Redis for a day: should it be
emptied meanwhile, a repetition makes a second row, which is seen and can be deleted.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.utils.crypto import salted_hmac
from redis.exceptions import RedisError
from rest_framework.request import Request

from ..errors import Conflict, InvalidRequest
from .serializers import organization_of

logger = logging.getLogger(__name__)

_KEPT_SECONDS = int(timedelta(days=1).total_seconds())
_UNDER_WAY_SECONDS = 120  # longer than a call to a provider takes


def once(request: Request, make: Callable[[], uuid.UUID]) -> uuid.UUID:
    """Call `make` and return the id of what it made; for a repetition of the request, the id from the first time.

    Raises Conflict when the key was used for another request, or the first one is still under way.
    """
    key = idempotency_key(request)
    if not key:
        return make()
    fingerprint = _digest(request.method, request.path, json.dumps(request.data, sort_keys=True))
    name = f"idempotency:{_digest(str(organization_of(request).pk), key)}"
    try:
        earlier = None if cache.add(name, [fingerprint, None], _UNDER_WAY_SECONDS) else cache.get(name)
    except RedisError as error:
        logger.warning("Idempotency keys are not looked at: Redis does not answer (%s).", type(error).__name__)
        return make()
    if earlier is not None:
        return _made_before(earlier, fingerprint)
    made = None
    try:
        made = make()
    finally:
        # What was made is made, and what failed has failed, whether Redis takes note of it or not.
        with suppress(RedisError):
            cache.set(name, [fingerprint, str(made)], _KEPT_SECONDS) if made else cache.delete(name)
    return made


def idempotency_key(request: Request) -> str:
    """The key that the caller gave. Raises InvalidRequest for one that cannot be kept."""
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > 255 or not key.isprintable():
        raise InvalidRequest("An idempotency key has at most 255 printable characters.", field="idempotency_key")
    return key


def _made_before(earlier: list[Any], fingerprint: str) -> uuid.UUID:
    asked, made = earlier
    if asked != fingerprint:
        raise Conflict("This idempotency key was used for another request.", field="idempotency_key")
    if made is None:
        raise Conflict("The first request under this idempotency key is still under way.", field="idempotency_key")
    return uuid.UUID(made)


def _digest(*parts: str | None) -> str:
    """Keyed, because a body may hold secrets, and Redis is not for those."""
    return salted_hmac("hub.idempotency", "\n".join(map(str, parts)), algorithm="sha256").hexdigest()
