from __future__ import annotations

from celery import shared_task

from . import inbox


@shared_task
def drain_inbox() -> int:
    """The door's wake-up. A worker has other things to do than to wait for a provider that hangs."""
    return inbox.drain(waits=False)


@shared_task
def sweep_inbox() -> int:
    """Every few seconds, so that a lost wake-up costs no more than that."""
    return inbox.drain(waits=False)
