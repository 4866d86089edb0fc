"""How many events an endpoint had: counted as they end, a statement a batch, so that no page has to count them.

At the door nothing is counted: a burst would queue on one row.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, Sum
from django.db.models.functions import Greatest
from django.utils import timezone

from integrations.models.base import uuid7

from .models import EndpointHour, WebhookEndpoint, WebhookEvent

HOURS_SHOWN = 24
MOST_COUNTED = 10_000

# One order for all, so that two workers never wait for each other.
_ADD = """
INSERT INTO webhook_endpoint_hours (id, organization_id, webhook_endpoint_id, hour, succeeded, failed, created_at)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::timestamptz[], %s::bigint[], %s::bigint[],
    %s::timestamptz[]) AS ended (id, organization, endpoint, hour, succeeded, failed, created)
ORDER BY endpoint
ON CONFLICT (webhook_endpoint_id, hour) DO UPDATE SET
    succeeded = webhook_endpoint_hours.succeeded + excluded.succeeded,
    failed = webhook_endpoint_hours.failed + excluded.failed
"""


@dataclass(frozen=True)
class Ended:
    """An event that came to its end: `succeeded` or not."""

    organization_id: uuid.UUID
    endpoint_id: uuid.UUID
    received_at: datetime
    succeeded: bool


@dataclass(frozen=True)
class DayCounts:
    """Of an organization, in the last 24 hours; `waiting` now, at most MOST_COUNTED."""

    succeeded: int
    failed: int
    waiting: int


def count_ended(events: Sequence[Ended]) -> None:
    """Add a batch of events to their endpoints' counters and to the hour that this is."""
    if not events:
        return
    good = Counter(event.endpoint_id for event in events if event.succeeded)
    totals = Counter(event.endpoint_id for event in events)
    organizations = {event.endpoint_id: event.organization_id for event in events}
    now = timezone.now()
    endpoints = sorted(totals)
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = [(uuid7(), organizations[one], one, hour, good[one], totals[one] - good[one], now) for one in endpoints]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [list(column) for column in zip(*rows, strict=True)])
    for endpoint in endpoints:
        newest = max(event.received_at for event in events if event.endpoint_id == endpoint)
        WebhookEndpoint.objects.filter(pk=endpoint).update(
            total_triggers=F("total_triggers") + totals[endpoint],
            success_count=F("success_count") + good[endpoint],
            failure_count=F("failure_count") + totals[endpoint] - good[endpoint],
            last_triggered=Greatest(F("last_triggered"), newest),
        )


def hours_of(endpoint_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[tuple[int, int]]]:
    """Succeeded and failed of each of the last 24 hours, oldest first."""
    first = _first_hour()
    hours = {one: [(0, 0)] * HOURS_SHOWN for one in endpoint_ids}
    found = EndpointHour.objects.filter(webhook_endpoint__in=hours, hour__gte=first)
    for endpoint, hour, succeeded, failed in found.values_list("webhook_endpoint", "hour", "succeeded", "failed"):
        position = int((hour - first) / timedelta(hours=1))
        if position < HOURS_SHOWN:
            hours[endpoint][position] = (succeeded, failed)
    return hours


def counts_of_a_day(organization_id: uuid.UUID) -> DayCounts:
    sums = EndpointHour.objects.filter(organization=organization_id, hour__gte=_first_hour()).aggregate(
        succeeded=Sum("succeeded", default=0), failed=Sum("failed", default=0)
    )
    unfinished = [WebhookEvent.Status.PENDING, WebhookEvent.Status.PROCESSING, WebhookEvent.Status.RETRYING]
    waiting = WebhookEvent.objects.filter(organization=organization_id, processing_status__in=unfinished)
    return DayCounts(**sums, waiting=waiting.order_by()[:MOST_COUNTED].count())


def _first_hour() -> datetime:
    this_hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    return this_hour - timedelta(hours=HOURS_SHOWN - 1)
