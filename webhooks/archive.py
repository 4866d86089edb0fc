"""Bodies of finished events move from the database to object storage, sealed.

In three steps, none of which holds a transaction open while a file is written: the row is given a key and the file's
name; the file is written; the row lets go of its bytes. Whoever dies in between leaves a row with its bytes, for which
the next run writes the same file under the same key. Two at once do the same as well.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from integrations.envelope import fresh_data_key
from integrations.errors import ConfigurationError, Unavailable, UnreadablePayload
from integrations.models import Organization
from integrations.object_storage import has_storage
from integrations.vault import VaultError

from .models import WebhookEvent
from .payloads import payload_of
from .stored_body import file_name, seal_body
from .summary import summary_of

logger = logging.getLogger(__name__)

BATCH = 32
FAILED_AFTER = timedelta(days=7)  # until then somebody looks at what failed, and replays it
FINISHED = (WebhookEvent.Status.COMPLETED, WebhookEvent.Status.FAILED)
FIRST = uuid.UUID(int=0)
_WRITERS = 8


def archive_bodies(*, seconds: float = 20.0) -> int:
    """Archive what is due until there is no more or the time is up; returns how many bodies moved.

    A region without storage, or whose storage fails, is told in the log: its bodies stay where they are.
    """
    deadline = time.monotonic() + seconds
    moved = 0
    with ThreadPoolExecutor(_WRITERS, thread_name_prefix="archive") as writers:
        for region in Organization.objects.order_by().values_list("data_region", flat=True).distinct():
            try:
                moved += _archive_region(region, writers, deadline)
            except (ConfigurationError, Unavailable) as error:
                # Said by its own sentence: a traceback would show what was being written.
                logger.error("Webhook bodies of the data region %s stay in the database: %s", region, error)  # noqa: TRY400 - see above
    return moved


def summary_for(event: WebhookEvent) -> Any:
    """What may be shown of the body without reading it: the row's summary, or one made of the bytes in the row."""
    if event.payload is not None or event.raw_body is None:
        return event.payload
    try:
        return summary_of(payload_of(event))
    except UnreadablePayload:
        return None


def _archive_region(region: str, writers: ThreadPoolExecutor, deadline: float) -> int:
    moved, last = 0, FIRST
    while time.monotonic() < deadline and (events := _prepare(region, last)):
        last = events[-1].pk
        written = list(writers.map(_write, events))
        moved += _let_go([event for event, is_written in zip(events, written, strict=True) if is_written])
    return moved


@transaction.atomic
def _prepare(region: str, last: uuid.UUID) -> list[WebhookEvent]:
    """The next events that are due, each with a key and a name for its file: those of an earlier attempt, or new."""
    events = list(
        _due(region).filter(pk__gt=last).select_for_update(no_key=True, skip_locked=True, of=("self",))[:BATCH]
    )
    if events and not has_storage(region):
        raise ConfigurationError("HUB_STORAGE_BUCKETS names no bucket for it.")
    fresh = [event for event in events if not (event.body_key and event.body)]
    for event in fresh:
        event.body_key = fresh_data_key()
        event.body.name = file_name(event, region)
    WebhookEvent.objects.bulk_update(fresh, ["body_key", "body"])
    return events


def _due(region: str) -> QuerySet[WebhookEvent]:
    """Served by webhook_events_to_archive."""
    statuses = WebhookEvent.Status
    is_due = Q(processing_status=statuses.COMPLETED) | Q(
        processing_status=statuses.FAILED, processed_at__lt=timezone.now() - FAILED_AFTER
    )
    return WebhookEvent.objects.filter(
        is_due, raw_body__isnull=False, processing_status__in=FINISHED, organization__data_region=region
    ).order_by("pk")


def _write(event: WebhookEvent) -> bool:
    """Write the file, anew where there is one. In a thread of its own, without the database."""
    try:
        sealed = seal_body(event)
    except VaultError as error:
        logger.error("The body of event %s stays in the database: %s", event.pk, error)  # noqa: TRY400 - foreseen, and said in a line
        return False
    default_storage.save(str(event.body.name), ContentFile(sealed))
    return True


def _let_go(events: Sequence[WebhookEvent]) -> int:
    """Take the bytes out of the rows, where nobody has deleted them meanwhile; returns out of how many."""
    for event in events:
        event.payload = None  # what the row has may be older than the rules of masking
        event.payload = summary_for(event)
    with transaction.atomic():
        left = [event for event in events if not _archived(event)]
    for event in left:
        if not WebhookEvent.objects.filter(pk=event.pk, body_key__isnull=False).exists():
            default_storage.delete(str(event.body.name))  # its time was over while it was written
    return len(events) - len(left)


def _archived(event: WebhookEvent) -> bool:
    rows = WebhookEvent.objects.filter(pk=event.pk, raw_body__isnull=False, body_key__isnull=False)
    changed = rows.update(
        raw_body=None, archived_at=timezone.now(), body_bytes=len(event.raw_body or b""), payload=event.payload
    )
    return changed == 1
