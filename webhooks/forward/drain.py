"""The worker: takes due deliveries from the queue and sends them, many at once and fairly between destinations.

One thread talks to the database, the others to sockets, so no transaction waits for a receiver. Destinations take
turns; each has no more under way than it wants, one that fails no more than one, so that it holds up nobody else.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta

from django.utils import timezone

from integrations.errors import IntegrationError
from integrations.hints import hint
from integrations.vault import VaultError

from ..models import WebhookDestination
from .conclude import conclude
from .messages import messages_of
from .queue import Claimed, claim, give_back, leave
from .send import TIMEOUT_SECONDS, Message, Recipient, Result

logger = logging.getLogger(__name__)

THREADS = 32
_LOOK_AGAIN_SECONDS = 0.25  # for what has come due while receivers are slow
_LEAST_LEASE = timedelta(seconds=2 * TIMEOUT_SECONDS)
_BURST_SECONDS = 0.1  # how far ahead of its rate a destination may be, since the queue is looked at by turns


def drain(*, seconds: float = 30.0) -> int:
    """Send due deliveries until there are none or the time is up; returns how many attempts were made."""
    return _Drain(time.monotonic() + seconds).run()


class Lane:
    """One destination's deliveries that are ours, and how fast it may be sent to."""

    def __init__(self, destination: WebhookDestination) -> None:
        self.waiting: deque[Claimed] = deque()
        self.under_way = 0
        self.next_send = _seconds_from_now(destination.next_send_at)
        self.recipient: Recipient | None = None
        self.destination = destination

    def refresh(self, destination: WebhookDestination) -> None:
        """Take what has changed of it; the secrets are opened again only then."""
        if destination.updated_at != self.destination.updated_at:
            self.recipient = None
        if destination.next_send_at != self.destination.next_send_at:
            self.next_send = max(self.next_send, _seconds_from_now(destination.next_send_at))
        self.destination = destination

    @property
    def width(self) -> int:
        destination = self.destination
        is_single = destination.is_ordered or destination.failing_since is not None
        return 1 if is_single else max(1, destination.max_concurrency)

    @property
    def has_room(self) -> bool:
        return bool(self.waiting) and self.under_way < self.width

    def next(self, now: float) -> Claimed | None:
        """One that may be sent now. Those whose lease is about to end are left to whoever takes them up."""
        while self.has_room and self.next_send - _BURST_SECONDS <= now:
            one = self.waiting.popleft()
            if one.lease_ends - timezone.now() < _LEAST_LEASE:
                continue
            self.under_way += 1
            if rate := self.destination.max_per_second:
                self.next_send = max(self.next_send, now) + 1 / rate
            return one
        return None

    def paced_until(self) -> datetime | None:
        if not self.destination.max_per_second:
            return None
        return timezone.now() + timedelta(seconds=self.next_send - time.monotonic())


