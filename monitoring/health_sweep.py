"""Many connections checked at the same time, each for ten seconds at the most, whatever hangs.

Threads wait for providers; the sweep's own thread does what concerns many at once: it claims what is due, reads what
checks need to know, and writes down what they found. What is in memory is what is on its way, however many are due.

A claim moves a connection's next check a little ahead: should the sweep be killed, another comes back to it then.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Case, F, IntegerField, Q, When
from django.utils import timezone

from integrations.admission_ahead import read_ahead
from integrations.models import Connection
from integrations.models.base import uuid7
from integrations.operations.locks import AdvisoryLock
from integrations.providers.registry import get_provider
from integrations.request_id import Origin, originating
from integrations.tenancy import acting_for

from .health_conclusions import Judged, judge, write_down
from .health_history import Background, backgrounds
from .health_probing import (
    CHECK_SECONDS,
    Finding,
    Task,
    carry_out,
    due_probes,
    freshness_finding,
    out_of_time,
    probes_of,
)
from .models import HealthCheck
from .webhook_freshness import EVERY, is_silent, patience_with, rhythms

logger = logging.getLogger(__name__)

THREADS = 96
_CLAIMED_AT_ONCE = 32
_WRITTEN_AT_ONCE = 192
_CLAIM = timedelta(minutes=1)
_TOO_LONG = timedelta(minutes=5)  # after its time
_GRACE_SECONDS = 0.5  # after which a check that should have ended itself is given up
_LOOK_SECONDS = 0.05
_LONGEST = 300.0  # a sweep that has more to do than this leaves the rest to the next one

Claim = Callable[[int], list[Connection]]
Told = Callable[[Judged], None]


@dataclass(frozen=True)
class _Running:
    task: Task
    started_at: datetime
    until: float


@dataclass
class _Sweep:
    claim: Claim
    told: Told
    makes_all: bool
    ends: float
    running: dict[object, _Running] = field(default_factory=dict)
    found: queue.SimpleQueue[tuple[object, list[Finding] | None]] = field(default_factory=queue.SimpleQueue)
    judged: list[Judged] = field(default_factory=list)
    lost: int = 0  # threads whose check was given up and that have not come back
    checked: int = 0
    is_exhausted: bool = False

    @property
    def may_start_more(self) -> bool:
        return not self.is_exhausted and THREADS - len(self.running) - self.lost >= _CLAIMED_AT_ONCE


def sweep(claim: Claim, *, makes_all: bool = False, told: Told = lambda judged: None) -> int:
    """Check what `claim` gives (at most so many at a time, none at the end); returns how many were checked.

    `makes_all`: all probes of each, due or not. `told` is called for each check when it is written down.
    """
    state = _Sweep(claim, told, makes_all, time.monotonic() + _LONGEST)
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="health")
    try:
        while state.running or not state.is_exhausted:
            state.is_exhausted |= time.monotonic() >= state.ends  # also where all threads are lost for good
            _start_some(state, threads)
            is_idle = not _take_findings(state) and not state.may_start_more
            _give_up_the_overdue(state)
            if is_idle or len(state.judged) >= _WRITTEN_AT_ONCE:
                _write(state)
        _write(state)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
    return state.checked


def check_one(tested: Connection) -> HealthCheck:
    """All probes of one connection, here and now; the row of the main one, or of the last."""
    now = timezone.now()
    [task] = _tasks([tested], now, makes_all=True)
    judged = judge(task, carry_out(task, time.monotonic() + CHECK_SECONDS))
    write_down([judged])
    main = get_provider(tested.provider.slug).probe.kind
    return next((row for row in judged.rows if row.check_type == main), judged.rows[-1])


def due_until(moment: datetime) -> Claim:
    """Claims connections whose check is due by then: those first that have waited for minutes; then those that are not
    well, which are the likeliest to hang, so that a sweep does not wait for one that it has begun with last; then the
    others. What falls due while a sweep is at work is left to the next one: a sweep ends."""
    has_waited = Q(next_health_check__lt=moment - _TOO_LONG)
    is_unwell = Q(health_status__in=[Connection.Health.DOWN, Connection.Health.DEGRADED])
    turn = Case(When(has_waited, then=0), When(is_unwell, then=1), default=2, output_field=IntegerField())

    def claim(most: int) -> list[Connection]:
        due = Connection.objects.watched().exclude(next_health_check__gt=moment)
        with transaction.atomic():
            locked = due.select_for_update(skip_locked=True, of=("self",), no_key=True)
            in_order = locked.order_by(turn, F("next_health_check").asc(nulls_first=True))
            claimed = Connection.objects.filter(pk__in=list(in_order.values_list("pk", flat=True)[:most]))
            claimed.update(next_health_check=timezone.now() + _CLAIM)
        return list(claimed.select_related("provider", "organization"))

    return claim


@contextmanager
def only_sweep() -> Iterator[bool]:
    """Whether this is the one sweep in the whole installation; a second one is not, and should end at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [AdvisoryLock.HEALTH_SWEEP])
        is_only = cursor.fetchone()[0]
        try:
            yield is_only
        finally:
            if is_only and connection.connection is not None:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [AdvisoryLock.HEALTH_SWEEP])


