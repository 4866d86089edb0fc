"""The rules that an organization begins with, so that it hears of what matters before anybody has made one."""

from __future__ import annotations

from typing import Any

from integrations.models import Organization

from .models import Alert, AlertRule

_HOUR, _DAY = 60, 24 * 60
_Kind = Alert.Kind

# A budget is nobody's to guess. They tell all channels, of which there are none at first: the browser shows them.
_DEFAULTS: tuple[dict[str, Any], ...] = (
    {"kind": _Kind.HEALTH_DOWN, "repeat_minutes": _HOUR},
    {"kind": _Kind.HEALTH_DEGRADED, "for_minutes": 15, "repeat_minutes": 4 * _HOUR},
    {"kind": _Kind.RATE_LIMIT_EXCEEDED, "repeat_minutes": 4 * _HOUR},
    {"kind": _Kind.ERROR_RATE, "threshold": 25, "for_minutes": 5, "repeat_minutes": _HOUR},
    {"kind": _Kind.CREDENTIAL_EXPIRING, "threshold": 30, "repeat_minutes": _DAY, "repeat_at_most_minutes": 7 * _DAY},
    {"kind": _Kind.WEBHOOK_FAILING, "repeat_minutes": 4 * _HOUR},
    {"kind": _Kind.PAYMENT_DIFFERENCE, "repeat_minutes": _DAY, "repeat_at_most_minutes": 7 * _DAY},
    {"kind": _Kind.DISPUTE_DUE, "repeat_minutes": 12 * _HOUR},
)


def make_default_rules(sender: object, instance: Organization, created: bool, **kwargs: object) -> None:
    """Receiver of an organization's `post_save`. Those that were there before got theirs by migration."""
    if created:
        AlertRule.objects.bulk_create(AlertRule(organization=instance, **fields) for fields in _DEFAULTS)
