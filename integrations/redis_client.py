"""Redis for counters: it may be away or emptied at any moment, and must then hold nobody up."""

from __future__ import annotations

from functools import cache

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


@cache
def redis_client(url: str) -> redis.Redis:
    """One pool a process, short time-outs. The one retry is for a connection that Redis closed while it was idle."""
    return redis.Redis.from_url(url, socket_connect_timeout=0.25, socket_timeout=0.5, retry=Retry(NoBackoff(), 1))