def _start_some(state: _Sweep, threads: ThreadPoolExecutor) -> None:
    if not state.may_start_more:
        return
    claimed = state.claim(_CLAIMED_AT_ONCE)
    state.is_exhausted = not claimed
    for task in _tasks(claimed, timezone.now(), makes_all=state.makes_all):
        key = task.connection.pk
        started = _Running(task, timezone.now(), time.monotonic() + CHECK_SECONDS)
        state.running[key] = started
        threads.submit(_work, started, state.found)


def _work(running: _Running, found: queue.SimpleQueue[tuple[object, list[Finding] | None]]) -> None:
    """In a thread of its own, on behalf of the connection's organization."""
    tested = running.task.connection
    findings: list[Finding] | None = None
    try:
        with acting_for(tested.organization_id), originating(Origin(str(uuid7()), actor="health check")):
            findings = carry_out(running.task, running.until, frees_session=True)
    except Exception:  # one connection's trouble must not end the sweep of the others
        logger.exception("The health check of connection %s failed.", tested.pk)
    finally:
        if connection.connection is not None:
            connection.close()
        found.put((tested.pk, findings))


def _take_findings(state: _Sweep) -> bool:
    """Judge what the threads have found, waiting a moment for it where there is nothing better to do."""
    patience = 0.0 if state.may_start_more else _LOOK_SECONDS
    has_found = False
    while True:
        try:
            key, findings = state.found.get(timeout=patience) if patience else state.found.get_nowait()
        except queue.Empty:
            return has_found
        patience, has_found = 0.0, True
        running = state.running.pop(key, None)
        if running is None:
            state.lost -= 1  # it was given up, and its thread is free again
        elif findings:
            state.judged.append(judge(running.task, findings))


def _give_up_the_overdue(state: _Sweep) -> None:
    now = time.monotonic()
    for key, running in list(state.running.items()):
        if now > running.until + _GRACE_SECONDS:
            del state.running[key]
            state.lost += 1
            state.judged.append(judge(running.task, out_of_time(running.task, running.started_at)))


def _write(state: _Sweep) -> None:
    if not state.judged:
        return
    write_down(state.judged)
    state.checked += len(state.judged)
    for one in state.judged:
        state.told(one)
    state.judged = []


def _tasks(connections: Sequence[Connection], now: datetime, *, makes_all: bool) -> list[Task]:
    """What is to be asked of each; what many need to know is read for all of them at once."""
    if not connections:
        return []
    known, credentials = backgrounds(connections, now), read_ahead(connections)
    silences = _silences([one for one in connections if makes_all or _asks_for_webhooks(known[one.pk], now)], now)
    tasks = []
    for tested in connections:
        provider, background = get_provider(tested.provider.slug), known[tested.pk]
        probes = probes_of(provider) if makes_all else due_probes(provider, background, now)
        found = [silences[tested.pk]] if tested.pk in silences else []
        tasks.append(Task(tested, background, probes, credentials[tested.pk], found))
    return tasks


def _asks_for_webhooks(background: Background, now: datetime) -> bool:
    last = background.last(HealthCheck.Type.WEBHOOK)
    return last is None or last.at + EVERY <= now


def _silences(connections: Sequence[Connection], now: datetime) -> dict[object, Finding]:
    """Of those connections that usually have webhooks: whether they are silent now."""
    freshness = {one.pk: get_provider(one.provider.slug).freshness for one in connections}
    found: dict[object, Finding] = {}
    for key, rhythm in rhythms(connections, now).items():
        if patience_with(rhythm, freshness[key]) is not None:
            is_cut_off = is_silent(rhythm, freshness[key], now)
            found[key] = freshness_finding(rhythm.last_event if is_cut_off else None, now)
    return found
