"""What an organization no longer keeps of its events: first the body, much later the summary of it.

The row itself stays, with its ids, times and state: it is what makes a late redelivery the same event.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from integrations.errors import IntegrationError
from integrations.models import Organization
from integrations.models.base import first_uuid7
from integrations.operations.announce import record_action

from .archive import FINISHED, summary_for
from .models import WebhookEvent

logger = logging.getLogger(__name__)

BATCH = 100
_WORKERS = 8


def purge_all(*, seconds: float = 480.0) -> bool:
    """Purge every organization until the time is up; returns whether all is done."""
    deadline = time.monotonic() + seconds
    for organization in Organization.objects.all():
        try:
            for _ in purge(organization):
                if time.monotonic() > deadline:
                    return False
        except IntegrationError as error:
            logger.error("Old webhook bodies of %s are not all deleted: %s", organization.slug, error)  # noqa: TRY400 - foreseen, and said in a line
    return True


def purge(organization: Organization) -> Iterator[int]:
    """Delete what is too old, batch by batch; yields how many rows each was. The audit log is told how many.

    Raises Unavailable or ConfigurationError where files cannot be deleted: their keys are gone by then, and the next
    run tries again. What waits for its turn, or was made to by a replay, is let be.
    """
    for events in _with_old_bodies(organization):
        while batch := _forget_bodies(organization, events):
            _delete_files(batch)
            yield len(batch)
    while count := _forget_summaries(organization):
        yield count


def count_too_old(organization: Organization) -> tuple[int, int]:
    """How many bodies and summaries `purge` would delete."""
    bodies = sum(events.count() for events in _with_old_bodies(organization))
    return bodies, _with_old_summaries(organization).count()


def _with_old_bodies(organization: Organization) -> list[QuerySet[WebhookEvent]]:
    """Those in the archive, and those that never came there; each served by its own index."""
    days = organization.webhook_body_days
    if days is None:
        return []
    old = _older_than(organization, days).filter(processing_status__in=FINISHED)
    return [old.filter(body__gt=""), old.filter(raw_body__isnull=False).exclude(body__gt="")]


def _with_old_summaries(organization: Organization) -> QuerySet[WebhookEvent]:
    days = organization.webhook_summary_days
    if days is None:
        return WebhookEvent.objects.none()
    return _older_than(organization, days).filter(body_deleted_at__isnull=False, payload__isnull=False)


def _older_than(organization: Organization, days: int) -> QuerySet[WebhookEvent]:
    """By the key, which carries the time and has the index."""
    end = first_uuid7(timezone.now() - timedelta(days=days))
    return WebhookEvent.objects.filter(organization=organization, pk__lt=end).order_by("pk")


@transaction.atomic
def _forget_bodies(organization: Organization, events: QuerySet[WebhookEvent]) -> list[WebhookEvent]:
    """Without its key a file is noise: this is the deletion that counts, wherever copies of the file are.

    The name stays until the file is gone, so that it is found again by whoever comes after a crash.
    """
    batch = list(events.select_for_update(no_key=True, skip_locked=True)[:BATCH])
    now = timezone.now()
    for event in (whole := [event for event in batch if event.has_body]):
        event.payload = summary_for(event)
        event.raw_body = event.body_key = None
        event.headers, event.signature, event.body_deleted_at = {}, "", now  # they spoke of the body
    fields = ["payload", "raw_body", "body_key", "headers", "signature", "body_deleted_at"]
    WebhookEvent.objects.bulk_update(whole, fields)
    if whole:
        told = {"count": len(whole), "older_than_days": organization.webhook_body_days}
        record_action("webhook_bodies.deleted", organization, told)
    return batch


def _delete_files(events: Sequence[WebhookEvent]) -> None:
    names = [str(event.body.name) for event in events if event.body]
    with ThreadPoolExecutor(_WORKERS) as workers:
        list(workers.map(default_storage.delete, names))  # raises what one of them raised
    WebhookEvent.objects.filter(pk__in=[event.pk for event in events], body_key__isnull=True).update(body=None)


@transaction.atomic
def _forget_summaries(organization: Organization) -> int:
    keys = list(_with_old_summaries(organization).values_list("pk", flat=True)[:BATCH])
    if keys:
        WebhookEvent.objects.filter(pk__in=keys).update(payload=None)
        told = {"count": len(keys), "older_than_days": organization.webhook_summary_days}
        record_action("webhook_summaries.deleted", organization, told)
    return len(keys)
