from __future__ import annotations

import uuid

from celery import shared_task

from integrations.errors import Unavailable

from . import inbox
from .confirmations import visit


@shared_task
def drain_inbox() -> int:
    """The door's wake-up. A worker has other things to do than to wait for a provider that hangs."""
    return inbox.drain(waits=False)


@shared_task
def sweep_inbox() -> int:
    """Every few seconds, so that a lost wake-up costs no more than that."""
    return inbox.drain(waits=False)


@shared_task(autoretry_for=(Unavailable,), retry_backoff=5, max_retries=6)  # type: ignore[untyped-decorator]
def confirm_address(endpoint_id: str, sealed: str) -> None:
    """Visit what a provider named to confirm an endpoint's address."""
    visit(uuid.UUID(endpoint_id), sealed)
