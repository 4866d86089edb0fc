from __future__ import annotations

from celery import shared_task

from . import inbox, replay_batches


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
