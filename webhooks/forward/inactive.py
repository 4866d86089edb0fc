"""What waits for an organization that is off: nothing is claimed of it (`queue`), and what has waited long is held."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import connection, transaction

from integrations.models import Organization
from integrations.operations.announce import record_action

from .schedule import SCHEDULE_SECONDS

HELD_WHEN_LATE_BY = timedelta(seconds=sum(SCHEDULE_SECONDS))
_AT_ONCE = 10_000

# Served by webhook_deliveries_due, of each destination of the few organizations that are off. A row that a worker has
# just claimed is passed over, since a lease that lasts is not late.
_HOLD = """
WITH late AS MATERIALIZED (
    SELECT delivery.id FROM organizations AS organization
    JOIN webhook_destinations AS destination ON destination.organization_id = organization.id
    JOIN webhook_deliveries AS delivery ON delivery.destination_id = destination.id
    WHERE NOT organization.is_active AND delivery.status IN ('pending', 'sending', 'retrying')
        AND delivery.next_attempt_at < now() - make_interval(secs => %s)
    LIMIT %s FOR NO KEY UPDATE OF delivery SKIP LOCKED
), held AS (
    UPDATE webhook_deliveries AS delivery SET status = 'held', next_attempt_at = NULL
    FROM late WHERE delivery.id = late.id RETURNING delivery.organization_id
)
SELECT organization_id, count(*) FROM held GROUP BY organization_id
"""


def hold_what_is_late() -> None:
    """Hold what an organization that is off should have had for longer than the usual retries last.

    It rests until somebody sends it again, lest a flood of stale news meets a program that has just come back.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_HOLD, [HELD_WHEN_LATE_BY.total_seconds(), _AT_ONCE])
            held: dict[uuid.UUID, int] = dict(cursor.fetchall())
        for organization in Organization.objects.filter(pk__in=held) if held else ():
            record_action("webhook_deliveries.held", organization, {"count": held[organization.pk]})
