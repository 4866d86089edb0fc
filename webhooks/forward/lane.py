"""One destination's deliveries that are ours, and how fast it may be sent to."""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from ..models import WebhookDestination
from .conclude import Standing
from .queue import Claimed
from .send import TIMEOUT_SECONDS, Message, Recipient, Result

_LEAST_LEASE = timedelta(seconds=2 * TIMEOUT_SECONDS)
_BURST_SECONDS = 0.1  # how far ahead of its rate a destination may be, since the queue is looked at by turns
_MOST_READY = 128
_TURN = 8  # messages that a thread sends to one destination before others have their turn


class Lane:
    """`waiting` are claimed, `ready` have their message. Threads take from `ready`; all else is the drain's.

    A failure stops the lane until it is written down: it may mean that nothing more is to be sent.
    """

    def __init__(self, destination: WebhookDestination) -> None:
        self.destination = destination
        self.recipient: Recipient | None = None
        self.waiting: deque[Claimed] = deque()
        self.ready: deque[tuple[Claimed, Message]] = deque()
        self.threads = 0
        self.is_stopped = False
        self.is_failing = destination.failing_since is not None
        self._next_send = _by_monotonic(destination.next_send_at)

    @property
    def pk(self) -> uuid.UUID:
        return self.destination.pk

    @property
    def width(self) -> int:
        """How many may be sent at once: one where order matters, and one to try a destination that fails."""
        is_single = self.destination.is_ordered or self.is_failing
        return 1 if is_single else max(1, self.destination.max_concurrency)

    @property
    def wants_thread(self) -> bool:
        return bool(self.ready) and not self.is_stopped and self.threads < self.width

    @property
    def is_full(self) -> bool:
        return len(self.waiting) + len(self.ready) >= min(8 * self.width, _MOST_READY)

    @property
    def pause(self) -> float:
        """Seconds until the next may be sent."""
        return max(0.0, self._next_send - _BURST_SECONDS - time.monotonic())

    @property
    def paced_until(self) -> datetime | None:
        """When the destination's rate allows the next."""
        if not self.destination.max_per_second:
            return None
        return timezone.now() + timedelta(seconds=self._next_send - time.monotonic())

    def take(self) -> Claimed | None:
        """One that may be sent now. Those whose lease is about to end are left to whoever takes them up."""
        now = time.monotonic()
        while self.waiting and len(self.ready) < _MOST_READY and self._next_send - _BURST_SECONDS <= now:
            one = self.waiting.popleft()
            if one.lease_ends - timezone.now() < _LEAST_LEASE:
                continue
            if rate := self.destination.max_per_second:
                self._next_send = max(self._next_send, now) + 1 / rate
            return one
        return None

    def send(self, recipient: Recipient) -> Iterator[tuple[Claimed, Result]]:
        """A thread's turn."""
        for _ in range(_TURN):
            if self.is_stopped:
                return
            try:
                one, message = self.ready.popleft()
            except IndexError:
                return
            result = recipient.send(one.pk, message)
            self.is_stopped |= not result.ok
            yield one, result
            if not result.ok:
                return

    def heed(self, standing: Standing) -> bool:
        """Take note of how it stands; returns whether more has changed of it, which must be read."""
        self.is_failing = standing.failing_since is not None
        self._next_send = max(self._next_send, _by_monotonic(standing.next_send_at))
        return standing.updated_at != self.destination.updated_at

    def renew(self, destination: WebhookDestination) -> None:
        self.destination, self.recipient = destination, None

    def clear(self) -> list[Claimed]:
        """Empty it; returns what was not sent."""
        left = [one for one, _ in _drained(self.ready)] + list(_drained(self.waiting))
        self.is_stopped = False
        return left


def _drained(items: deque[Any]) -> Iterator[Any]:
    """Threads may take from it meanwhile."""
    while True:
        try:
            yield items.popleft()
        except IndexError:
            return


def _by_monotonic(moment: datetime | None) -> float:
    return 0.0 if moment is None else time.monotonic() + (moment - timezone.now()).total_seconds()
