from __future__ import annotations

from celery import shared_task

from integrations.models.base import uuid7
from integrations.request_id import Origin, originating

from . import archive, inbox, replay_batches, retention


@shared_task
def drain_inbox() -> int:
    """The door's wake-up."""
    return inbox.drain()


@shared_task
def sweep_inbox() -> int:
    """Every few seconds, so that a lost wake-up costs no more than that."""
    return inbox.drain()


@shared_task
def advance_replays() -> int:
    """Woken when a run begins, and every few seconds for those that were left."""
    return replay_batches.advance_all()


@shared_task
def archive_bodies() -> int:
    return archive.archive_bodies()


@shared_task
def purge_bodies() -> None:
    """Daily; with more to do than fits into a task, it goes on in another."""
    with originating(Origin(str(uuid7()), actor="retention")):
        is_done = retention.purge_all()
    if not is_done:
        purge_bodies.delay()
