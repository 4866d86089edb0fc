"""Alerts about connections that are down or not as they should be, limits that are used up, and calls that fail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection as database
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_noop

from integrations.hints import hint
from integrations.models import Connection, RateLimit

from .alerts import Found, Matter, active_rules, bring_up_to_date, by_rule, settle
from .models import Alert, AlertRule

_Kind = Alert.Kind
_Health = Connection.Health
_Window = RateLimit.Window
# Over a limit a minute, traffic that keeps on would open and resolve an alert every minute.
LIMIT_QUIET = timedelta(minutes=5)

_DOWN = gettext_noop("{connection} ({provider}) is down. {error}")
_DEGRADED = gettext_noop("{connection} ({provider}) is slow or unreliable. {error}")
_LIMITS = {
    _Window.PER_MINUTE: gettext_noop("{connection} has used up its limit of {calls} calls a minute until {until}."),
    _Window.PER_HOUR: gettext_noop("{connection} has used up its limit of {calls} calls an hour until {until}."),
    _Window.PER_DAY: gettext_noop("{connection} has used up its limit of {calls} calls a day until {until}."),
    _Window.PER_MONTH: gettext_noop("{connection} has used up its limit of {calls} calls a month until {until}."),
}
_ERRORS = gettext_noop("{connection}: {percent} per cent of {calls} calls in {minutes} minutes have failed.")

# Reads the last minutes alone, by logs_created: its cost follows the calls, never the history. Health checks are not
# among them: what they find is told by health, and of an idle connection it would be told twice.
_FAILED_CALLS = """
SELECT organization_id, connection_id, count(*), count(*) FILTER (WHERE coalesce(response_status, 999) >= 400)
FROM integration_logs
WHERE created_at >= %s AND connection_id IS NOT NULL AND log_type IN ('api_response', 'error') AND operation <> 'health'
GROUP BY organization_id, connection_id
"""


def look_soon(sender: object, connection: Connection, change: str = "", **kwargs: object) -> None:
    """Receiver of `connection_changed` and of both signals about limits: many changes are one look."""
    if change in {"", "health", "activated", "deactivated", "deleted"}:
        hint("monitoring.tasks.watch_connections")


def watch_connections() -> tuple[int, int]:
    """Returns how many alerts were opened and resolved. Safe to repeat."""
    counts = [watch_health(), watch_limits(), watch_errors()]
    return sum(opened for opened, _ in counts), sum(resolved for _, resolved in counts)


def watch_health() -> tuple[int, int]:
    unwell = _active().filter(health_status__in=(_Health.DOWN, _Health.DEGRADED)).select_related("provider")
    found = list(unwell.defer("configuration").order_by("pk"))
    down = bring_up_to_date(_Kind.HEALTH_DOWN, (_down(one) for one in found if one.health_status == _Health.DOWN))
    degraded = bring_up_to_date(_Kind.HEALTH_DEGRADED, map(_degraded, found))
    return down[0] + degraded[0], down[1] + degraded[1]


def watch_limits() -> tuple[int, int]:
    exceeded = RateLimit.objects.filter(is_exceeded=True, connection__in=_active()).select_related(
        "connection", "organization"
    )
    found = {limit.pk: _limit(limit) for limit in exceeded.order_by("pk")}
    quiet_since = timezone.now() - LIMIT_QUIET
    for alert in Alert.objects.unresolved().filter(kind=_Kind.RATE_LIMIT_EXCEEDED).exclude(subject_id__in=found):
        ended = parse_datetime(str(alert.message_values.get("reset_at")))
        if ended and ended > quiet_since:
            found[alert.subject_id] = _as_it_was(alert)
    return bring_up_to_date(_Kind.RATE_LIMIT_EXCEEDED, found.values())


def watch_errors() -> tuple[int, int]:
    return settle(_Kind.ERROR_RATE, _failing())


def _active() -> QuerySet[Connection]:
    return Connection.objects.usable().filter(organization__is_active=True)


def _down(unwell: Connection) -> Matter:
    return _unwell(unwell, _DOWN)


def _degraded(unwell: Connection) -> Matter:
    """One that has gone down since is not well again: what is open stays open, and another alert says the rest."""
    return _unwell(unwell, _DEGRADED, opens=unwell.health_status == _Health.DEGRADED)


def _unwell(unwell: Connection, message: str, **options: Any) -> Matter:
    return Matter(
        organization_id=unwell.organization_id,
        connection_id=unwell.pk,
        subject_id=unwell.pk,
        message=message,
        values={
            "connection": unwell.connection_name,
            "provider": unwell.provider.provider_name,
            "error": unwell.error_message[:500],
        },
        keeps_words=not unwell.error_message,  # a first good answer is no reason to forget what was wrong
        **options,
    )


def _limit(limit: RateLimit) -> Matter:
    reset_at = limit.reset_at or timezone.now()
    return Matter(
        organization_id=limit.organization_id,
        connection_id=limit.connection_id,
        subject_id=limit.pk,
        message=_LIMITS[_Window(limit.limit_type)],
        values={
            "connection": limit.connection.connection_name,
            "calls": limit.max_requests,
            "until": f"{reset_at.astimezone(ZoneInfo(limit.organization.timezone)):%d/%m/%Y %H:%M}",
            "reset_at": reset_at.isoformat(),
        },
    )


def _as_it_was(alert: Alert) -> Matter:
    return Matter(
        organization_id=alert.organization_id,
        connection_id=alert.connection_id,
        subject_id=alert.subject_id,
        message=alert.message,
        opens=False,
        keeps_words=True,
    )


def _failing() -> Iterator[Found]:
    rules = active_rules(_Kind.ERROR_RATE)
    for minutes in sorted({rule.window_minutes for rule in rules}):
        matters = list(_error_rates(minutes))
        for rule, matter in by_rule([rule for rule in rules if rule.window_minutes == minutes], matters):
            if _is_too_much(rule, matter):
                yield rule, matter


def _error_rates(minutes: int) -> Iterator[Matter]:
    with database.cursor() as cursor:
        cursor.execute(_FAILED_CALLS, [timezone.now() - timedelta(minutes=minutes)])
        counted = {row[1]: row for row in cursor.fetchall() if row[3]}
    names = dict(_active().filter(pk__in=counted).values_list("pk", "connection_name"))
    for key, name in sorted(names.items()):
        organization_id, _key, calls, failed = counted[key]
        yield Matter(
            organization_id=organization_id,
            connection_id=key,
            subject_id=key,
            message=_ERRORS,
            values={
                "connection": name,
                "percent": round(100 * failed / calls),
                "calls": calls,
                "failed": failed,
                "minutes": minutes,
            },
        )


def _is_too_much(rule: AlertRule, matter: Matter) -> bool:
    calls, failed = matter.values["calls"], matter.values["failed"]
    return bool(calls >= rule.minimum_calls and 100 * failed >= (rule.threshold or 0) * calls)
