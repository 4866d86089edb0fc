"""What it all adds up to: calls, times, errors, webhooks and cost over a range of days, beside the range before."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from integrations.models import Organization
from integrations.pages.rendering import current_organization, page, staff_page, wants_fragment

from ..analytics import Scope, histograms_by_connection, sums_by_connection, sums_by_day, sums_by_provider
from ..connections import Named, named
from ..days import Days
from ..histograms import ERROR_PERCENT, EXACT_UP_TO_MS, percentile
from ..models import RollupWatermark
from ..sums import Sums, added
from . import analytics_charts as charts
from .analytics_form import AnalyticsForm
from .analytics_steps import steps_of
from .uptime_map import uptime_map

SHOWN_CONNECTIONS = 25


@require_GET
@staff_page("monitoring.view_dailyanalytics")
def analytics(request: HttpRequest) -> HttpResponse:
    """Whole at first; htmx then fetches the figures alone, every minute."""
    organization = current_organization(request)
    form = AnalyticsForm(organization, request.GET)
    context = {
        "title": _("Analytics"),
        "form": form,
        "query": request.GET.urlencode(),
        **figures(organization, form),
    }
    template = "monitoring/_analytics.html" if wants_fragment(request) else "monitoring/analytics.html"
    return page(request, template, context)


def figures(organization: Organization, form: AnalyticsForm) -> dict[str, Any]:
    """Cards, charts and tables: a dozen queries, whatever the traffic was and however many connections there are."""
    scope, days = form.scope, form.asked
    by_day = sums_by_day(scope, days)
    now, before = added(by_day.values()), added(sums_by_day(scope, days.before).values())
    steps = steps_of(organization, scope, days, by_day)
    by_provider = sums_by_provider(scope, days)
    rows = sums_by_connection(scope, days)
    names = named(organization, [row["connection_id"] for row in rows], form.connections)
    return {
        "days": days,
        "totals": now,
        "before": before,
        "changes": changes(now, before),
        "is_hourly": len(steps) > days.count,
        "is_weekly": len(steps) < days.count,
        "volume": charts.volume(steps),
        "times": charts.times(steps),
        "split": charts.split(by_provider, form.providers),
        "errors": charts.errors(steps),
        "webhooks": charts.webhooks(steps),
        "costs": charts.costs_by_provider(by_provider, form.providers),
        "uptime": uptime_map(scope, days, rows, names),
        "connections": lines(scope, days, rows[:SHOWN_CONNECTIONS], names, form),
        "connection_count": len(rows),
        "error_bound": ERROR_PERCENT,
        "exact_up_to": EXACT_UP_TO_MS,
        "counted_until": counted_until(),
    }


def lines(
    scope: Scope, days: Days, rows: list[dict[str, Any]], names: dict[Any, Named], form: AnalyticsForm
) -> list[dict[str, Any]]:
    """The table by connection; percentiles are merged for these alone."""
    histograms = histograms_by_connection(scope, days, [row["connection_id"] for row in rows])
    found = []
    for row in rows:
        one = names[row["connection_id"]]
        histogram = histograms.get(row["connection_id"], [])
        found.append(
            {
                **row,
                "connection": one,
                "provider": charts.provider_name(one.provider_id, form.providers) if one.provider_id else "",
                "p95_ms": percentile(histogram, 0.95),
                "p99_ms": percentile(histogram, 0.99),
            }
        )
    return found


def changes(now: Sums, before: Sums) -> dict[str, Decimal | None]:
    names = ("requests", "average_ms", "p95_ms", "p99_ms", "webhooks_received", "cost")
    return {name: change(getattr(now, name), getattr(before, name)) for name in names}


def change(now: Any, before: Any) -> Decimal | None:
    """In per cent of the range before; None where that was nothing."""
    if not before or now is None:
        return None
    return (Decimal(now) / Decimal(before) - 1).scaleb(2).quantize(Decimal(1))


def counted_until() -> datetime | None:
    """Up to when calls have been added up: figures are as old as that."""
    mark = RollupWatermark.objects.filter(level="hourly").values_list("read_until", flat=True).first()
    return timezone.localtime(mark) if mark else None
