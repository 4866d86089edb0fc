"""What is to be told of an alert, and to which channels: written as rows, in the transaction that changes the alert.

A repeat waits twice as long as the one before it. An acknowledgement ends repeats and escalation. In a silence, and
while work is announced, nothing is told; what is still so at its end is told then.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from integrations.hints import hint

from ..models import Alert, AlertChannel, AlertNotification, AlertRule, AlertRuleChannel
from .holds import held_alerts
from .silences import Silences

# A message waits a little for others, so that a storm is one message. A silence that is taken away is noticed as soon.
GATHERED_FOR = timedelta(seconds=10)
LOOK_AGAIN = timedelta(minutes=1)
_AT_ONCE = 500
_Kind = AlertNotification.Kind
_Status = AlertNotification.Status


def tell(alerts: Sequence[Alert]) -> int:
    """Tell of open alerts, for the first time or again, and set when they are told next; returns how many were.

    They are locked, or were made in this transaction.
    """
    if not alerts:
        return 0
    now = timezone.now()
    audience, silences = _Audience(alerts), Silences.of((alert.organization_id for alert in alerts), now)
    held = held_alerts(alerts, now)
    rows: list[AlertNotification] = []
    told = 0
    for alert in alerts:
        if alert.pk in held or silences.until(alert):
            alert.next_notification_at = now + LOOK_AGAIN
            continue
        kind = _Kind.REPEATED if alert.notified else _Kind.OPENED
        rows += [_row(alert, channel, kind, now + GATHERED_FOR) for channel in audience.of(alert)]
        told += 1
        alert.notified += 1
        alert.next_notification_at = _next(audience.rules.get(alert.rule_id), alert, now)
    Alert.objects.bulk_update(alerts, ["notified", "next_notification_at"])
    # What did not arrive the last time is told by this: a channel that is away is owed one message an alert.
    unsent = AlertNotification.objects.filter(alert__in={row.alert_id for row in rows})
    unsent.filter(status__in=AlertNotification.WAITING).update(status=_Status.SKIPPED, next_attempt_at=None)
    _write(rows)
    return told


def tell_resolved(alerts: Sequence[Alert]) -> None:
    """Tell those channels that were told of them. What was not sent yet needs not be sent any more."""
    if not alerts:
        return
    now = timezone.now()
    by_key = {alert.pk: alert for alert in alerts}
    rows = AlertNotification.objects.filter(alert__in=by_key)
    rows.filter(status__in=AlertNotification.WAITING).update(status=_Status.SKIPPED, next_attempt_at=None)
    told = rows.filter(status__in=(_Status.SENT, _Status.SENDING), channel__is_active=True)
    pairs = sorted(set(told.values_list("alert_id", "channel_id")))
    channels = AlertChannel.objects.in_bulk({channel for _alert, channel in pairs})
    silences = Silences.of((alert.organization_id for alert in alerts), now)
    resolved = []
    for key, channel in pairs:
        alert = by_key[key]
        due = max(now + GATHERED_FOR, silences.until(alert) or now)
        resolved.append(_row(alert, channels[channel], _Kind.RESOLVED, due))
    _write(resolved)


def tell_what_is_due() -> tuple[int, int]:
    """Repeat and escalate what nobody has acknowledged; returns how many were repeated and escalated. Safe to repeat,
    and to run twice at once."""
    now = timezone.now()
    open_ones = Alert.objects.unresolved().filter(acknowledged_at=None, organization__is_active=True)
    due = open_ones.filter(next_notification_at__lte=now).order_by("next_notification_at")
    repeated = sum(_repeat(some) for some in _parts(due.values_list("pk", flat=True)))
    wait = F("rule__escalate_after_minutes") * timedelta(minutes=1)
    unseen = open_ones.filter(escalated_at=None, rule__escalate_after_minutes__isnull=False, opened_at__lte=now - wait)
    escalated = sum(_escalate(some) for some in _parts(unseen.values_list("pk", flat=True)))
    return repeated, escalated


def skip(notifications: Iterable[uuid.UUID]) -> None:
    """Send these no more, where they are not sent already."""
    rows = AlertNotification.objects.filter(pk__in=list(notifications), status__in=AlertNotification.WAITING)
    rows.update(status=_Status.SKIPPED, next_attempt_at=None)


def _repeat(keys: Sequence[uuid.UUID]) -> int:
    with transaction.atomic():
        now = timezone.now()
        return tell(_locked(keys, next_notification_at__lte=now))


def _escalate(keys: Sequence[uuid.UUID]) -> int:
    with transaction.atomic():
        now = timezone.now()
        alerts = _locked(keys, escalated_at=None)
        silences = Silences.of((alert.organization_id for alert in alerts), now)
        held = held_alerts(alerts, now)
        alerts = [alert for alert in alerts if alert.pk not in held and not silences.until(alert)]
        for alert in alerts:
            alert.escalated_at = now
        Alert.objects.bulk_update(alerts, ["escalated_at"])
        further = _Audience(alerts)
        _write([_row(a, channel, _Kind.ESCALATED, now + GATHERED_FOR) for a in alerts for channel in further.above(a)])
    return len(alerts)


def _locked(keys: Sequence[uuid.UUID], **still: object) -> list[Alert]:
    """Skips what another worker is just telling."""
    rows = Alert.objects.unresolved().filter(pk__in=keys, acknowledged_at=None, **still).order_by("pk")
    return list(rows.select_for_update(skip_locked=True))


class _Audience:
    """Whom the rules of some alerts tell: read once for all of them."""

    def __init__(self, alerts: Sequence[Alert]) -> None:
        rules = AlertRule.objects.in_bulk({alert.rule_id for alert in alerts if alert.rule_id})
        self.rules: dict[uuid.UUID | None, AlertRule] = dict(rules)
        self._chosen: dict[tuple[uuid.UUID, bool], set[uuid.UUID]] = defaultdict(set)
        for chosen in AlertRuleChannel.objects.filter(rule__in=rules):
            self._chosen[chosen.rule_id, chosen.is_escalation].add(chosen.channel_id)
        self._channels: dict[uuid.UUID, list[AlertChannel]] = defaultdict(list)
        organizations = {rule.organization_id for rule in rules.values()}
        for channel in AlertChannel.objects.filter(organization__in=organizations, is_active=True).order_by("pk"):
            self._channels[channel.organization_id].append(channel)

    def of(self, alert: Alert) -> list[AlertChannel]:
        """Those told at once; with them, once it is escalated, those above."""
        rule = self.rules.get(alert.rule_id)
        if rule is None:
            return []
        first, further = self._chosen[rule.pk, False], self._chosen[rule.pk, True]
        return [
            channel
            for channel in self._channels[alert.organization_id]
            if (channel.pk in further and alert.escalated_at)
            or channel.pk in first
            or (rule.tells_all_channels and channel.pk not in further)
        ]

    def above(self, alert: Alert) -> list[AlertChannel]:
        further = self._chosen[alert.rule_id, True] if alert.rule_id else set()
        return [channel for channel in self._channels[alert.organization_id] if channel.pk in further]


def _next(rule: AlertRule | None, alert: Alert, now: datetime) -> datetime | None:
    if rule is None or rule.repeat_minutes is None:
        return None
    longest = max(rule.repeat_minutes, rule.repeat_at_most_minutes)
    doublings = min(alert.notified - 1, 16)
    return now + timedelta(minutes=min(rule.repeat_minutes << doublings, longest))


def _row(alert: Alert, channel: AlertChannel, kind: AlertNotification.Kind, due: datetime) -> AlertNotification:
    return AlertNotification(
        organization_id=alert.organization_id,
        alert=alert,
        channel=channel,
        channel_name=channel.name,
        kind=kind,
        next_attempt_at=due,
    )


def _write(rows: list[AlertNotification]) -> None:
    if rows:
        AlertNotification.objects.bulk_create(rows, batch_size=1000)
        transaction.on_commit(partial(hint, "monitoring.tasks.send_notifications"))


def _parts(keys: Iterable[uuid.UUID]) -> Iterable[list[uuid.UUID]]:
    found = list(keys)
    return (found[at : at + _AT_ONCE] for at in range(0, len(found), _AT_ONCE))
