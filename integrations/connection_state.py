"""What all processes share of a connection, in one Redis hash: a call looks at all of it, and takes from it, at once.

generation              changes when the connection's limits or credentials do: what processes have read of them is old
per_hour:start, :left   calls that Redis may still hand out in the window (`limit_counters`); -1: there are no more
run                     the run of Redis that was given them: one that was restarted may remember too many
touched                 set while usage waits to be written to the rows
failures, opens, open_until, opened_at, probing   the circuit (`circuit`)
paused_until            what the provider asked for (`circuit`)

All of it can be lost: windows are then granted anew, the circuit is closed.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

import hiredis
import redis
from django.conf import settings

from .redis_client import redis_client

_Answer = TypeVar("_Answer")
TOUCHED = "hub:connections:touched"
LIFE_SECONDS = 40 * 86_400  # beyond the longest window

_REST_SECONDS = 1.0  # after a failure Redis is not asked for this long: its time-outs must not add to every call
_resting_until: dict[str, float] = {}  # by Redis's address


class RedisAway(Exception):
    """Redis does not answer, or did not a moment ago."""


def key_of(connection_id: uuid.UUID) -> str:
    return f"hub:connection:{connection_id}"


def run_script(script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
    """Its last argument, which is added here, is the run of Redis that it runs in. Raises RedisAway."""
    return _asked(lambda url: _evaluate(url, script, [len(keys), *keys, *arguments]))


def read(connection_ids: Sequence[uuid.UUID], fields: Sequence[str]) -> list[list[bytes | None]]:
    """The fields of each connection. Raises RedisAway."""

    def ask(url: str) -> list[list[bytes | None]]:
        with redis_client(url).pipeline(transaction=False) as pipeline:
            for connection_id in connection_ids:
                pipeline.hmget(key_of(connection_id), list(fields))
            found: list[list[bytes | None]] = pipeline.execute()
            return found

    return _asked(ask)


def generations(connection_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The generation of each connection, a new one where there was none. Raises RedisAway."""

    def ask(url: str) -> list[Any]:
        with redis_client(url).pipeline(transaction=False) as pipeline:
            for connection_id in connection_ids:
                pipeline.hsetnx(key_of(connection_id), "generation", new_generation())
                pipeline.expire(key_of(connection_id), LIFE_SECONDS)
                pipeline.hget(key_of(connection_id), "generation")
            return pipeline.execute()

    return {one: answer.decode() for one, answer in zip(connection_ids, _asked(ask)[2::3], strict=True)}


def renew_generation(connection_id: uuid.UUID) -> None:
    """Tell all processes that what they know of the connection is old. Without Redis they find out within seconds."""
    try:
        run_script(_RENEW, [key_of(connection_id)], [new_generation(), LIFE_SECONDS])
    except RedisAway:
        return


def new_generation() -> str:
    return secrets.token_hex(8)


def _asked(ask: Callable[[str], _Answer]) -> _Answer:
    """What Redis answers. Raises RedisAway: without asking, where it has failed a moment ago."""
    url = settings.REDIS_URL
    if time.monotonic() < _resting_until.get(url, 0.0):
        raise RedisAway
    try:
        return ask(url)
    except redis.RedisError as error:
        _resting_until[url] = time.monotonic() + _REST_SECONDS
        raise RedisAway from error


_RENEW = """
redis.call('HSET', KEYS[1], 'generation', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""


def _evaluate(url: str, script: str, arguments: list[str | int | float]) -> Any:
    """Over a connection of this thread: the client's pool and its commands would cost as much as the script itself."""
    link, is_fresh = _own_link(url)
    try:
        if is_fresh:
            _own.run = _ask_run(link)
        # redis-py would look at each argument before it leaves the packing to hiredis.
        link.send_packed_command((hiredis.pack_command(("EVALSHA", _digest(script), *arguments, _own.run)),))
        return link.read_response()
    except redis.exceptions.NoScriptError:
        link.send_command("EVAL", script, *arguments, _own.run)
        return link.read_response()
    except (redis.ConnectionError, redis.TimeoutError) as error:
        link.disconnect()
        if is_fresh or isinstance(error, redis.TimeoutError):
            raise
    # Redis closed it while it was idle, or has been restarted: once more, over a new one.
    return _evaluate(url, script, arguments)


def _own_link(url: str) -> tuple[Any, bool]:
    """This thread's connection, and whether it still has to be opened."""
    key = (url, os.getpid())  # one that was inherited over a fork is the parent's
    if getattr(_own, "key", None) != key:
        pool = redis_client(url).connection_pool
        # Not by the pool's own way, which counts it for ever: threads come and go.
        _own.key, _own.link = key, pool.connection_class(**pool.connection_kwargs)
    return _own.link, not _own.link.is_connected


def _ask_run(link: Any) -> str:
    """The run of Redis that a new connection leads to: it cannot outlive it, so once is enough.

    Asked by each script, it would be a third of what the script costs.
    """
    link.send_command("INFO", "server")
    told = _RUN_ID.search(link.read_response())
    if told is None:
        raise redis.ResponseError("Redis does not say which run it is.")
    return told[1].decode()


_RUN_ID = re.compile(rb"^run_id:(\w+)", re.MULTILINE)
_own = threading.local()  # key, link, run


@cache
def _digest(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
