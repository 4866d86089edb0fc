"""How many REST calls a token or a person may make. With Redis away callers are served rather than refused."""

from __future__ import annotations

import logging
import time
from typing import Any

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

logger = logging.getLogger(__name__)

_REST_SECONDS = 5.0  # after a failure Redis is not asked for this long: its time-outs must not add to every call


class CallerThrottle(SimpleRateThrottle):
    scope = "caller"
    _resting_until = 0.0  # for all instances: each request has one of its own

    def get_cache_key(self, request: Request, view: Any) -> str:
        who = request.user.pk if request.user and request.user.is_authenticated else self.get_ident(request)
        return f"hub:throttle:{who}"

    def allow_request(self, request: Request, view: Any) -> bool:
        if time.monotonic() < CallerThrottle._resting_until:
            return True
        try:
            return super().allow_request(request, view)
        except RedisError as error:
            CallerThrottle._resting_until = time.monotonic() + _REST_SECONDS
            logger.warning("REST calls are not limited: Redis does not answer (%s).", type(error).__name__)
            return True
