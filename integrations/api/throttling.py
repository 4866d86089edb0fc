"""How many REST calls a token or a person may make. With Redis away callers are served rather than refused."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.conf import settings
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from ..redis_client import redis_client

logger = logging.getLogger(__name__)

_REST_SECONDS = 5.0  # after a failure Redis is not asked for this long: its time-outs must not add to every call


class CallerThrottle(SimpleRateThrottle):
    """A sliding window of two counters: this one's calls, and of the window's before as many as still fall into it.

    It costs a caller of many calls no more than one of few: their times are not kept.
    """

    scope = "caller"
    num_requests: int
    duration: int
    _seconds_left: float
    _resting_until = 0.0  # for all instances: each request has one of its own

    def get_cache_key(self, request: Request, view: Any) -> str:
        who = request.user.pk if request.user and request.user.is_authenticated else self.get_ident(request)
        return f"hub:throttle:{who}"

    def allow_request(self, request: Request, view: Any) -> bool:
        if time.monotonic() < CallerThrottle._resting_until:
            return True
        try:
            return self._count(self.get_cache_key(request, view), time.time())
        except RedisError as error:
            CallerThrottle._resting_until = time.monotonic() + _REST_SECONDS
            logger.warning("REST calls are not limited: Redis does not answer (%s).", type(error).__name__)
            return True

    def wait(self) -> float:
        return self._seconds_left

    def _count(self, key: str, now: float) -> bool:
        number, elapsed = divmod(now, self.duration)
        self._seconds_left = self.duration - elapsed
        window = f"{key}:{number:.0f}"
        redis = redis_client(str(settings.CACHES["default"]["LOCATION"]))
        with redis.pipeline(transaction=False) as pipe:
            pipe.get(f"{key}:{number - 1:.0f}")
            pipe.incr(window)
            pipe.expire(window, int(self.duration * 2) + 1)
            before, calls, _ = pipe.execute()
        used = int(before or 0) * (1 - elapsed / self.duration) + calls
        if used > self.num_requests:
            redis.decr(window)  # who is refused is not kept out for longer by asking again
            return False
        return True
