"""By what a connection's health is judged: changed by people and programs, checked here for all of them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from integrations.errors import InvalidRequest
from integrations.models import Connection
from integrations.operations.announce import record_action

from .models import HealthRule

PARTS = (
    "interval_seconds", "failures_until_down", "successes_until_recovery", "slow_ms", "slow_times", "baseline_ms",
)  # fmt: skip


def rule_for(connection: Connection) -> HealthRule:
    """The connection's rule; where it has none, the defaults in a row that is not saved."""
    found = HealthRule.objects.filter(connection=connection).first()
    return found or HealthRule(connection=connection, organization_id=connection.organization_id)


def change_rule(connection: Connection, **changes: Any) -> HealthRule:
    """Change parts of the rule; the next check goes by it, and comes no later than its interval says.

    Raises InvalidRequest with the field to blame.
    """
    if surplus := sorted(changes.keys() - set(PARTS)):
        raise InvalidRequest("A health rule has no {part}.", part=surplus[0], field=surplus[0])
    with transaction.atomic():
        Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)  # two first changes take turns
        rule = rule_for(connection)
        before = _told(rule)
        for name, value in changes.items():
            setattr(rule, name, value)
        _check(rule)
        if changed := {name: [before[name], value] for name, value in _told(rule).items() if before[name] != value}:
            rule.save()
            _hasten(connection, rule)
            record_action("health_rule.updated", rule, {"connection": connection.pk, **changed})
    return rule


def reset_rule(connection: Connection) -> None:
    """Back to the defaults."""
    with transaction.atomic():
        rule = HealthRule.objects.filter(connection=connection).first()
        if rule is not None:
            told, key = _told(rule), rule.pk
            rule.delete()
            rule.pk = key
            record_action("health_rule.reset", rule, {"connection": connection.pk, **told})


def _check(rule: HealthRule) -> None:
    """Beside what each field allows: a baseline that is slow by itself would be found slow for ever."""
    try:
        rule.clean_fields(exclude=["connection", "organization"])
    except ValidationError as error:
        field, words = next(iter(error.message_dict.items()))
        raise InvalidRequest(
            "The value of {part} is not allowed: {words}", part=field, words=words[0], field=field
        ) from error
    if rule.baseline_ms is not None and rule.baseline_ms > rule.slow_ms:
        raise InvalidRequest("What is usual must not be slow: {slow_ms} ms.", slow_ms=rule.slow_ms, field="baseline_ms")


def _hasten(connection: Connection, rule: HealthRule) -> None:
    latest = timezone.now() + timedelta(seconds=rule.interval_seconds)
    Connection.objects.filter(pk=connection.pk, next_health_check__gt=latest).update(next_health_check=latest)


def _told(rule: HealthRule) -> dict[str, Any]:
    return {name: _plain(getattr(rule, name)) for name in PARTS}


def _plain(value: Any) -> Any:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value
