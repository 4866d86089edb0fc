"""How a destination stands: failing, warned of, switched off, and on again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from integrations.hints import hint
from integrations.operations.announce import record_action

from .. import signals
from ..models import WebhookDelivery, WebhookDestination

DISABLED_AFTER = timedelta(days=5)  # of nothing but failure; the warning comes after half of it
WARNED_FOR = timedelta(days=1)  # at least: one that is seldom sent anything fails first again when all of it is over
Reason = WebhookDestination.DisabledReason
_OFF_AND_ON = (
    "is_active",
    "disabled_at",
    "disabled_reason",
    "failing_since",
    "warned_at",
    "next_send_at",
    "updated_at",
)


def look_at_failures(destination_id: uuid.UUID, since: datetime) -> bool:
    """Warn of a destination of which nothing but failure has come for long, or switch it off: returns whether."""
    if not _has_lasted(since, DISABLED_AFTER / 2):
        return False
    with transaction.atomic():
        destination = _locked(destination_id)
        if destination is None or destination.failing_since is None or not destination.is_active:
            return False
        if destination.warned_at is None:
            _warn(destination, destination.failing_since)
            return False
        is_over = _has_lasted(destination.failing_since, DISABLED_AFTER) and _has_lasted(
            destination.warned_at, WARNED_FOR
        )
        if is_over:
            switch_off(destination, Reason.FAILING)
    return is_over


def switch_off_gone(destination_id: uuid.UUID) -> None:
    """Its receiver answered 410 Gone: it wants nothing more."""
    with transaction.atomic():
        if destination := _locked(destination_id):
            switch_off(destination, Reason.GONE)


def switch_off(destination: WebhookDestination, reason: WebhookDestination.DisabledReason) -> None:
    """Send nothing more to a locked destination. What is open is held, and so is what comes while it is off."""
    if not destination.is_active:
        return
    destination.is_active = False
    destination.disabled_at, destination.disabled_reason = timezone.now(), reason
    destination.save(update_fields=_OFF_AND_ON)
    waiting = [WebhookDelivery.Status.PENDING, WebhookDelivery.Status.RETRYING]
    held = destination.deliveries.filter(status__in=waiting).update(
        status=WebhookDelivery.Status.HELD, next_attempt_at=None
    )
    record_action("webhook_destination.disabled", destination, {"reason": reason.value, "held": held})
    if reason is not Reason.BY_HAND:
        send = signals.destination_disabled.send_robust
        _tell(partial(send, WebhookDestination, destination=destination, reason=reason.value))


def switch_on(destination: WebhookDestination) -> None:
    """Send to a locked destination again. What was held meanwhile stays so until it is retried."""
    if destination.is_active:
        return
    destination.is_active = True
    destination.disabled_at, destination.disabled_reason = None, ""
    destination.failing_since = destination.warned_at = destination.next_send_at = None
    destination.save(update_fields=_OFF_AND_ON)
    record_action("webhook_destination.enabled", destination)
    transaction.on_commit(partial(hint, "webhooks.tasks.drain_deliveries"))


def _warn(destination: WebhookDestination, since: datetime) -> None:
    destination.warned_at = timezone.now()
    destination.save(update_fields=["warned_at"])
    record_action("webhook_destination.failing", destination, {"since": since.isoformat()})
    _tell(partial(signals.destination_failing.send_robust, WebhookDestination, destination=destination, since=since))


def _has_lasted(since: datetime, time: timedelta) -> bool:
    return timezone.now() - since >= time


def _locked(destination_id: uuid.UUID) -> WebhookDestination | None:
    return WebhookDestination.objects.select_for_update(no_key=True).filter(pk=destination_id).first()


def _tell(send: Callable[[], object]) -> None:
    transaction.on_commit(send, robust=True)
