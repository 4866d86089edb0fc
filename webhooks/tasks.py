from __future__ import annotations

from celery import shared_task

from integrations.models.base import uuid7
from integrations.request_id import Origin, originating

from . import inbox
from .forward.drain import drain


@shared_task
def drain_inbox() -> int:
    """The door's wake-up."""
    return inbox.drain()


@shared_task
def sweep_inbox() -> int:
    """Every few seconds, so that a lost wake-up costs no more than that."""
    return inbox.drain()


@shared_task
def drain_deliveries() -> int:
    """The wake-up when there is something to forward."""
    return _forward()


@shared_task
def sweep_deliveries() -> int:
    """Every few seconds: retries that have come due, and what a lost wake-up left."""
    return _forward()


def _forward() -> int:
    with originating(Origin(str(uuid7()), actor="webhook forwarding")):
        return drain()
