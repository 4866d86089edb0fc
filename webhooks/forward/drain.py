"""The worker: takes due deliveries from the queue and sends them, many at once and fairly between destinations.

One thread talks to the database, the others to sockets, so no transaction waits for a receiver. Destinations take
turns; each has no more under way than it wants, one that fails no more than one, so that it holds up nobody else.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from django.utils import timezone

from integrations.errors import IntegrationError
from integrations.hints import hint
from integrations.vault import VaultError

from ..models import WebhookDestination, WebhookEndpoint
from .conclude import conclude
from .lane import Lane
from .messages import messages_of
from .queue import Claimed, claim, give_back, leave
from .send import Message, Recipient, Result

logger = logging.getLogger(__name__)

THREADS = 32
_LOOK_AGAIN_SECONDS = 0.25  # for what has come due while receivers are slow
_GATHER_SECONDS = 0.015  # what ends within it is written down by one commit
_PAUSE_WORTH_LEAVING_SECONDS = 1.25


def drain(*, seconds: float = 30.0) -> int:
    """Send due deliveries until there are none or the time is up; returns how many attempts were made."""
    return _Drain(time.monotonic() + seconds).run()


class _Drain:
    def __init__(self, deadline: float) -> None:
        self._me = uuid.uuid4()
        self._deadline = deadline
        self._lanes: dict[uuid.UUID, Lane] = {}
        self._turns: deque[Lane] = deque()
        # What a thread's attempt met; without a delivery, that a thread has ended its turn.
        self._results: SimpleQueue[tuple[Lane, Claimed | None, Result | None]] = SimpleQueue()
        self._endpoints: dict[uuid.UUID, WebhookEndpoint] = {}
        self._attempts = 0

    def run(self) -> int:
        left: list[Claimed] = []
        with ThreadPoolExecutor(THREADS, "forward") as pool:
            try:
                while self._step(pool):
                    pass
            finally:
                left = [one for lane in self._turns for one in lane.clear()]
                give_back(left)
                leave(self._me, self._lanes)
        if left:
            hint("webhooks.tasks.drain_deliveries")
        return self._attempts

    def _step(self, pool: ThreadPoolExecutor) -> bool:
        is_over = time.monotonic() >= self._deadline
        if is_over:
            give_back([one for lane in self._turns for one in lane.clear()])
        else:
            self._refill()
            self._make_ready()
            self._start(pool)
        if any(lane.threads for lane in self._turns):
            self._conclude(self._gather())
            return True
        pause = min((lane.pause for lane in self._turns if lane.waiting), default=None)
        if is_over or pause is None:
            return False
        time.sleep(min(_LOOK_AGAIN_SECONDS, max(0.001, pause)))
        return True

    def _refill(self) -> None:
        claimed = claim(self._me, [lane.pk for lane in self._turns if lane.is_full])
        unknown = {one.destination_id for one in claimed} - self._lanes.keys()
        for key, destination in WebhookDestination.objects.in_bulk(unknown).items() if unknown else ():
            self._lanes[key] = Lane(destination)
            self._turns.append(self._lanes[key])
        for one in claimed:
            if lane := self._lanes.get(one.destination_id):
                lane.waiting.append(one)

    def _make_ready(self) -> None:
        chosen = [(lane, one) for lane in self._turns if not lane.is_stopped for one in iter(lane.take, None)]
        if not chosen:
            return
        raw = WebhookDestination.Form.RAW
        messages = messages_of(((one, lane.destination.form == raw) for lane, one in chosen), self._endpoints)
        unsent: list[tuple[Claimed, Result]] = []
        for lane, one in chosen:
            message, recipient = messages[one.pk], _recipient(lane)
            if isinstance(message, Message) and isinstance(recipient, Recipient):
                lane.ready.append((one, message))
            else:
                unsent.append((one, _not_sent(message if isinstance(message, IntegrationError) else recipient)))
        self._conclude(unsent)

    def _start(self, pool: ThreadPoolExecutor) -> None:
        """A thread to each destination by turns, as long as there are threads and somebody wants one."""
        room = THREADS - sum(lane.threads for lane in self._turns)
        for lane in self._asking():
            if not room:
                return
            recipient = _recipient(lane)
            if isinstance(recipient, Recipient):
                lane.threads, room = lane.threads + 1, room - 1
                pool.submit(self._send, lane, recipient)

    def _asking(self) -> Iterator[Lane]:
        """Those that want one more thread, each in its turn; who was first is last the next time."""
        self._turns.rotate(-1)
        wanted = {lane.pk: len(lane.ready) for lane in self._turns}
        while asking := [lane for lane in self._turns if lane.wants_thread and wanted[lane.pk] > 0]:
            for lane in asking:
                wanted[lane.pk] -= 1
                yield lane

    def _send(self, lane: Lane, recipient: Recipient) -> None:
        """In a thread."""
        try:
            for one, result in lane.send(recipient):
                self._results.put((lane, one, result))
        finally:
            self._results.put((lane, None, None))

    def _gather(self) -> list[tuple[Claimed, Result]]:
        """What has ended within moments of the first."""
        try:
            found = [self._results.get(timeout=_LOOK_AGAIN_SECONDS)]
        except Empty:
            return []
        if sum(lane.threads for lane in self._turns) > 1:
            time.sleep(_GATHER_SECONDS)
        while not self._results.empty():
            found.append(self._results.get())
        for lane, one, _ in found:
            lane.threads -= one is None
        return [(one, result) for _, one, result in found if one is not None and result is not None]

    def _conclude(self, ended: Sequence[tuple[Claimed, Result]]) -> None:
        if not ended:
            return
        lanes = {one.destination_id: self._lanes[one.destination_id] for one, _ in ended}
        paces = {key: until for key, lane in lanes.items() if (until := lane.paced_until)}
        standing = conclude(ended, {key: lane.destination for key, lane in lanes.items()}, paces)
        self._attempts += len(ended)
        changed = {key: lanes[key] for key, now in standing.items() if lanes[key].heed(now)}
        for key, destination in WebhookDestination.objects.in_bulk(changed).items() if changed else ():
            changed[key].renew(destination)
        failed = {one.destination_id for one, result in ended if not result.ok}
        for key, lane in lanes.items():
            is_off = key not in standing or not standing[key].is_served
            if is_off or key in failed:
                self._after_failure(lane, is_off=is_off)

    def _after_failure(self, lane: Lane, *, is_off: bool) -> None:
        """Go on, or give back what is not to be sent now: to one that is off, wants a pause, or wants its order."""
        if is_off or lane.destination.is_ordered or lane.pause > _PAUSE_WORTH_LEAVING_SECONDS:
            give_back(lane.clear())
        lane.is_stopped = False


def _recipient(lane: Lane) -> Recipient | VaultError:
    if lane.recipient is None:
        try:
            lane.recipient = Recipient(lane.destination)
        except VaultError as error:
            logger.error("Destination %s: %s", lane.pk, error.message)  # noqa: TRY400 - foreseen, and said in a line
            return error
    return lane.recipient


def _not_sent(error: object) -> Result:
    """Our own fault: an event that cannot be read stays so, a missing master key may come back."""
    return Result(
        timezone.now(),
        error=str(error),
        blames_receiver=False,
        retryable=isinstance(error, VaultError) or (isinstance(error, IntegrationError) and error.retryable),
    )
