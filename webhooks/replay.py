"""Many events at once, made due again."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db.models import QuerySet

from integrations.models.base import first_uuid7

from .inbox import replay_event
from .models import WebhookEvent


def select_events(
    events: QuerySet[WebhookEvent],
    *,
    endpoint: uuid.UUID | None = None,
    connection: uuid.UUID | None = None,
    status: str = "",
    event_type: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[WebhookEvent]:
    """Those of `events` that fit everything given, oldest first. Times are by the key, which carries them."""
    given = {
        "webhook_endpoint": endpoint,
        "webhook_endpoint__connection": connection,
        "processing_status": status,
        "event_type": event_type,
        "pk__gte": since and first_uuid7(since),
        "pk__lt": until and first_uuid7(until),
    }
    return events.filter(**{name: value for name, value in given.items() if value}).order_by("pk")


def replay_events(events: QuerySet[WebhookEvent]) -> int:
    """Make all of them due again, each in a transaction of its own; returns how many they were."""
    keys = list(events.values_list("pk", flat=True))
    for key in keys:
        replay_event(WebhookEvent(pk=key))
    return len(keys)
