"""Providers that fail for several organizations at once: not any of those connections' own affair.

It is opened when connections of two or more organizations, a third or more of those that are looked after, are down and
went down at about the same time; resolved when fewer than two organizations are left. Work that was announced, and
credentials that are refused, are nobody's incident. It looks over all organizations, so it is the service's work.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from integrations.tenancy import acting_as_service

from .models import ProviderIncident

logger = logging.getLogger(__name__)

FEWEST_ORGANIZATIONS = 2
SMALLEST_SHARE = 1 / 3
ABOUT_THE_SAME_TIME = timedelta(minutes=30)

# Of the connections that are looked after, which are as many as there are connections: no check is read.
_COUNTS = """
SELECT c.provider_id, count(*) AS total,
       count(*) FILTER (WHERE is_failing) AS failing,
       count(DISTINCT c.organization_id) FILTER (WHERE is_failing) AS organizations,
       count(DISTINCT c.organization_id) FILTER (WHERE is_failing AND c.health_changed_at >= %(recently)s) AS newly,
       count(*) FILTER (WHERE is_failing AND c.health_changed_at >= %(recently)s) AS newly_failing,
       min(c.health_changed_at) FILTER (WHERE is_failing AND c.health_changed_at >= %(recently)s) AS since
FROM integration_connections c
JOIN integration_providers p ON p.id = c.provider_id AND p.is_active AND p.organization_id IS NULL
JOIN organizations o ON o.id = c.organization_id AND o.is_active
CROSS JOIN LATERAL (
    SELECT c.health_status = 'down' AND NOT EXISTS (
        SELECT FROM maintenance_windows w
        WHERE w.organization_id = c.organization_id AND w.starts_at <= %(now)s AND w.ends_at > %(now)s
          AND coalesce(w.connection_id, c.id) = c.id AND coalesce(w.provider_id, c.provider_id) = c.provider_id
    ) AS is_failing
) AS state
WHERE c.status = 'active'
GROUP BY c.provider_id
"""


def watch_providers(now: datetime | None = None) -> tuple[int, int]:
    """Open incidents, bring the open ones up to date, resolve those that are over; how many were opened and resolved.

    Safe to repeat, and to do twice at once: one is open of a provider.
    """
    moment = now or timezone.now()
    with acting_as_service():
        counts = _counts(moment)
        with transaction.atomic():
            open_ones = {row.provider_id: row for row in _open().select_for_update()}
            resolved = sum(_bring_up_to_date(row, counts.get(key, {}), moment) for key, row in open_ones.items())
            opened = sum(_opened(key, row) for key, row in counts.items() if key not in open_ones and _is_one(row))
    return opened, resolved


def _open() -> Any:
    return ProviderIncident.objects.filter(resolved_at=None).order_by("id")


def _counts(now: datetime) -> dict[Any, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"now": now, "recently": now - ABOUT_THE_SAME_TIME})
        names = [column.name for column in cursor.description]
        return {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}


def _is_one(counts: dict[str, Any]) -> bool:
    share = counts["newly_failing"] / counts["total"]
    return bool(counts["newly"] >= FEWEST_ORGANIZATIONS and share >= SMALLEST_SHARE)


def _opened(provider_id: Any, counts: dict[str, Any]) -> bool:
    incident = ProviderIncident(
        provider_id=provider_id,
        opened_at=counts["since"],
        failing_connections=counts["failing"],
        worst_connections=counts["failing"],
        all_connections=counts["total"],
        failing_organizations=counts["organizations"],
    )
    ProviderIncident.objects.bulk_create([incident], ignore_conflicts=True)
    is_new = ProviderIncident.objects.filter(pk=incident.pk).exists()
    if is_new:
        told = (provider_id, incident.failing_connections, incident.all_connections, incident.failing_organizations)
        logger.warning("Provider %s fails for many: %s of %s connections, %s organizations.", *told)
    return is_new


def _bring_up_to_date(incident: ProviderIncident, counts: dict[str, Any], now: datetime) -> bool:
    """Whether it is resolved."""
    incident.failing_connections = counts.get("failing", 0)
    incident.all_connections = counts.get("total", 0)
    incident.worst_connections = max(incident.worst_connections, incident.failing_connections)
    incident.failing_organizations = max(incident.failing_organizations, counts.get("organizations", 0))
    if counts.get("organizations", 0) < FEWEST_ORGANIZATIONS:
        incident.resolved_at = now
        logger.warning("Provider %s is there again.", incident.provider_id)
    incident.save()
    return incident.resolved_at is not None
