"""What is done to a rule: made, changed, deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from integrations.errors import InvalidRequest
from integrations.models import Organization
from integrations.operations.announce import record_action

from ..models import Alert, AlertChannel, AlertNotification, AlertRule, AlertRuleChannel, AlertWait
from .telling import skip

MOST_RULES = 200  # of one organization: each is held against everything that is found
# What a threshold is, by kind: its bounds. The other kinds have none.
THRESHOLDS: Mapping[str, tuple[Decimal, Decimal]] = {
    Alert.Kind.ERROR_RATE: (Decimal("0.01"), Decimal(100)),
    Alert.Kind.CREDENTIAL_EXPIRING: (Decimal(1), Decimal(30)),
    Alert.Kind.BUDGET: (Decimal("0.01"), Decimal(999_999_999)),
}
_PLAIN = frozenset({
    "name", "kind", "connection", "threshold", "window_minutes", "minimum_calls", "for_minutes", "tells_all_channels",
    "repeat_minutes", "repeat_at_most_minutes", "escalate_after_minutes", "is_active",
})  # fmt: skip
_CHANNELS = ("channels", "escalation_channels")


def create_rule(organization: Organization, **settings: Any) -> AlertRule:
    """`settings` are the rule's columns, `channels` and `escalation_channels`. Raises InvalidRequest."""
    rule = AlertRule(organization=organization)
    _assign(rule, settings)
    with transaction.atomic():
        if AlertRule.objects.filter(organization=organization).count() >= MOST_RULES:
            raise InvalidRequest("An organization has at most {most} rules.", most=MOST_RULES)
        rule.save(force_insert=True)
        _choose(rule, settings)
        record_action("alert_rule.created", rule, _told(settings))
    return rule


def update_rule(rule: AlertRule, **changes: Any) -> AlertRule:
    """A rule that is off finds nothing any more: what it has opened is closed without a word. Raises InvalidRequest."""
    with transaction.atomic():
        locked = AlertRule.objects.select_for_update(no_key=True).get(pk=rule.pk)
        _assign(locked, changes)
        locked.save()
        _choose(locked, changes)
        if not locked.is_active:
            _close(locked)
        record_action("alert_rule.updated", locked, _told(changes))
    return locked


def delete_rule(rule: AlertRule) -> None:
    """What it has opened is closed without a word, and stays to be read."""
    with transaction.atomic():
        locked = AlertRule.objects.select_for_update().get(pk=rule.pk)
        _close(locked)
        record_action("alert_rule.deleted", locked, {"kind": locked.kind, "name": locked.name})
        locked.delete()


def _assign(rule: AlertRule, given: Mapping[str, Any]) -> None:
    if surplus := given.keys() - _PLAIN - set(_CHANNELS):
        raise InvalidRequest("There is no such field: {name}.", name=min(surplus))
    for name, value in given.items():
        if name in _PLAIN:
            setattr(rule, name, value)
    if rule.connection is not None and rule.connection.organization_id != rule.organization_id:
        raise InvalidRequest("There is no such connection.", field="connection")
    try:
        rule.clean_fields(exclude=["organization"])
    except ValidationError as error:
        name, problems = next(iter(error.message_dict.items()))
        raise InvalidRequest("This cannot be: {problem}", problem=problems[0], field=name) from error
    _check_threshold(rule)


def _check_threshold(rule: AlertRule) -> None:
    bounds = THRESHOLDS.get(rule.kind)
    if bounds is None:
        rule.threshold = None
    elif rule.threshold is None or not bounds[0] <= rule.threshold <= bounds[1]:
        raise InvalidRequest(
            "The threshold is between {low} and {high}.", low=bounds[0], high=bounds[1], field="threshold"
        )


def _choose(rule: AlertRule, given: Mapping[str, Any]) -> None:
    """Those that are named take the place of those that were; what is not named stays."""
    for name in _CHANNELS:
        if name not in given:
            continue
        is_escalation = name == "escalation_channels"
        channels = _own(rule, given[name], name)
        AlertRuleChannel.objects.filter(rule=rule, is_escalation=is_escalation).delete()
        if AlertRuleChannel.objects.filter(rule=rule, channel__in=channels).exists():
            raise InvalidRequest("A channel is told at once, or when it escalates: not both.", field=name)
        AlertRuleChannel.objects.bulk_create(
            AlertRuleChannel(
                organization_id=rule.organization_id, rule=rule, channel=channel, is_escalation=is_escalation
            )
            for channel in channels
        )


def _own(rule: AlertRule, channels: Iterable[AlertChannel], field: str) -> list[AlertChannel]:
    chosen = list({channel.pk: channel for channel in channels}.values())
    if any(channel.organization_id != rule.organization_id for channel in chosen):
        raise InvalidRequest("There is no such channel.", field=field)
    return chosen


def _close(rule: AlertRule) -> None:
    now = timezone.now()
    open_ones = list(Alert.objects.unresolved().filter(rule=rule).select_for_update().values_list("pk", flat=True))
    Alert.objects.filter(pk__in=open_ones).update(resolved_at=now, next_notification_at=None)
    unsent = AlertNotification.objects.filter(alert__in=open_ones, status__in=AlertNotification.WAITING)
    skip(unsent.values_list("pk", flat=True))
    AlertWait.objects.filter(rule=rule).delete()


def _told(given: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: str(value) if name in ("connection", "threshold") else value for name, value in given.items()}
    return told | {name: [str(channel.pk) for channel in given[name]] for name in _CHANNELS if name in given}
