"""Notifications sent: a few channels at once, and of each one message after the other."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from integrations.errors import EgressRefused, IntegrationError, InvalidRequest
from integrations.models.base import uuid7

from ..models import AlertChannel, AlertNotification
from . import queue
from .courier import Courier
from .messages import message_of

logger = logging.getLogger(__name__)

GATHERED_FROM = 4  # as many alerts at once are a storm, and one message
_THREADS = 4
_Kind = AlertNotification.Kind
_Status = AlertNotification.Status


def send_due() -> int:
    """Send what is due; returns how many notifications were taken up. Safe to run twice at once."""
    taken = 0
    with ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="alerts") as pool:
        while claimed := queue.claim():
            taken += len(claimed)
            of_channel: dict[AlertChannel, list[AlertNotification]] = defaultdict(list)
            for one in claimed:
                if one.channel is not None:
                    of_channel[one.channel].append(one)
            list(pool.map(_serve_in_thread, of_channel.items()))
    return taken


def send_test(channel: AlertChannel) -> AlertNotification:
    """Send a test message now, whether the channel is active or not; it is tried once. The row says what came of it."""
    notification = AlertNotification.objects.create(
        organization_id=channel.organization_id,
        channel=channel,
        channel_name=channel.name,
        kind=_Kind.TEST,
        status=_Status.SENDING,
        attempts=1,
        # An interrupted one is not sent again by itself: whoever pressed the button can press it once more.
        interruptions=1,
        next_attempt_at=timezone.now() + timedelta(seconds=queue.LEASE_SECONDS),
    )
    with Courier() as courier:
        _send(courier, [notification])
    notification.refresh_from_db()
    return notification


def _serve_in_thread(served: tuple[AlertChannel, list[AlertNotification]]) -> None:
    channel, claimed = served
    until = None
    try:
        with Courier() as courier:
            batches = _batches(claimed)
            for batch in batches:
                _send(courier, batch)
            if any(len(batch) > 1 for batch in batches) or _is_busy(channel):
                until = timezone.now() + queue.STORM_PAUSE
    except Exception:  # one channel's trouble must not hold up the others
        logger.exception("Alerts could not be sent to channel %s.", channel.pk)
    finally:
        queue.release(channel.pk, until)
        connection.close()


def _batches(claimed: Sequence[AlertNotification]) -> list[list[AlertNotification]]:
    """One message each, or one for all; those that nobody needs any more are put aside."""
    lost = [one for one in claimed if one.interruptions > 1]
    if lost:
        queue.mark_failed(lost, queue.INTERRUPTED, for_good=True)
    left = [one for one in claimed if one.interruptions <= 1]
    stale = [one for one in left if _is_stale(one)]
    if stale:
        queue.mark_skipped(stale)
    wanted = [one for one in left if not _is_stale(one)]
    return [wanted] if len(wanted) >= GATHERED_FROM else [[one] for one in wanted]


def _is_busy(channel: AlertChannel) -> bool:
    """Whether as many as are a storm went to it just now, one by one: what comes meanwhile is gathered."""
    newest = channel.notifications.filter(status=_Status.SENT).order_by("-pk")
    times = newest.values_list("sent_at", flat=True)[:GATHERED_FROM]
    recent = [moment for moment in times if moment and moment > timezone.now() - queue.STORM_PAUSE]
    return len(recent) == GATHERED_FROM


def _is_stale(notification: AlertNotification) -> bool:
    alert = notification.alert
    if alert is None or notification.kind == _Kind.RESOLVED:
        return False
    is_reminder = notification.kind in (_Kind.REPEATED, _Kind.ESCALATED)
    return alert.resolved_at is not None or (is_reminder and alert.acknowledged_at is not None)


def _send(courier: Courier, batch: Sequence[AlertNotification]) -> None:
    channel = batch[0].channel
    if channel is None:
        return
    try:
        courier.send(channel.url.reveal(), message_of(batch[0].organization, batch))
    except IntegrationError as error:
        is_test = batch[0].kind == _Kind.TEST
        for_good = is_test or isinstance(error, (EgressRefused, InvalidRequest))
        queue.mark_failed(batch, error.message, for_good=for_good)
    else:
        queue.mark_sent(batch, uuid7())
