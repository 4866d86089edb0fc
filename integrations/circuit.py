"""The circuit breaker of a connection, shared by all processes through Redis.

closed      calls go through; FAILURES_UNTIL_OPEN failed attempts in a row open it
open        calls are refused without asking the provider, for 30 s, then longer each time
half-open   one call goes through as a probe: if it is well the circuit closes, if not it opens again

Failed means that the provider was not there: no connection, no answer in time, 408, 5xx, an answer that cannot be read.
A refusal, of credentials too, is an answer. Health checks and people's tests pass an open circuit: one that is answered
closes it; one that fails changes nothing, so that no traffic is held back that has not failed itself. A provider that
asks to be left alone (`Retry-After`, `RateLimit` headers) pauses its connection without opening the circuit. With Redis
away every circuit is closed.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from . import signals
from .connection_state import LIFE_SECONDS, RedisAway, key_of, read, run_script
from .models import Connection

logger = logging.getLogger(__name__)

FAILURES_UNTIL_OPEN = 5
FIRST_PAUSE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 300
PROBE_SECONDS = 35  # how long a probe keeps others out: a call's deadline and a little


class State(models.TextChoices):
    CLOSED = "closed", _("closed")
    OPEN = "open", _("open")
    HALF_OPEN = "half_open", _("half-open")


@dataclass(frozen=True)
class Circuit:
    """`retry_at`: when the next call goes through. `paused`: the provider has asked to be left alone until then."""

    state: State
    failures: int = 0
    opened_at: datetime | None = None
    retry_at: datetime | None = None
    paused: bool = False

    @property
    def holds_back(self) -> bool:
        return self.paused or self.state != State.CLOSED

    @property
    def told(self) -> str:
        """What holds calls back, in the language of the current request."""
        if self.state == State.OPEN:
            return gettext("The provider has failed %(times)s times in a row: calls are held back for a while.") % {
                "times": self.failures
            }
        if self.state == State.HALF_OPEN:
            return gettext("The provider has failed: the next call tries it again.")
        return gettext("The provider has asked for a pause.") if self.paused else ""


def circuits(connection_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Circuit]:
    """All closed while Redis is away."""
    try:
        return known_circuits(connection_ids)
    except RedisAway:
        return dict.fromkeys(connection_ids, Circuit(State.CLOSED))


def known_circuits(connection_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Circuit]:
    """What Redis says of them. Raises RedisAway."""
    found = read(connection_ids, ("failures", "opened_at", "open_until", "paused_until"))
    return {one: _circuit(*values) for one, values in zip(connection_ids, found, strict=True)}


def record_failure(connection: Connection) -> None:
    """Count a failed attempt; the one too many opens the circuit."""
    limits = [FAILURES_UNTIL_OPEN, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, LIFE_SECONDS]
    try:
        opened = run_script(_FAILED, [key_of(connection.pk)], limits)
    except RedisAway:
        return
    if opened:
        _tell(connection, "circuit_opened")


def record_answer(connection: Connection) -> None:
    """An attempt that was answered: nothing has failed in a row any more, and an open circuit closes."""
    try:
        closed = run_script(_ANSWERED, [key_of(connection.pk)], [])
    except RedisAway:
        return
    if closed:
        _tell(connection, "circuit_closed")


def pause(connection: Connection, seconds: float) -> None:
    """Leave the provider alone for as long as it asks."""
    try:
        run_script(_PAUSE, [key_of(connection.pk)], [round(seconds, 3), LIFE_SECONDS])
    except RedisAway:
        return


def reset(connection: Connection) -> None:
    """Close the circuit and end a pause by hand."""
    try:
        run_script(_RESET, [key_of(connection.pk)], [])
    except RedisAway:
        return
    _tell(connection, "circuit_closed")


def _circuit(failures: bytes | None, opened: bytes | None, until: bytes | None, paused: bytes | None) -> Circuit:
    now = timezone.now()
    retry_at, paused_until = _moment(until), _moment(paused)
    asked = paused_until is not None and paused_until > now
    state = State.CLOSED
    if retry_at is not None:
        state = State.OPEN if retry_at > now else State.HALF_OPEN
    later = max((moment for moment in (retry_at, paused_until) if moment and moment > now), default=None)
    return Circuit(state, int(failures or 0), _moment(opened), later, asked)


def _moment(stored: bytes | None) -> datetime | None:
    return datetime.fromtimestamp(float(stored), UTC) if stored else None


def _tell(connection: Connection, change: str) -> None:
    logger.warning("Connection %s: %s.", connection.pk, change.replace("_", " "))
    signals.connection_changed.send_robust(sender=Connection, connection=connection, change=change)


# Whoever was on the way when it opened does not open it again: `open_until` in the future, but for a probe's own, is
# left as it is. A probe has moved `open_until` to the end of its lease and set `probing`.
_FAILED = """
local is = redis.call('HMGET', KEYS[1], 'open_until', 'probing', 'opens')
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
redis.call('EXPIRE', KEYS[1], ARGV[4])
if is[1] and tonumber(is[1]) > now and not is[2] then return 0 end
if not is[1] and failures < tonumber(ARGV[1]) then return 0 end
local opens = tonumber(is[3] or '0')
local pause = math.min(tonumber(ARGV[2]) * 2 ^ opens, tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'open_until', string.format('%.3f', now + pause), 'opens', opens + 1)
redis.call('HDEL', KEYS[1], 'probing')
if is[1] then return 0 end
redis.call('HSET', KEYS[1], 'opened_at', string.format('%.3f', now))
return 1
"""

_ANSWERED = """
local was_open = redis.call('HEXISTS', KEYS[1], 'open_until')
redis.call('HDEL', KEYS[1], 'failures', 'open_until', 'opened_at', 'opens', 'probing')
return was_open
"""

_PAUSE = """
local time = redis.call('TIME')
local ends = tonumber(time[1]) + tonumber(time[2]) / 1000000 + tonumber(ARGV[1])
if ends > tonumber(redis.call('HGET', KEYS[1], 'paused_until') or '0') then
    redis.call('HSET', KEYS[1], 'paused_until', string.format('%.3f', ends))
    redis.call('EXPIRE', KEYS[1], ARGV[2])
end
"""

_RESET = """
redis.call('HDEL', KEYS[1], 'failures', 'open_until', 'opened_at', 'opens', 'probing', 'paused_until')
"""
