"""A hint to the workers that events are waiting. Losing one costs seconds: a sweep finds what nobody told of."""

from __future__ import annotations

import threading
import time

from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

_APART_SECONDS = 0.25
_lock = threading.Lock()
_last = 0.0


def wake_inbox() -> None:
    """Send a drain task, at most a few a second from one process: a burst of events needs one, not one each."""
    global _last
    now = time.monotonic()
    if now - _last < _APART_SECONDS or not _lock.acquire(blocking=False):
        return
    try:
        _last = now
        current_app.send_task("webhooks.tasks.drain_inbox", expires=30, retry=False, ignore_result=True)
    except (OperationalError, RedisError, OSError):
        return  # the sweep will find it
    finally:
        _lock.release()
