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

_GOOD_FOR_SECONDS = 5.0  # where the news of a change was lost
_MOST = 10_000
_PATIENCE_SECONDS = 1.0  # with changes that others make meanwhile, and with whoever fetches the next calls
_LOOK_AGAIN_SECONDS = 0.003


@dataclass(frozen=True)
class Admission:
    """A call that may go out. `tells_success`: something has failed before, so that success is news to the circuit."""

    credentials: dict[str, Credential]
    tells_success: bool = False


@dataclass
class _Known:
    generation: str
    good_until: float
    limits: dict[str, int]
    credentials: tuple[Credential, ...]
    windows: tuple[Window, ...] = ()  # the last ones that were asked for

    def windows_at(self, now: datetime, connection: Connection) -> tuple[Window, ...]:
        windows = self.windows
        if not windows or any(window.end <= now for window in windows):
            self.windows = windows = tuple(windows_of(connection, self.limits, now))
        return windows

    def usable(self, now: datetime) -> dict[str, Credential]:
        """By key; of several the newest counts."""
        alive = [one for one in self.credentials if one.expires_at is None or one.expires_at > now]
        return {one.credential_key: one for one in reversed(alive)}


_known: dict[uuid.UUID, _Known] = {}


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
    key, pk = key_of(connection.pk), str(connection.pk)
    known = _known.get(connection.pk)
    if known is None or known.good_until < time.monotonic():
        known = None
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < give_up:
        now = timezone.now()
        windows = known.windows_at(now, connection) if known else ()
        arguments: list[str | int] = [known.generation if known else "", new_generation()]
        arguments += ["" if past_open_circuit else "1", PROBE_SECONDS, pk]
        for window in windows:
            arguments += [window.limit_type, window.start_second]
        answer = run_script(_ADMIT, [key, TOUCHED], arguments)
        if answer[0] == 1 and known:
            return Admission(known.usable(now), tells_success=bool(answer[1]))
        if answer[0] == 0:
            known = _read(connection, generation=answer[1].decode())
        elif answer[0] == _IS_FETCHED:
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            _meet(connection, windows, answer)
    raise RedisAway


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


def _read(connection: Connection, *, generation: str) -> _Known:
    """What the database says now. It is kept under a generation that was read before, never under a later one."""
    credentials = Credential.objects.filter(connection=connection).usable()
    known = _Known(generation, time.monotonic() + _GOOD_FOR_SECONDS, limits_of(connection), tuple(credentials))
    if len(_known) >= _MOST:
        _known.clear()
    if generation:
        _known[connection.pk] = known
    return known


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


_OPEN, _PAUSED, _IS_FULL, _IS_FETCHED = 2, 3, 4, 6

# Keys: the connection's hash; the set of touched connections. Arguments: the generation that the caller knows; one to
# take when there is none; whether circuit and pause are heeded; a probe's lease; the connection; then of each window
# its type and its start. Answers
#   {0, generation}         when the caller's is old
#   {1, failures}           when the call may go out; it is taken from each window
#   {2, s} {3, s}           when the circuit is open, or paused, for s seconds
#   {4, window}             when that window (counted from 1) is full
#   {5, window, …}          when Redis has no calls of these windows to give: whoever is told so fetches them
#   {6}                     when someone else is at it (for a quarter of a second, should he be gone). One at a time,
#                           so that Redis never has more than it needs to lose
_ADMIT = """
local fields = {'generation', 'run', 'touched', 'failures', 'open_until', 'paused_until'}
for i = 6, #ARGV, 2 do
    fields[#fields + 1] = ARGV[i] .. ':start'
    fields[#fields + 1] = ARGV[i] .. ':left'
end
local is = redis.call('HMGET', KEYS[1], unpack(fields))
if not is[1] then
    redis.call('HSET', KEYS[1], 'generation', ARGV[2])
    redis.call('EXPIRE', KEYS[1], 3456000)
    return {0, ARGV[2]}
end
if is[1] ~= ARGV[1] then return {0, is[1]} end
local probes = false
if ARGV[3] == '1' and (is[5] or is[6]) then
    local time = redis.call('TIME')
    local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
    local open, paused = tonumber(is[5] or '0') - now, tonumber(is[6] or '0') - now
    if open > 0 then return {2, string.format('%.3f', open)} end
    if paused > 0 then return {3, string.format('%.3f', paused)} end
    if is[5] then probes = string.format('%.3f', now + tonumber(ARGV[4])) end
end
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local wanted, taken = {5}, {}
for i = 1, (#ARGV - 5) / 2 do
    local start, left = is[5 + 2 * i], tonumber(is[6 + 2 * i] or '0')
    if is[2] ~= run or not start or tonumber(start) < tonumber(ARGV[5 + 2 * i]) then left = 0 end
    if left < 0 then return {4, i} end
    if left == 0 then wanted[#wanted + 1] = i end
    taken[2 * i - 1], taken[2 * i] = fields[6 + 2 * i], left - 1
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
return {1, tonumber(is[4] or '0')}
"""
