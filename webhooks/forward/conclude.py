"""What became of attempts, written down: the deliveries, their attempts, and what that says of their destinations."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from integrations.models.base import uuid7

from ..models import WebhookDelivery, WebhookDestination
from .queue import Claimed
from .schedule import seconds_until_retry
from .send import Result
from .standing import look_at_failures, switch_off_gone

Status = WebhookDelivery.Status

# One statement and one commit for all that has ended. The destinations are locked first, as by whoever switches one
# off, so that no two wait for each other. A delivery whose lease is lost is someone else's by now, and is left alone.
# Tests, and what was our own fault, say nothing of a destination (`counts`).
_CONCLUDE = """
WITH met AS MATERIALIZED (
    SELECT * FROM unnest(
        %s::uuid[], %s::timestamptz[], %s::uuid[], %s::text[], %s::timestamptz[], %s::bool[], %s::uuid[],
        %s::timestamptz[], %s::smallint[], %s::text[], %s::text[], %s::text[], %s::int[]
    ) AS met (
        id, lease_ends, destination_id, status, next_attempt_at, counts, attempt_id,
        at, response_status, response_headers, response_body, error, duration_ms
    )
), locked AS MATERIALIZED (
    SELECT destination.id, destination.is_active, destination.updated_at,
        destination.is_active AND organization.is_active AS is_served
    FROM webhook_destinations AS destination
    JOIN organizations AS organization ON organization.id = destination.organization_id
    WHERE destination.id IN (SELECT destination_id FROM met) ORDER BY destination.id FOR NO KEY UPDATE OF destination
), ended AS (
    UPDATE webhook_deliveries AS delivery
    SET status = CASE WHEN met.status = 'retrying' AND NOT locked.is_active THEN 'held' ELSE met.status END,
        next_attempt_at = CASE WHEN locked.is_active THEN met.next_attempt_at END,
        attempt = delivery.attempt + 1, tries = delivery.tries + 1, response_status = met.response_status,
        response_body = met.response_body, error = met.error, duration_ms = met.duration_ms,
        delivered_at = CASE WHEN met.status = 'delivered' THEN met.at END
    FROM met JOIN locked ON locked.id = met.destination_id
    WHERE delivery.id = met.id AND delivery.status = 'sending' AND delivery.next_attempt_at = met.lease_ends
    RETURNING delivery.id, delivery.organization_id, delivery.destination_id, delivery.attempt, met.attempt_id, met.at,
        met.response_status, met.response_headers, met.response_body, met.error, met.duration_ms,
        met.counts AND met.status = 'delivered' AS is_good, met.counts AND met.status <> 'delivered' AS is_bad,
        met.counts AND met.status = 'failed' AS is_lost
), noted AS (
    INSERT INTO webhook_delivery_attempts (
        id, organization_id, delivery_id, number, at, response_status, response_headers, response_body, error,
        duration_ms
    )
    SELECT attempt_id, organization_id, id, attempt, at, response_status, response_headers::jsonb, response_body,
        error, duration_ms
    FROM ended
), summed AS (
    SELECT destination_id, count(*) FILTER (WHERE is_good) AS good, count(*) FILTER (WHERE is_lost) AS lost,
        max(at) FILTER (WHERE is_good) AS last_good, min(at) FILTER (WHERE is_bad) AS first_bad
    FROM ended GROUP BY destination_id
), counted AS (
    UPDATE webhook_destinations AS destination
    SET delivered_count = delivered_count + good, failed_count = failed_count + lost,
        last_delivered_at = greatest(last_delivered_at, last_good),
        failing_since = CASE WHEN good = 0 THEN coalesce(failing_since, first_bad) END,
        warned_at = CASE WHEN good = 0 THEN warned_at END,
        next_send_at = greatest(next_send_at, paces.until)
    FROM summed LEFT JOIN unnest(%s::uuid[], %s::timestamptz[]) AS paces (id, until) ON paces.id = destination_id
    WHERE destination.id = summed.destination_id
    RETURNING destination.id, failing_since, next_send_at
)
SELECT id, is_served, updated_at, failing_since, next_send_at FROM locked LEFT JOIN counted USING (id)
"""


@dataclass(frozen=True)
class Standing:
    """How a destination stands after the attempts; `is_served`: it and its organization are on."""

    pk: uuid.UUID
    is_served: bool
    updated_at: datetime
    failing_since: datetime | None
    next_send_at: datetime | None


def conclude(
    ended: Sequence[tuple[Claimed, Result]],
    destinations: Mapping[uuid.UUID, WebhookDestination],
    paces: Mapping[uuid.UUID, datetime] | None = None,
) -> dict[uuid.UUID, Standing]:
    """Write down what the attempts met; returns how their destinations stand now, without those that are deleted.

    `paces` is when the rate of a destination allows the next.
    """
    rows = [_row(one, result, destinations[one.destination_id]) for one, result in ended]
    pauses = _pauses(ended, paces or {})
    columns = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_CONCLUDE, [*columns, list(pauses), list(pauses.values())])
        standing = {row[0]: Standing(*row) for row in cursor.fetchall()}
    gone = {one.destination_id for one, result in ended if result.is_gone and _counts(one, result)}
    return {key: _judged(one, is_gone=key in gone) for key, one in standing.items()}


def _judged(standing: Standing, *, is_gone: bool) -> Standing:
    """Switched off, where that is what the attempts mean."""
    if is_gone:
        switch_off_gone(standing.pk)
        return replace(standing, is_served=False)
    if standing.failing_since is not None and look_at_failures(standing.pk, standing.failing_since):
        return replace(standing, is_served=False)
    return standing


def _row(one: Claimed, result: Result, destination: WebhookDestination) -> tuple[object, ...]:
    status, due = _outcome(one, result, destination)
    return (
        one.pk, one.lease_ends, one.destination_id, status, due, _counts(one, result), uuid7(),
        result.at, result.status, json.dumps(dict(result.headers)), result.body, result.error, result.duration_ms,
    )  # fmt: skip


def _outcome(one: Claimed, result: Result, destination: WebhookDestination) -> tuple[str, datetime | None]:
    """The delivery's status after the attempt, and when it is due again."""
    if result.ok:
        return Status.DELIVERED, None
    is_final = one.event_id is None or result.is_gone or not result.retryable
    wait = None if is_final else seconds_until_retry(destination, one.tries + 1)
    if wait is None:
        return Status.FAILED, None
    return Status.RETRYING, timezone.now() + timedelta(seconds=max(wait, result.retry_after or 0))


def _counts(one: Claimed, result: Result) -> bool:
    return one.event_id is not None and result.blames_receiver


def _pauses(ended: Sequence[tuple[Claimed, Result]], paces: Mapping[uuid.UUID, datetime]) -> dict[uuid.UUID, datetime]:
    """By destination the later of what its rate allows and what it asked for with 429 or 503."""
    pauses = dict(paces)
    for one, result in ended:
        if result.asked_pause:
            until = result.at + timedelta(seconds=result.asked_pause)
            pauses[one.destination_id] = max(until, pauses.get(one.destination_id, until))
    return pauses
