"""What became of an attempt, and the one statement that writes it down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from integrations.errors import CircuitOpen, IntegrationError
from integrations.providers.events import NormalizedEvent

from .models import WebhookEvent
from .retries import backoff_seconds, policy_of

Status = WebhookEvent.Status
ATTEMPTS_KEPT = 50
_LONGEST_ERROR = 2000

# The lease tells whether an event is still ours. The story of its attempts loses its beginning when it grows too long.
_FINISH = """
UPDATE webhook_events AS event SET
    processing_status = ended.status, error_message = ended.error, next_attempt_at = ended.next_attempt_at,
    processed_at = coalesce(ended.processed_at, event.processed_at), retry_count = event.retry_count + ended.retries,
    normalized_type = coalesce(ended.normalized_type, event.normalized_type),
    payload = coalesce(ended.payload, event.payload),
    attempts = CASE WHEN jsonb_array_length(attempts) < %s THEN attempts ELSE attempts - 0 END || ended.attempt
FROM jsonb_to_recordset(%s::jsonb) AS ended (
    id uuid, lease_ends timestamptz, status text, error text, next_attempt_at timestamptz, processed_at timestamptz,
    retries int, normalized_type text, payload jsonb, attempt jsonb
)
WHERE event.id = ended.id AND event.processing_status = 'processing' AND event.next_attempt_at = ended.lease_ends
"""


@dataclass(frozen=True)
class Outcome:
    """`normalized` is what a completed event said, in our words; `summary` what the row keeps of its provider's.

    A completed one with an `error_message` was left as it is, for the reason that this says.
    """

    status: WebhookEvent.Status
    error_message: str = ""
    wait_seconds: float = 0.0
    normalized_type: str = ""
    normalized: Sequence[NormalizedEvent] = ()
    summary: Any = None

    @property
    def is_passed_on(self) -> bool:
        return self.status is Status.COMPLETED and not self.error_message


def outcome_of_failure(event: WebhookEvent, error: Exception) -> Outcome:
    """Tried again later where that may help and the endpoint's policy has tries left; else it rests as failed."""
    policy = policy_of(event.webhook_endpoint)
    message = error.message if isinstance(error, IntegrationError) else f"Unexpected {type(error).__name__}."
    if not _may_pass(error) or event.retry_count >= policy["max_retries"]:
        return Outcome(Status.FAILED, error_message=message)
    asked = getattr(error, "retry_after", None) or 0.0
    wait = max(asked, backoff_seconds(policy, event.retry_count))
    return Outcome(Status.RETRYING, error_message=message, wait_seconds=wait)


@dataclass(frozen=True)
class Ended:
    """An attempt that is over, of an event that is ours until `lease_ends`."""

    event: WebhookEvent
    outcome: Outcome
    lease_ends: datetime
    started_at: datetime


def finish(attempts: Sequence[Ended]) -> bool:
    """Write what became of them, as far as the leases are still ours. Returns whether all were."""
    rows = json.dumps([_row(one) for one in attempts], default=str)
    with connection.cursor() as cursor:
        cursor.execute(_FINISH, [ATTEMPTS_KEPT, rows])
        return bool(cursor.rowcount == len(attempts))


def _row(ended: Ended) -> dict[str, Any]:
    event, outcome, now = ended.event, ended.outcome, timezone.now()
    is_over = outcome.status is not Status.RETRYING
    is_done = outcome.status is Status.COMPLETED
    error = outcome.error_message[:_LONGEST_ERROR].encode(errors="replace").decode().replace("\x00", "")
    return {
        "id": event.pk,
        "lease_ends": ended.lease_ends,
        "status": outcome.status.value,
        "error": error,
        "next_attempt_at": None if is_over else now + timedelta(seconds=outcome.wait_seconds),
        "processed_at": now if is_over else None,
        "retries": 0 if is_over else 1,
        "normalized_type": outcome.normalized_type if is_done else None,
        "payload": outcome.summary,
        "attempt": [_told(event, outcome.status, error, ended.started_at, now)],
    }


def _may_pass(error: Exception) -> bool:
    """Whether another try may end otherwise. An open circuit, which nobody waits for in a call, closes by itself."""
    return not isinstance(error, IntegrationError) or error.retryable or isinstance(error, CircuitOpen)


def _told(
    event: WebhookEvent, status: WebhookEvent.Status, error: str, started_at: datetime, now: datetime
) -> dict[str, Any]:
    duration = round((now - started_at).total_seconds() * 1000)
    told = {"at": started_at.isoformat(), "status": status.value, "error": error, "duration_ms": duration}
    return {**told, "replay": str(event.replay_id) if event.replay_id else True} if event.replays else told
