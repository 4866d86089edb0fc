from __future__ import annotations

import uuid

from celery import shared_task

from integrations.errors import Unavailable
from integrations.file_removal import remove_files as remove
from integrations.request_id import working_as

from . import archive, inbox, replay_batches, retention
from .confirmations import visit
from .forward.drain import drain
from .forward.inactive import hold_what_is_late
from .models import FileToRemove


@shared_task
def drain_inbox() -> int:
    """The door's wake-up. A worker has other things to do than to wait for a provider that hangs."""
    return inbox.drain(waits=False)


@shared_task
def sweep_inbox() -> int:
    """Every few seconds, so that a lost wake-up costs no more than that."""
    return inbox.drain(waits=False)


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
    with working_as("retention"):
        is_done = retention.purge_all()
    if not is_done:
        purge_bodies.delay()


@shared_task
def remove_files() -> int:
    """Of deleted events, what lies in object storage."""
    return remove(FileToRemove)


@shared_task(autoretry_for=(Unavailable,), retry_backoff=5, max_retries=6)
def confirm_address(endpoint_id: str, sealed: str) -> None:
    """Visit what a provider named to confirm an endpoint's address."""
    visit(uuid.UUID(endpoint_id), sealed)


@shared_task
def drain_deliveries() -> int:
    """The wake-up when there is something to forward."""
    with working_as("webhook forwarding"):
        return drain()


@shared_task
def sweep_deliveries() -> int:
    """Every few seconds: retries that have come due, and what a lost wake-up left."""
    with working_as("webhook forwarding"):
        hold_what_is_late()
        return drain()
