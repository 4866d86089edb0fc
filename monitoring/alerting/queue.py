"""PostgreSQL as the queue of notifications: claimed with a lease, a channel at a time, and concluded.

A worker that dies loses its lease, and what it was sending is sent once more; what is interrupted twice is given up and
says so, for both times it may have arrived.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Case, F, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext_noop

from ..models import AlertChannel, AlertNotification

LEASE_SECONDS = 180
STORM_PAUSE = timedelta(minutes=2)  # after many at once or one by one: whatever comes meanwhile is the next message
RETRY_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180))
INTERRUPTED = gettext_noop("It was interrupted twice, and may have arrived.")
_CHANNELS_AT_ONCE = 8
_EACH = 5000
_Status = AlertNotification.Status

_OPEN = "status IN ('pending', 'sending', 'retrying')"
# Both look at open rows alone: alert_notifications_due. What is nearly due goes along with what is.
_CLAIM = f"""
WITH due AS (
    SELECT DISTINCT channel_id FROM alert_notifications WHERE {_OPEN} AND next_attempt_at <= now()
), served AS MATERIALIZED (
    SELECT channel.id FROM alert_channels AS channel
    JOIN due ON due.channel_id = channel.id JOIN organizations AS organization ON organization.id = organization_id
    WHERE channel.is_active AND organization.is_active
        AND (channel.next_send_at IS NULL OR channel.next_send_at <= now())
    ORDER BY channel.id LIMIT {_CHANNELS_AT_ONCE} FOR NO KEY UPDATE OF channel SKIP LOCKED
), taken AS (
    UPDATE alert_channels AS channel SET next_send_at = now() + make_interval(secs => %(lease)s)
    FROM served WHERE channel.id = served.id
), chosen AS MATERIALIZED (
    SELECT one.id FROM served CROSS JOIN LATERAL (
        SELECT id FROM alert_notifications
        WHERE channel_id = served.id AND {_OPEN} AND next_attempt_at <= now() + interval '15 seconds'
        ORDER BY next_attempt_at LIMIT {_EACH}
    ) AS one
)
UPDATE alert_notifications AS notification
SET attempts = attempts + 1, interruptions = interruptions + (status = 'sending')::int, status = 'sending',
    next_attempt_at = now() + make_interval(secs => %(lease)s)
FROM chosen WHERE notification.id = chosen.id AND notification.{_OPEN}
    AND notification.next_attempt_at <= now() + interval '15 seconds'
RETURNING notification.id
"""  # noqa: S608 - our own words


def claim() -> list[AlertNotification]:
    """Lease what is due, of channels that nobody else serves; the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"lease": LEASE_SECONDS})
        keys = [row[0] for row in cursor.fetchall()]
    rows = AlertNotification.objects.filter(pk__in=keys).select_related("alert", "channel", "organization")
    return list(rows.order_by("pk"))


def mark_sent(sent: Collection[AlertNotification], batch: uuid.UUID) -> None:
    now = timezone.now()
    _ours(sent).update(status=_Status.SENT, batch=batch, sent_at=now, next_attempt_at=None, error="")
    channels = AlertChannel.objects.filter(pk__in={one.channel_id for one in sent})
    channels.update(delivered_at=now, error="")


def mark_failed(failed: Collection[AlertNotification], error: str, *, for_good: bool) -> None:
    """To be tried again after a pause that grows with the attempts, until there have been enough."""
    now = timezone.now()
    last = len(RETRY_AFTER)
    if not for_good:
        pauses = [When(attempts=made, then=Value(now + pause)) for made, pause in enumerate(RETRY_AFTER, start=1)]
        again = _ours(failed).filter(attempts__lte=last)
        again.update(status=_Status.RETRYING, error=error, next_attempt_at=Case(*pauses), interruptions=0)
    _ours(failed).update(status=_Status.FAILED, error=error, next_attempt_at=None)
    channels = AlertChannel.objects.filter(pk__in={one.channel_id for one in failed})
    channels.update(failed_at=now, error=error)


def mark_skipped(skipped: Collection[AlertNotification]) -> None:
    _ours(skipped).update(status=_Status.SKIPPED, next_attempt_at=None, attempts=F("attempts") - 1)


def release(channel_id: uuid.UUID, until: datetime | None = None) -> None:
    AlertChannel.objects.filter(pk=channel_id).update(next_send_at=until)


def _ours(claimed: Collection[AlertNotification]) -> QuerySet[AlertNotification]:
    """Those whose lease has not ended, so that nobody else has them by now."""
    keys = [one.pk for one in claimed]
    leases = {one.next_attempt_at for one in claimed}
    return AlertNotification.objects.filter(pk__in=keys, status=_Status.SENDING, next_attempt_at__in=leases)
