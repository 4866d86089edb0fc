"""The work of a run: batch by batch its events are made due, in the order of their keys.

The events of a batch and the run's position are changed in one transaction, with the run's row locked. So a batch is
done once, whoever is killed and however many are at it; what was lost is only the time until the next sweep.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import OperationalError, transaction
from django.db.models import Case, F, When
from django.db.models.functions import Greatest, Least, Now
from django.utils import timezone

from integrations.hints import hint
from integrations.operations.announce import record_action
from integrations.request_id import working_as
from integrations.tenancy import acting_for

from .models import WebhookEvent, WebhookReplay
from .replay_selection import Selection

logger = logging.getLogger(__name__)

BATCH = 500
# So many of a run's events wait at a time: what comes in meanwhile has no million before it, and a run can be stopped.
WAITING_AT_MOST = 3_000
_COUNTED_TO = 32_767  # what the column holds


@dataclass(frozen=True)
class Batch:
    """What one step did; `goes_on`: another can follow at once."""

    due: int = 0
    skipped: int = 0
    goes_on: bool = False


def advance_all(*, seconds: float = 20.0) -> int:
    """A batch of each open run in turn, until none can go on or the time is up; returns how many events are due now."""
    deadline = time.monotonic() + seconds
    waiting = deque(WebhookReplay.objects.filter(status__in=WebhookReplay.OPEN).order_by("pk"))
    due = 0
    while waiting and time.monotonic() < deadline:
        run = waiting.popleft()
        origin = working_as(run.created_by, request_id=f"replay-{run.pk}", user_id=run.user_id)
        with acting_for(run.organization_id), origin:
            batch = advance(run)
        due += batch.due
        if batch.goes_on:
            waiting.append(run)
    return due


def advance(run: WebhookReplay, *, paced: bool = True, wait: bool = False) -> Batch:
    """Do the run's next batch, unless someone else is at it (with `wait`: after them).

    A database that is away leaves the run as it was; whatever else goes wrong ends it as failed.
    """
    try:
        with transaction.atomic():
            rows = WebhookReplay.objects.select_for_update(skip_locked=not wait)
            locked = rows.filter(pk=run.pk, status__in=WebhookReplay.OPEN).first()
            return Batch() if locked is None or (paced and _is_full(locked)) else _next_batch(locked)
    except OperationalError:
        logger.warning("Replay %s is left to the next sweep.", run.pk, exc_info=True)
    except Exception as error:  # the edge of the work: a run that cannot go on must not come back for ever
        logger.exception("Replay %s cannot go on.", run.pk)
        _fail(run, error)
    return Batch()


def due_again() -> dict[str, Any]:
    """The changes that make events due again, as a replay.

    One that a worker has in hand is due when the worker's lease ends: so no two apply it at once, and that worker finds
    its lease gone and completes nothing.
    """
    in_hand = When(processing_status=WebhookEvent.Status.PROCESSING, then=Greatest("next_attempt_at", Now()))
    return {
        "processing_status": WebhookEvent.Status.PENDING,
        "next_attempt_at": Case(in_hand, default=Now()),
        "retry_count": 0,
        "error_message": "",
        "replays": Least(F("replays") + 1, _COUNTED_TO),
    }


def end(run: WebhookReplay, status: WebhookReplay.Status, *, error: str = "") -> None:
    """Close the run, whose row the caller has locked."""
    run.status, run.completed_at, run.error_message = status, timezone.now(), error
    run.save(update_fields=["status", "completed_at", "error_message"])
    record_action(f"webhook_replay.{status.value}", run, {"due": run.done, "skipped": run.skipped})


def _is_full(run: WebhookReplay) -> bool:
    """Whether enough of its events wait already. Those of a paused endpoint hold up no others."""
    statuses = [WebhookEvent.Status.PENDING, WebhookEvent.Status.PROCESSING]
    waiting = WebhookEvent.objects.filter(replay=run, processing_status__in=statuses, webhook_endpoint__is_paused=False)
    return waiting[:WAITING_AT_MOST].count() >= WAITING_AT_MOST


def _next_batch(run: WebhookReplay) -> Batch:
    keys = _next_keys(run)
    due = _make_due(run, keys)
    batch = Batch(due=due, skipped=len(keys) - due, goes_on=len(keys) == BATCH)
    run.done += batch.due
    run.skipped += batch.skipped
    run.last_key = keys[-1] if keys else run.last_key
    run.started_at = run.started_at or timezone.now()
    run.status = WebhookReplay.Status.RUNNING
    if not batch.goes_on:
        run.skipped = max(run.skipped, run.total - run.done)
        run.total = run.done + run.skipped
    run.save(update_fields=["done", "skipped", "total", "last_key", "started_at", "status"])
    if not batch.goes_on:
        end(run, WebhookReplay.Status.COMPLETED)
    return batch


def _next_keys(run: WebhookReplay) -> Sequence[uuid.UUID]:
    """The next events that are meant. What came after the run began has a higher key than the run's own."""
    if run.event_ids:
        return [key for key in run.event_ids if run.last_key is None or key > run.last_key][:BATCH]
    events = WebhookEvent.objects.filter(organization=run.organization_id, pk__lt=run.pk)
    if run.last_key is not None:
        events = events.filter(pk__gt=run.last_key)
    return list(Selection.of(run).among(events).values_list("pk", flat=True)[:BATCH])


def _make_due(run: WebhookReplay, keys: Sequence[uuid.UUID]) -> int:
    """But for those that wait anyway. Locked in the order of their keys: two who lock so never block each other."""
    events = WebhookEvent.objects.filter(organization=run.organization_id, pk__in=keys)
    idle = events.exclude(processing_status=WebhookEvent.Status.PENDING).order_by("pk")
    locked = list(idle.select_for_update(no_key=True).values_list("pk", flat=True))
    transaction.on_commit(partial(hint, "webhooks.tasks.drain_inbox"))
    return WebhookEvent.objects.filter(pk__in=locked).update(**due_again(), replay=run)


def _fail(run: WebhookReplay, error: Exception) -> None:
    with transaction.atomic():
        locked = WebhookReplay.objects.select_for_update().get(pk=run.pk)
        if locked.is_open:
            end(locked, WebhookReplay.Status.FAILED, error=f"Unexpected {type(error).__name__}.")
