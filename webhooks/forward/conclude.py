"""What became of attempts, written down: the deliveries, their attempts, and what that says of their destinations."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from ..models import WebhookDelivery, WebhookDeliveryAttempt, WebhookDestination
from .queue import Claimed
from .schedule import seconds_until_retry
from .send import Result
from .standing import look_at_failures, switch_off

Status = WebhookDelivery.Status

# Those whose lease is lost are someone else's by now, and are left alone.
_UPDATE = """
UPDATE webhook_deliveries AS delivery
SET status = new.status, attempt = new.attempt, tries = new.tries, response_status = new.response_status,
    response_body = new.response_body, error = new.error, duration_ms = new.duration_ms,
    next_attempt_at = new.next_attempt_at, delivered_at = new.delivered_at
FROM unnest(
    %s::uuid[], %s::timestamptz[], %s::text[], %s::int[], %s::smallint[], %s::smallint[], %s::text[], %s::text[],
    %s::int[], %s::timestamptz[], %s::timestamptz[]
) AS new (
    id, lease_ends, status, attempt, tries, response_status, response_body, error, duration_ms, next_attempt_at,
    delivered_at
)
WHERE delivery.id = new.id AND delivery.status = 'sending' AND delivery.next_attempt_at = new.lease_ends
RETURNING delivery.id
"""


@dataclass(frozen=True)
class Ended:
    """One attempt, and how its delivery stands after it."""

    delivery: Claimed
    result: Result
    status: WebhookDelivery.Status
    next_attempt_at: datetime | None = None

    def row(self) -> tuple[object, ...]:
        one, result = self.delivery, self.result
        return (
            one.pk, one.lease_ends, self.status, one.attempt + 1, one.tries + 1, result.status, result.body,
            result.error, result.duration_ms, self.next_attempt_at, result.at if result.ok else None,
        )  # fmt: skip

    def attempt(self) -> WebhookDeliveryAttempt:
        one, result = self.delivery, self.result
        return WebhookDeliveryAttempt(
            organization_id=one.organization_id, delivery_id=one.pk, number=one.attempt + 1, at=result.at,
            response_status=result.status, response_headers=dict(result.headers), response_body=result.body,
            error=result.error, duration_ms=result.duration_ms,
        )  # fmt: skip


def conclude(
    sent: Sequence[tuple[Claimed, Result]], paced_until: Mapping[uuid.UUID, datetime] | None = None
) -> dict[uuid.UUID, WebhookDestination]:
    """Write down what the attempts met; returns their destinations as they stand now, without those that are gone.

    `paced_until` is when the rate of a destination allows the next.
    """
    with transaction.atomic():
        # The destinations first, as whoever switches one off does: no two wait for each other.
        rows = WebhookDestination.objects.select_for_update(no_key=True).order_by("pk")
        destinations = rows.in_bulk({delivery.destination_id for delivery, _ in sent})
        ended = [
            _ended(delivery, result, destinations[delivery.destination_id])
            for delivery, result in sent
            if delivery.destination_id in destinations
        ]
        ours = _write(ended)
        by_destination: dict[uuid.UUID, list[Ended]] = defaultdict(list)
        for one in ended:
            if one.delivery.pk in ours:
                by_destination[one.delivery.destination_id].append(one)
        for key, theirs in by_destination.items():
            _take_note(destinations[key], theirs, (paced_until or {}).get(key))
    return destinations


def _ended(delivery: Claimed, result: Result, destination: WebhookDestination) -> Ended:
    if result.ok:
        return Ended(delivery, result, Status.DELIVERED)
    is_final = delivery.event_id is None or result.is_gone or not result.retryable
    wait = None if is_final else seconds_until_retry(destination, delivery.tries + 1)
    if wait is None:
        return Ended(delivery, result, Status.FAILED)
    if not destination.is_active:
        return Ended(delivery, result, Status.HELD)
    due = timezone.now() + timedelta(seconds=max(wait, result.retry_after or 0))
    return Ended(delivery, result, Status.RETRYING, due)


def _write(ended: Sequence[Ended]) -> set[uuid.UUID]:
    """Returns the deliveries that were still ours."""
    if not ended:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, [list(column) for column in zip(*(one.row() for one in ended), strict=True)])
        ours = {key for (key,) in cursor.fetchall()}
    WebhookDeliveryAttempt.objects.bulk_create([one.attempt() for one in ended if one.delivery.pk in ours])
    return ours


def _take_note(destination: WebhookDestination, ended: Sequence[Ended], paced_until: datetime | None) -> None:
    """Counters, and whether it fails: tests count for neither."""
    real = [one for one in ended if one.delivery.event_id is not None and one.result.blames_receiver]
    good = [one.result.at for one in real if one.result.ok]
    bad = [one.result.at for one in real if not one.result.ok]
    if good:
        destination.failing_since, destination.warned_at = None, None
        destination.last_delivered_at = max(good)
    elif bad and destination.failing_since is None:
        destination.failing_since = min(bad)
    destination.next_send_at = _next_send(destination, ended, paced_until)
    WebhookDestination.objects.filter(pk=destination.pk).update(
        failing_since=destination.failing_since,
        warned_at=destination.warned_at,
        last_delivered_at=destination.last_delivered_at,
        next_send_at=destination.next_send_at,
        delivered_count=F("delivered_count") + len(good),
        failed_count=F("failed_count") + sum(one.status is Status.FAILED for one in real),
    )
    if any(one.result.is_gone for one in real):
        switch_off(destination, WebhookDestination.DisabledReason.GONE)
    elif bad and not good:
        look_at_failures(destination)


def _next_send(
    destination: WebhookDestination, ended: Sequence[Ended], paced_until: datetime | None
) -> datetime | None:
    """The latest of what the rate allows and what the receiver asked for with 429 or 503."""
    asked = [one.result.at + timedelta(seconds=pause) for one in ended if (pause := one.result.asked_pause)]
    moments = [moment for moment in (destination.next_send_at, paced_until, *asked) if moment is not None]
    return max(moments, default=None)