class _Drain:
    def __init__(self, deadline: float) -> None:
        self._me = uuid.uuid4()
        self._deadline = deadline
        self._lanes: dict[uuid.UUID, Lane] = {}
        self._turns: deque[uuid.UUID] = deque()
        self._under_way: dict[Future[Result], Claimed] = {}
        self._attempts = 0

    def run(self) -> int:
        with ThreadPoolExecutor(THREADS, "forward") as pool:
            try:
                while self._step(pool):
                    pass
            finally:
                left = [one for lane in self._lanes.values() for one in lane.waiting]
                give_back(left)
                leave(self._me, self._lanes)
        if left:
            hint("webhooks.tasks.drain_deliveries")
        return self._attempts

    def _step(self, pool: ThreadPoolExecutor) -> bool:
        if time.monotonic() < self._deadline:
            self._refill()
            self._start(pool)
        if self._under_way:
            done, _ = wait(self._under_way, _LOOK_AGAIN_SECONDS, FIRST_COMPLETED)
            self._conclude([(self._under_way.pop(future), future.result()) for future in done])
            return True
        pause = min((lane.next_send for lane in self._lanes.values() if lane.waiting), default=None)
        if pause is None or time.monotonic() >= self._deadline:
            return False
        time.sleep(min(_LOOK_AGAIN_SECONDS, max(0.001, pause - time.monotonic())))
        return True

    def _refill(self) -> None:
        full = [key for key, lane in self._lanes.items() if len(lane.waiting) >= lane.width]
        claimed = claim(self._me, full)
        unknown = {one.destination_id for one in claimed} - self._lanes.keys()
        for key, destination in WebhookDestination.objects.in_bulk(unknown).items() if unknown else ():
            self._lanes[key] = Lane(destination)
            self._turns.append(key)
        for one in claimed:
            if lane := self._lanes.get(one.destination_id):
                lane.waiting.append(one)

    def _start(self, pool: ThreadPoolExecutor) -> None:
        chosen = list(self._choose(THREADS - len(self._under_way)))
        messages = messages_of((one, self._is_raw(one)) for one in chosen)
        unsent = []
        for one in chosen:
            message, recipient = messages[one.pk], self._recipient(one)
            if isinstance(message, Message) and isinstance(recipient, Recipient):
                self._under_way[pool.submit(recipient.send, one.pk, message)] = one
            else:
                unsent.append((one, _not_sent(message if isinstance(message, IntegrationError) else recipient)))
        self._conclude(unsent)

    def _choose(self, room: int) -> Iterator[Claimed]:
        """One of each destination by turns, until there is no room or nobody has any."""
        now, idle = time.monotonic(), 0
        while room and idle < len(self._turns):
            lane = self._lanes[self._turns[0]]
            self._turns.rotate(-1)
            if one := lane.next(now):
                idle, room = 0, room - 1
                yield one
            else:
                idle += 1

    def _is_raw(self, one: Claimed) -> bool:
        return self._lanes[one.destination_id].destination.form == WebhookDestination.Form.RAW

    def _recipient(self, one: Claimed) -> Recipient | VaultError:
        lane = self._lanes[one.destination_id]
        if lane.recipient is None:
            try:
                lane.recipient = Recipient(lane.destination)
            except VaultError as error:
                logger.error("Destination %s: %s", one.destination_id, error.message)  # noqa: TRY400
                return error
        return lane.recipient

    def _conclude(self, ended: list[tuple[Claimed, Result]]) -> None:
        if not ended:
            return
        keys = {one.destination_id for one, _ in ended}
        paces = {key: until for key in keys if (until := self._lanes[key].paced_until())}
        standing = conclude(ended, paces)
        self._attempts += len(ended)
        for one, _ in ended:
            self._lanes[one.destination_id].under_way -= 1
        for key in keys:
            if destination := standing.get(key):
                self._lanes[key].refresh(destination)
        self._stop_where_told(keys, {one.destination_id for one, result in ended if not result.ok}, standing)

    def _stop_where_told(
        self, keys: Collection[uuid.UUID], failed: Collection[uuid.UUID], standing: dict[uuid.UUID, WebhookDestination]
    ) -> None:
        """Give back what waits for a destination that is off or gone, and what stands behind a failure in its order."""
        for key in keys:
            lane, destination = self._lanes[key], standing.get(key)
            is_off = destination is None or not destination.is_active
            is_paused = lane.next_send - time.monotonic() > 1 + _LOOK_AGAIN_SECONDS
            if is_off or is_paused or (lane.destination.is_ordered and key in failed):
                give_back(lane.waiting)
                lane.waiting.clear()


def _not_sent(error: object) -> Result:
    """Our own fault: an event that cannot be read stays so, a missing master key may come back."""
    return Result(
        timezone.now(),
        error=str(error),
        blames_receiver=False,
        retryable=isinstance(error, VaultError) or (isinstance(error, IntegrationError) and error.retryable),
    )


def _seconds_from_now(moment: datetime | None) -> float:
    """A time of the wall clock by `time.monotonic`."""
    return 0.0 if moment is None else time.monotonic() + (moment - timezone.now()).total_seconds()
