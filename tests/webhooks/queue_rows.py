"""Events put straight into the queue, in numbers that the door would take minutes for."""

from __future__ import annotations

from django.db import connection as database

from webhooks.models import WebhookEndpoint, WebhookEvent

_INSERT = """
INSERT INTO webhook_events (
    id, organization_id, webhook_endpoint_id, event_id, event_type, normalized_type, subject, occurred_at, raw_body,
    headers, signature, signature_verified, processing_status, retry_count, error_message, next_attempt_at
)
SELECT gen_random_uuid(), %s, %s, 'evt_' || gen_random_uuid(), 'customer.updated', '', %s, now() + n * %s::interval,
    '{"id": "x"}', '{}', '', true, 'pending', 0, '', now() - interval '1 hour' + n * interval '1 millisecond'
FROM generate_series(1, %s) AS n
"""


def queue(endpoint: WebhookEndpoint, count: int, *, subject: str = "", seconds_apart: int = 0) -> None:
    """`count` due events of a type that nothing happens for; with negative seconds apart the last is the oldest."""
    with database.cursor() as cursor:
        values = [endpoint.organization_id, endpoint.pk, subject, f"{seconds_apart} seconds", count]
        cursor.execute(_INSERT, values)


def of(endpoint: WebhookEndpoint, *statuses: str) -> int:
    """How many of the endpoint's events are in one of these states."""
    return WebhookEvent.objects.filter(webhook_endpoint=endpoint, processing_status__in=statuses).count()
