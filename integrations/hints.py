"""Hints to the workers that there is something to do. Losing one costs seconds: a sweep finds what nobody told of.

A thread of its own sends them, since a broker that is away can hold up its caller for seconds; the same hint given many
times meanwhile is sent once, so a burst of events needs a few, not one each.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import nullcontext

from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from .request_id import Origin, known_origin, originating

logger = logging.getLogger(__name__)

_APART_SECONDS = 0.25
_EXPIRE_SECONDS = 30
_MOST = 1000

_Hint = tuple[str, tuple[str, ...]]
_waiting: dict[_Hint, Origin | None] = {}  # with the first request that asked for it
_has_some = threading.Condition()
_messenger: threading.Thread | None = None


def hint(task: str, *args: str) -> None:
    """Have a task sent soon. Its arguments are ids."""
    global _messenger
    with _has_some:
        if len(_waiting) < _MOST:
            _waiting.setdefault((task, args), known_origin())
        if _messenger is None or not _messenger.is_alive():
            _messenger = threading.Thread(target=_send_when_there_are_some, name="hints", daemon=True)
            _messenger.start()
        _has_some.notify()


def _send_when_there_are_some() -> None:
    while True:
        with _has_some:
            while not _waiting:
                _has_some.wait()
            taken = list(_waiting.items())
            _waiting.clear()
        for (task, args), origin in taken:
            try:
                with originating(origin) if origin else nullcontext():
                    current_app.send_task(task, args=args, expires=_EXPIRE_SECONDS, retry=False, ignore_result=True)
            except (OperationalError, RedisError, OSError):
                logger.warning("The broker does not answer: %s waits for the next sweep.", task)
                break  # the others would wait for it as long
        time.sleep(_APART_SECONDS)
