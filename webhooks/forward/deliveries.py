"""Deliveries that people and programs look up, and send again."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from integrations.errors import Conflict
from integrations.hints import hint
from integrations.models import Organization
from integrations.models.base import first_uuid7
from integrations.operations.announce import record_action

from ..models import WebhookDelivery, WebhookDestination, WebhookEvent

Status = WebhookDelivery.Status
UNDELIVERED = (Status.FAILED, Status.HELD)
RETRIED_AT_ONCE = 10_000


def deliveries_of(event: WebhookEvent) -> Sequence[WebhookDelivery]:
    """An event's forward log, newest first."""
    deliveries = WebhookDelivery.objects.filter(event=event).select_related("destination")
    return list(deliveries.order_by("-pk")[:100])


def retry_delivery(delivery: WebhookDelivery) -> WebhookDelivery:
    """Send it again now, whatever became of it, under the same message id; its schedule begins anew.

    Raises Conflict for a test, for one that is just being sent, and while its destination is off.
    """
    with transaction.atomic():
        locked = (
            WebhookDelivery.objects.select_for_update(of=("self",)).select_related("destination").get(pk=delivery.pk)
        )
        if locked.event_id is None:
            raise Conflict("A test is not sent again: send another.")
        if not locked.destination.is_active:
            raise Conflict("The destination is off: switch it on first.")
        if locked.status == Status.SENDING:
            raise Conflict("It is being sent just now.")
        _make_due(WebhookDelivery.objects.filter(pk=locked.pk))
        record_action("webhook_delivery.retried", locked, {"status": locked.status})
    locked.refresh_from_db()
    return locked


def retry_deliveries(organization: Organization, chosen: QuerySet[WebhookDelivery]) -> int:
    """Make those of `chosen` due that were not delivered and whose destination is on; returns how many they were.

    The oldest first, and at most RETRIED_AT_ONCE: asked again, it goes on.
    """
    retried = chosen.filter(
        organization=organization, status__in=UNDELIVERED, event__isnull=False, destination__is_active=True
    )
    with transaction.atomic():
        count = _make_due(WebhookDelivery.objects.filter(pk__in=retried.order_by("pk").values("pk")[:RETRIED_AT_ONCE]))
        record_action("webhook_deliveries.retried", organization, {"count": count})
    return count


def select_deliveries(
    deliveries: QuerySet[WebhookDelivery],
    *,
    destination: WebhookDestination | None = None,
    event: WebhookEvent | None = None,
    ids: Sequence[uuid.UUID] = (),
    status: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[WebhookDelivery]:
    """Those that fit everything given. Times are by the key, which carries them."""
    given = {
        "destination": destination,
        "event": event,
        "pk__in": ids,
        "status": status,
        "pk__gte": since and first_uuid7(since),
        "pk__lt": until and first_uuid7(until),
    }
    return deliveries.filter(**{name: value for name, value in given.items() if value})


def _make_due(deliveries: QuerySet[WebhookDelivery]) -> int:
    count = deliveries.exclude(status=Status.SENDING).update(
        status=Status.PENDING, next_attempt_at=timezone.now(), tries=0, error=""
    )
    transaction.on_commit(partial(hint, "webhooks.tasks.drain_deliveries"))
    return count
