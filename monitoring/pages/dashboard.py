"""The first page: is everything well, and if not, what to look at."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, Q, QuerySet, Sum, When
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET

from integrations.models import Connection, Organization, Payment
from integrations.models.base import first_uuid7
from integrations.pages.rendering import current_organization, page, staff_page, wants_fragment
from webhooks.models import WebhookEvent

from ..models import CallLog, HourlyMetrics
from ..sums import percent_of
from .dashboard_attention import attention, held_back

SHOWN_CONNECTIONS = 24
SHOWN_FAILURES = 6

_WORST_FIRST = Case(
    When(status=Connection.Status.ACTIVE, health_status=Connection.Health.DOWN, then=0),
    When(status=Connection.Status.ACTIVE, health_status=Connection.Health.DEGRADED, then=1),
    default=2,
)


@dataclass(frozen=True)
class ConnectionCard:
    connection: Connection
    requests: int
    success_percent: Decimal | None
    average_ms: int | None


@require_GET
@staff_page("integrations.view_connection")
def dashboard(request: HttpRequest) -> HttpResponse:
    """Whole at first; htmx then fetches the figures alone, every 30 seconds."""
    organization = current_organization(request)
    context = {"title": _("Dashboard"), **figures(organization, timezone.now())}
    template = "monitoring/_dashboard.html" if wants_fragment(request) else "monitoring/dashboard.html"
    return page(request, template, context)


def figures(organization: Organization, now: datetime) -> dict[str, Any]:
    """Everything on the page, in a dozen bounded queries: its cost does not grow with the logs."""
    connections = list(
        Connection.objects.filter(organization=organization)
        .select_related("provider")
        .order_by(_WORST_FIRST, "-is_primary", "connection_name")[:SHOWN_CONNECTIONS]
    )
    hours = _hours_of_a_day(organization, now)
    by_connection = _by_connection(hours.filter(connection__in=[connection.pk for connection in connections]))
    by_hour = _by_hour(hours)
    return {
        "cards": [_card(connection, by_connection.get(connection.pk, {})) for connection in connections],
        "counts": _connection_counts(organization),
        "calls": _calls(by_hour),
        "volume": _volume(by_hour, organization, now),
        "webhooks": _webhook_counts(organization, by_hour),
        "takings": _takings(organization, now),
        "failures": _failures(organization, now),
        "attention": [*held_back(connections), *attention(organization, now)],
    }


def _hours_of_a_day(organization: Organization, now: datetime) -> QuerySet[HourlyMetrics]:
    return HourlyMetrics.objects.filter(organization=organization, hour__gt=now - timedelta(days=1)).order_by()


def _by_connection(hours: QuerySet[HourlyMetrics]) -> dict[uuid.UUID, dict[str, Any]]:
    rows = hours.values("connection_id").annotate(
        calls=Sum("requests"), good=Sum("successes"), time=Sum("response_time_sum_ms"), timed=Sum("response_time_count")
    )
    return {row["connection_id"]: dict(row) for row in rows}


def _card(connection: Connection, row: dict[str, Any]) -> ConnectionCard:
    calls = row.get("calls") or 0
    timed = row.get("timed") or 0
    return ConnectionCard(
        connection=connection,
        requests=calls,
        success_percent=percent_of(row["good"], calls) if calls else None,
        average_ms=round(row["time"] / timed) if timed else None,
    )


def _connection_counts(organization: Organization) -> dict[str, int]:
    return Connection.objects.filter(organization=organization).aggregate(
        total=Count("pk"),
        active=Count("pk", filter=Q(status=Connection.Status.ACTIVE)),
        healthy=Count("pk", filter=Q(status=Connection.Status.ACTIVE, health_status=Connection.Health.HEALTHY)),
        down=Count("pk", filter=Q(status=Connection.Status.ACTIVE, health_status=Connection.Health.DOWN)),
    )


def _by_hour(hours: QuerySet[HourlyMetrics]) -> dict[datetime, dict[str, Any]]:
    rows = hours.values("hour").annotate(
        good=Sum("successes"), bad=Sum("failures"), time=Sum("response_time_sum_ms"), timed=Sum("response_time_count"),
        events=Sum("webhooks_received"), events_failed=Sum("webhooks_failed"),
    )  # fmt: skip
    return {row["hour"]: dict(row) for row in rows}


def _calls(by_hour: dict[datetime, dict[str, Any]]) -> dict[str, Any]:
    good, bad, time, timed = (_sum(by_hour, name) for name in ("good", "bad", "time", "timed"))
    return {
        "total": good + bad,
        "success_percent": percent_of(good, good + bad) if good + bad else None,
        "average_ms": round(time / timed) if timed else None,
    }


def _sum(by_hour: dict[datetime, dict[str, Any]], name: str) -> int:
    return sum(row[name] for row in by_hour.values())


def _volume(by_hour: dict[datetime, dict[str, Any]], organization: Organization, now: datetime) -> dict[str, Any]:
    """Succeeded and failed calls of each of the last 24 hours, for the line chart and its table."""
    zone = ZoneInfo(organization.timezone)
    here = timezone.localtime(now, zone).replace(minute=0, second=0, microsecond=0).astimezone(UTC)
    shown = [here - timedelta(hours=back) for back in range(23, -1, -1)]
    good, bad = ([by_hour.get(hour, {}).get(which) or 0 for hour in shown] for which in ("good", "bad"))
    return {
        "labels": [f"{hour.astimezone(zone):%H:%M}" for hour in shown],
        "series": [
            {"label": pgettext("count", "Succeeded"), "tone": "success", "values": good},
            {"label": pgettext("count", "Failed"), "tone": "danger", "values": bad},
        ],
    }


def _webhook_counts(organization: Organization, by_hour: dict[datetime, dict[str, Any]]) -> dict[str, int]:
    """What came is added up by the hour; what waits is counted now, by the index that the queue is claimed by."""
    statuses = WebhookEvent.Status
    waiting = WebhookEvent.objects.filter(
        organization=organization,
        processing_status__in=[statuses.PENDING, statuses.PROCESSING, statuses.RETRYING],
        next_attempt_at__isnull=False,
    )
    return {
        "total": _sum(by_hour, "events"),
        "failed": _sum(by_hour, "events_failed"),
        "waiting": waiting.count(),
    }


def _takings(organization: Organization, now: datetime) -> dict[str, Any]:
    """Dirhams captured of the payments of today, by the organization's calendar; live and test apart."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    live = Q(connection__environment=Connection.Environment.PRODUCTION)
    return Payment.objects.filter(organization=organization, pk__gte=first_uuid7(midnight)).aggregate(
        count=Count("pk"),
        live=Sum("amount_captured", filter=live & Q(currency="AED"), default=Decimal(0)),
        test=Sum("amount_captured", filter=~live & Q(currency="AED"), default=Decimal(0)),
    )


def _failures(organization: Organization, now: datetime) -> list[CallLog]:
    """The newest calls that failed in a day."""
    failed = Q(log_type=CallLog.Type.ERROR) | Q(response_status__gte=400)
    rows = CallLog.objects.filter(failed, organization=organization, created_at__gt=now - timedelta(days=1))
    return list(
        rows.only("method", "endpoint", "response_status", "error_code", "error_message", "created_at", "connection_id")
        .order_by("-created_at", "-id")[:SHOWN_FAILURES]
    )  # fmt: skip
