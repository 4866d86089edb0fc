"""PostgreSQL as the queue: claim what is due, apply it, complete it; what fails is tried again, then rests as failed.

A worker holds an event by a lease (`next_attempt_at` while processing). One that dies loses it, and whoever comes next
takes the event up; one that was only slow finds its lease gone and completes nothing.
"""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DataError, connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from integrations.errors import IntegrationError, RateLimited, UnreadablePayload
from integrations.operations.announce import record_action
from integrations.operations.payments import apply_event
from integrations.providers.events import EventType, NormalizedEvent
from integrations.providers.registry import get_provider
from integrations.request_id import Origin, originating
from integrations.tenancy import acting_for

from . import forward
from .models import WebhookEndpoint, WebhookEvent
from .retries import backoff_seconds, policy_of

logger = logging.getLogger(__name__)

BATCH = 20
LEASE_SECONDS = 120
# In JSON text of ASCII: what may stay (a pair that makes one character, most other escapes) and what JSONB refuses.
_ESCAPE = re.compile(r"(?P<kept>\\ud[89ab]..\\ud[c-f]..|\\(?!u0000|ud[89a-f]).)|\\u0000|\\ud[89a-f]..")

# Served by webhook_events_due. SKIP LOCKED: two workers never wait for each other and never take the same event. One
# found in processing cost a worker its life, or its lease: that counts as a try, or it could kill workers for ever.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT id FROM webhook_events
    WHERE processing_status IN ('pending', 'processing', 'retrying') AND next_attempt_at <= now()
    ORDER BY next_attempt_at LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE webhook_events AS event
SET processing_status = 'processing', next_attempt_at = now() + make_interval(secs => %s),
    retry_count = retry_count + (processing_status = 'processing')::int
FROM due WHERE event.id = due.id
RETURNING event.id, event.next_attempt_at
"""


@dataclass(frozen=True)
class Outcome:
    """What became of one attempt."""

    status: WebhookEvent.Status
    normalized_type: str = ""
    error_message: str = ""
    wait_seconds: float = 0.0
    normalized: tuple[NormalizedEvent, ...] = ()


def drain(*, seconds: float = 30.0) -> int:
    """Process due events until there are none or the time is up; returns how many were taken up."""
    deadline = time.monotonic() + seconds
    taken = 0
    while time.monotonic() < deadline:
        claimed = claim(BATCH)
        if not claimed:
            break
        taken += len(claimed)
        _process(claimed)
    return taken


def claim(limit: int) -> list[tuple[uuid.UUID, datetime]]:
    """Lease up to `limit` due events; returns their ids with the moment at which the lease ends."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [limit, LEASE_SECONDS])
        return list(cursor.fetchall())


def replay_event(event: WebhookEvent) -> None:
    """Make the event due again, whatever became of it before. Applying it again changes nothing that is so already."""
    with transaction.atomic():
        locked = WebhookEvent.objects.select_for_update().get(pk=event.pk)
        before = locked.processing_status
        locked.processing_status = WebhookEvent.Status.PENDING
        locked.next_attempt_at = timezone.now()
        locked.retry_count = 0
        locked.error_message = ""
        locked.save(update_fields=["processing_status", "next_attempt_at", "retry_count", "error_message"])
        record_action("webhook_event.replayed", locked, {"status": [before, locked.processing_status]})


def _process(claimed: Sequence[tuple[uuid.UUID, datetime]]) -> None:
    leases = dict(claimed)
    events = WebhookEvent.objects.filter(pk__in=leases).select_related("webhook_endpoint__connection__provider")
    results: list[tuple[WebhookEvent, Outcome]] = []
    for event in events.select_related("webhook_endpoint__connection__organization").order_by("pk"):
        if timezone.now() >= leases[event.pk]:
            continue  # the events before it took too long: it is someone else's by now
        with acting_for(event.organization_id), originating(Origin(f"event-{event.pk}", actor="webhook inbox")):
            ended = _conclude(event, _attempt(event), leases[event.pk])
        if ended is not None:
            results.append((event, ended))
    _count(results)


def _attempt(event: WebhookEvent) -> Outcome:
    if event.retry_count > policy_of(event.webhook_endpoint)["max_retries"]:
        return Outcome(WebhookEvent.Status.FAILED, error_message="No worker came to an end with it.")
    try:
        name, normalized = _apply(event)
        return Outcome(WebhookEvent.Status.COMPLETED, normalized_type=name, normalized=normalized)
    except IntegrationError as error:
        return _after_failure(event, error.message, retryable=error.retryable, asked=_asked_wait(error))
    except Exception as error:  # the edge of the work: whatever it was, the event must not be lost
        logger.exception("Event %s could not be processed.", event.pk)
        return _after_failure(event, f"Unexpected {type(error).__name__}.", retryable=True, asked=0.0)


