"""Threads for the events whose provider has to be asked, so that one that hangs holds up nobody but itself.

A process has a few, and an organization at most two of them: whatever its provider does, the others go on.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import closing

from django.db import connection

logger = logging.getLogger(__name__)

LANES = 8
LANES_OF_ONE = 2

_lock = threading.Lock()  # guards the one below
_taken: Counter[uuid.UUID] = Counter()


def crowded() -> set[uuid.UUID]:
    """The organizations that have all the lanes that they may have in this process."""
    with _lock:
        return {organization_id for organization_id, lanes in _taken.items() if lanes >= LANES_OF_ONE}


class SlowLanes:
    """The lanes that one drain has started."""

    def __init__(self) -> None:
        self._under_way: set[threading.Thread] = set()

    def start(self, organization_id: uuid.UUID, work: Callable[[], None]) -> bool:
        """Have `work` done beside this thread, in its own database session; False where there is no lane for it.

        Within a transaction it is part of it, and done here: another session would not see what it is about.
        """
        if connection.in_atomic_block:
            work()
            return True
        with _lock:
            if _taken.total() >= LANES or _taken[organization_id] >= LANES_OF_ONE:
                return False
            _taken[organization_id] += 1
        thread = threading.Thread(target=_run, args=(organization_id, work), name="slow-lane", daemon=True)
        self._under_way.add(thread)
        thread.start()
        return True

    def wait(self, seconds: float) -> bool:
        """Give what is under way some time; False when nothing was."""
        if not self._under_way:
            return False
        next(iter(self._under_way)).join(seconds)
        self._under_way = {thread for thread in self._under_way if thread.is_alive()}
        return True


def _run(organization_id: uuid.UUID, work: Callable[[], None]) -> None:
    try:
        with closing(connection):
            work()
    except Exception:
        logger.exception("A slow lane broke off; what it held is taken up again when its lease ends.")
    finally:
        with _lock:
            _taken[organization_id] -= 1
            if not _taken[organization_id]:
                del _taken[organization_id]
