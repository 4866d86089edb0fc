"""A hint to the workers that events are waiting. Losing one costs seconds: a sweep finds what nobody told of."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

_APART_SECONDS = 0.25
_is_wanted = threading.Event()
_starting = threading.Lock()
_messenger: threading.Thread | None = None


def wake_inbox() -> None:
    """Have a drain task sent, at most a few a second from one process: a burst of events needs one, not one each.

    A thread of its own sends it, since a broker that is away can hold up its caller for seconds.
    """
    global _messenger
    _is_wanted.set()
    if _messenger is not None and _messenger.is_alive():
        return
    with _starting:
        if _messenger is None or not _messenger.is_alive():
            _messenger = threading.Thread(target=_send_when_wanted, name="wake-inbox", daemon=True)
            _messenger.start()


def _send_when_wanted() -> None:
    while _is_wanted.wait():
        _is_wanted.clear()
        with suppress(OperationalError, RedisError, OSError):  # the sweep will find what was not told of
            current_app.send_task("webhooks.tasks.drain_inbox", expires=30, retry=False, ignore_result=True)
        time.sleep(_APART_SECONDS)