def _apply(event: WebhookEvent) -> tuple[str, tuple[NormalizedEvent, ...]]:
    """Hand what the event says to the operation that owns its subject; returns our name for it, and what it says."""
    endpoint = event.webhook_endpoint
    provider = get_provider(endpoint.connection.provider.slug)
    if provider.signature is None:
        raise UnreadablePayload("This provider sends no events that we know of.")
    if endpoint.event_types and event.event_type not in endpoint.event_types:
        return str(provider.event_types.get(event.event_type, EventType.UNKNOWN)), ()
    normalized = provider.parse_events(payload_of(event), event.headers)
    for one in normalized:
        if one.type is not EventType.UNKNOWN:
            apply_event(endpoint.connection, one, trust=provider.signature.trust)
    return _name(normalized), tuple(normalized)


def payload_of(event: WebhookEvent) -> dict[str, Any]:
    """The verified bytes as JSON. Raises UnreadablePayload when they are none, or are in the archive."""
    try:
        payload = json.loads(bytes(event.raw_body or b""))
    except (ValueError, RecursionError) as error:
        raise UnreadablePayload("The stored body is not JSON.") from error
    if not isinstance(payload, dict):
        raise UnreadablePayload("The stored body is not a JSON object.")
    return payload


def storable(payload: dict[str, Any]) -> dict[str, Any]:
    """Without what JSONB and UTF-8 refuse: NUL, halves of characters, numbers beyond all. The raw bytes keep them."""
    text = _ESCAPE.sub(lambda found: found["kept"] or "", json.dumps(payload))
    stored: dict[str, Any] = json.loads(text, parse_constant=lambda name: None)
    return stored


def _name(events: Sequence[NormalizedEvent]) -> str:
    return events[0].type.value if events else EventType.UNKNOWN.value


def _asked_wait(error: IntegrationError) -> float:
    return error.retry_after if isinstance(error, RateLimited) else 0.0


def _after_failure(event: WebhookEvent, message: str, *, retryable: bool, asked: float) -> Outcome:
    policy = policy_of(event.webhook_endpoint)
    if not retryable or event.retry_count >= policy["max_retries"]:
        return Outcome(WebhookEvent.Status.FAILED, error_message=message)
    wait = max(asked, backoff_seconds(policy, event.retry_count))
    return Outcome(WebhookEvent.Status.RETRYING, error_message=message, wait_seconds=wait)


def _conclude(event: WebhookEvent, outcome: Outcome, lease_ends: datetime) -> Outcome | None:
    """Write what became of the attempt; returns what was written, or None where the lease was lost."""
    try:
        return outcome if _finish(event, outcome, lease_ends) else None
    except (DataError, ValueError, RecursionError) as error:
        # Left as it is, one event that the database refuses would come back for ever and take its batch with it.
        logger.error("Event %s cannot be stored as processed: %s", event.pk, type(error).__name__)  # noqa: TRY400
        failed = Outcome(WebhookEvent.Status.FAILED, error_message="What became of it could not be stored.")
        return failed if _finish(event, failed, lease_ends) else None


def _finish(event: WebhookEvent, outcome: Outcome, lease_ends: datetime) -> bool:
    """Write the outcome, if the lease is still ours. Returns whether it was."""
    now = timezone.now()
    retrying = outcome.status is WebhookEvent.Status.RETRYING
    changes: dict[str, Any] = {
        "processing_status": outcome.status,
        "error_message": outcome.error_message[:2000].replace("\x00", ""),
        "next_attempt_at": now + timedelta(seconds=outcome.wait_seconds) if retrying else None,
    }
    if retrying:
        changes["retry_count"] = F("retry_count") + 1
    else:
        changes["processed_at"] = now
    if outcome.status is WebhookEvent.Status.COMPLETED:
        changes |= {"normalized_type": outcome.normalized_type, "payload": storable(payload_of(event))}
    held = WebhookEvent.objects.filter(
        pk=event.pk, processing_status=WebhookEvent.Status.PROCESSING, next_attempt_at=lease_ends
    )
    with transaction.atomic():
        is_ours = held.update(**changes) == 1
        if is_ours and outcome.status is WebhookEvent.Status.COMPLETED:
            forward.fan_out(event, outcome.normalized)
    return is_ours


def _count(results: Sequence[tuple[WebhookEvent, Outcome]]) -> None:
    """Endpoints' counters, one statement an endpoint and batch: counting at the door would queue a burst on one row."""
    ended = [(event, outcome) for event, outcome in results if outcome.status is not WebhookEvent.Status.RETRYING]
    good = Counter(e.webhook_endpoint_id for e, outcome in ended if outcome.status is WebhookEvent.Status.COMPLETED)
    for endpoint_id, total in Counter(event.webhook_endpoint_id for event, _ in ended).items():
        newest = max(event.received_at for event, _ in ended if event.webhook_endpoint_id == endpoint_id)
        WebhookEndpoint.objects.filter(pk=endpoint_id).update(
            total_triggers=F("total_triggers") + total,
            success_count=F("success_count") + good[endpoint_id],
            failure_count=F("failure_count") + total - good[endpoint_id],
            last_triggered=Greatest(F("last_triggered"), Value(newest)),
        )
