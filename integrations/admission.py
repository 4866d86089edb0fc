"""May this call go out? Circuit, pause and every window are looked at, and taken from, in one round trip to Redis.

The same round trip tells whether what this process knows of the connection (its limits, its sealed credentials) still
holds: whoever changes them renews the connection's generation. Without Redis the database answers all of it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils import timezone

from . import signals
from .circuit import PROBE_SECONDS
from .connection_state import (
    TOUCHED,
    RedisAway,
    key_of,
    new_generation,
    renew_generation,
    run_script,
)
from .errors import CircuitOpen, RateLimited
from .limit_counters import Window, close_in_redis, give_out, hand_to_redis, mark_exceeded, mark_roomy, take_back
from .limits import limits_of, windows_of
from .models import Connection, Credential, RateLimit

GOOD_FOR_SECONDS = 5.0  # where the news of a change was lost
_MOST = 10_000
_PATIENCE_SECONDS = 1.0  # with changes that others make meanwhile, and with whoever fetches the next calls
_LOOK_AGAIN_SECONDS = 0.003


@dataclass(frozen=True)
class Admission:
    """A call that may go out. `tells_success`: something has failed before, so that success is news to the circuit."""

    credentials: dict[str, Credential]
    tells_success: bool = False


@dataclass(frozen=True)
class _Question:
    """What Redis is asked for each call, until one of the windows is over."""

    windows: tuple[Window, ...]
    until: datetime | None
    keys: tuple[str, ...]
    arguments: tuple[str | int, ...]


@dataclass
class Known:
    """What this process has read of a connection, under the generation that it had before."""

    generation: str
    good_until: float
    limits: dict[str, int]
    credentials: tuple[Credential, ...]
    question: _Question | None = None  # the last one

    def question_at(self, now: datetime, connection: Connection) -> _Question:
        question = self.question
        if question is None or (question.until and question.until <= now):
            windows = windows_of(connection, self.limits, now)
            self.question = question = _question(connection, windows, generation=self.generation)
        return question

    def usable(self, now: datetime) -> dict[str, Credential]:
        """By key; of several the newest counts."""
        alive = [one for one in self.credentials if one.expires_at is None or one.expires_at > now]
        return {one.credential_key: one for one in reversed(alive)}


_known: dict[uuid.UUID, Known] = {}


def admit(connection: Connection, *, wait_seconds: float = 0.0, past_open_circuit: bool = False) -> Admission:
    """Count one call against every window of the connection.

    Raises, counting nothing, RateLimited when a window is full or the provider has asked for a pause that lasts longer
    than `wait_seconds`, and CircuitOpen, which `past_open_circuit` (a probe by a health check or a person) ignores.
    """
    give_up = time.monotonic() + wait_seconds
    while True:
        try:
            return _admit(connection, past_open_circuit=past_open_circuit)
        except RateLimited as refused:
            if time.monotonic() + refused.retry_after > give_up:
                raise
            time.sleep(refused.retry_after)


def _admit(connection: Connection, *, past_open_circuit: bool) -> Admission:
    try:
        return _admit_by_redis(connection, past_open_circuit=past_open_circuit)
    except RedisAway:
        return _admit_without_redis(connection)


def _admit_by_redis(connection: Connection, *, past_open_circuit: bool) -> Admission:
    known = _known.get(connection.pk)
    if known is None or known.good_until < time.monotonic():
        known = None
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < give_up:
        now = timezone.now()
        question = known.question_at(now, connection) if known else _question(connection, (), generation="")
        heeds = "" if past_open_circuit else "1"
        answer = run_script(_ADMIT, question.keys, (heeds, *question.arguments))
        if known and isinstance(answer, int):
            return Admission(known.usable(now), tells_success=answer > 0)
        if answer[0] == _IS_NEWS:
            known = _read(connection, generation=answer[1].decode())
        elif answer[0] == _IS_FETCHED:
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            _meet(connection, question.windows, answer)
    raise RedisAway


def _question(connection: Connection, windows: Sequence[Window], *, generation: str) -> _Question:
    fields = [f"{window.limit_type}:{part}" for window in windows for part in ("start", "left")]
    starts = [window.start_second for window in windows]
    arguments: list[str | int] = [generation, new_generation(), PROBE_SECONDS, str(connection.pk), *fields, *starts]
    until = min((window.end for window in windows), default=None)
    return _Question(tuple(windows), until, (key_of(connection.pk), TOUCHED), tuple(arguments))


def _meet(connection: Connection, windows: Sequence[Window], answer: Sequence[Any]) -> None:
    """What stood in the way: raises, or has a lot of each wanted window given to Redis."""
    kind, said = answer[0], answer[1]
    if kind == _OPEN:
        raise CircuitOpen("The circuit is open: the provider has failed too often.", retry_after=float(said))
    if kind == _PAUSED:
        raise RateLimited("The provider has asked us to slow down.", retry_after=max(0.1, float(said)))
    if kind == _IS_FULL:
        raise _full(connection, windows[said - 1])
    given = give_out(connection, windows, {windows[index - 1].limit_type for index in answer[1:]})
    if isinstance(given, Window):
        with suppress(RedisAway):
            close_in_redis(connection, given)
        raise _full(connection, given)
    hand_to_redis(connection, given)


def _admit_without_redis(connection: Connection) -> Admission:
    known = _read(connection, generation="")
    now = timezone.now()
    windows = windows_of(connection, known.limits, now)
    if windows:
        given = give_out(connection, windows, {window.limit_type for window in windows}, one=True)
        if isinstance(given, Window):
            raise _full(connection, given)
    return Admission(known.usable(now))


def _full(connection: Connection, window: Window) -> RateLimited:
    if mark_exceeded(connection, window):
        signals.rate_limit_exceeded.send_robust(
            sender=Connection, connection=connection, window=window.limit_type, reset_at=window.end
        )
    name = window.limit_type.replace("_", " ")
    wait = max(0.1, (window.end - timezone.now()).total_seconds())
    return RateLimited(
        "The limit of {max_requests} calls {name} is used up.",
        max_requests=window.max_requests,
        name=name,
        retry_after=wait,
    )


def _read(connection: Connection, *, generation: str) -> Known:
    """What the database says now. It is kept under a generation that was read before, never under a later one."""
    credentials = Credential.objects.filter(connection=connection).usable()
    known = Known(generation, time.monotonic() + GOOD_FOR_SECONDS, limits_of(connection), tuple(credentials))
    if generation:
        keep(connection.pk, known)
    return known


def keep(connection_id: uuid.UUID, known: Known) -> None:
    if len(_known) >= _MOST:
        _known.clear()
    _known[connection_id] = known


def forget(connection_id: uuid.UUID) -> None:
    """Something of the connection has changed: this process reads it anew, the others once the change is committed."""
    _known.pop(connection_id, None)
    transaction.on_commit(lambda: renew_generation(connection_id), robust=True)


@receiver([post_save, post_delete], sender=Credential, dispatch_uid="hub.admission.credential")
def _credential_changed(sender: object, instance: Credential, **kwargs: object) -> None:
    forget(instance.connection_id)


@receiver([post_save, post_delete], sender=RateLimit, dispatch_uid="hub.admission.limit")
def _limit_changed(sender: object, instance: RateLimit, created: bool = False, **kwargs: object) -> None:
    take_back(instance)
    if not created:
        mark_roomy(instance)
    forget(instance.connection_id)


@receiver(signals.connection_changed, dispatch_uid="hub.admission.connection")
def _connection_changed(sender: object, connection: Connection, **kwargs: object) -> None:
    forget(connection.pk)


_IS_NEWS, _OPEN, _PAUSED, _IS_FULL, _IS_FETCHED = 0, 2, 3, 4, 6

# Keys: the connection's hash; the set of touched connections. Arguments: whether circuit and pause are heeded; the
# generation that the caller knows; one to take when there is none; a probe's lease; the connection; of each window the
# fields of its start and of what is left; of each the start that the caller sees; the run. Answers
#   {0, generation}         when the caller's is old
#   failures                when the call may go out; it is taken from each window
#   {2, s} {3, s}           when the circuit is open, or paused, for s seconds
#   {4, window}             when that window (counted from 1) is full
#   {5, window, …}          when Redis has no calls of these windows to give: whoever is told so fetches them
#   {6}                     when someone else is at it (for a quarter of a second, should he be gone). One at a time,
#                           so that Redis never has more than it needs to lose
_ADMIT = """
local windows = (#ARGV - 6) / 3
local is = redis.call('HMGET', KEYS[1], 'generation', 'run', 'touched', 'failures', 'open_until', 'paused_until',
    unpack(ARGV, 6, 5 + 2 * windows))
if not is[1] then
    redis.call('HSET', KEYS[1], 'generation', ARGV[3])
    redis.call('EXPIRE', KEYS[1], 3456000)
    return {0, ARGV[3]}
end
if is[1] ~= ARGV[2] then return {0, is[1]} end
local probes = false
if ARGV[1] == '1' and (is[5] or is[6]) then
    local time = redis.call('TIME')
    local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
    local open, paused = tonumber(is[5] or '0') - now, tonumber(is[6] or '0') - now
    if open > 0 then return {2, string.format('%.3f', open)} end
    if paused > 0 then return {3, string.format('%.3f', paused)} end
    if is[5] then probes = string.format('%.3f', now + tonumber(ARGV[4])) end
end
local is_this_run, wanted, taken = is[2] == ARGV[#ARGV], {5}, {}
for i = 1, windows do
    local held, start, left = is[5 + 2 * i], ARGV[5 + 2 * windows + i], 0
    local is_held = held and (held == start or tonumber(held) > tonumber(start))
    if is_this_run and is_held then left = tonumber(is[6 + 2 * i]) end
    if left < 0 then return {4, i} end
    if left == 0 then wanted[#wanted + 1] = i end
    taken[2 * i - 1], taken[2 * i] = ARGV[5 + 2 * i], left - 1
end
if wanted[2] then
    local time = redis.call('TIME')
    local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
    if tonumber(redis.call('HGET', KEYS[1], 'fetched_until') or '0') > now then return {6} end
    redis.call('HSET', KEYS[1], 'fetched_until', string.format('%.3f', now + 0.25))
    return wanted
end
if not is[3] then
    redis.call('SADD', KEYS[2], ARGV[5])
    taken[#taken + 1], taken[#taken + 2] = 'touched', '1'
end
if probes then
    for _, value in ipairs({'open_until', probes, 'probing', '1'}) do taken[#taken + 1] = value end
end
if taken[1] then redis.call('HSET', KEYS[1], unpack(taken)) end
return tonumber(is[4] or '0')
"""
