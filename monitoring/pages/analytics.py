"""What it all adds up to: calls, times, errors, webhooks and cost over a range of days, beside the range before."""

from __future__ import annotations

import csv
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Avg, F, Max, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_GET

from integrations.models import Connection, Organization
from integrations.pages.rendering import current_organization, page, staff_page
from integrations.spreadsheets import plain_cell

from ..models import DailyAnalytics
from .dashboard import percent_of

Row = dict[str, Any]

RANGES = {"7": gettext_lazy("7 days"), "30": gettext_lazy("30 days"), "90": gettext_lazy("90 days")}
LONGEST_DAYS = 366
SPLIT_INTO = 7


@dataclass(frozen=True)
class Days:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def count(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Days:
        """As many days, just before these."""
        return Days(self.first - timedelta(days=self.count), self.first - timedelta(days=1))

    def each(self) -> list[date]:
        return [self.first + timedelta(days=offset) for offset in range(self.count)]


class RangeForm(forms.Form):
    """`days` back from today, or a free range `since` to `until`."""

    days = forms.ChoiceField(required=False, choices=[*RANGES.items()])
    since = forms.DateField(label=gettext_lazy("From"), required=False)
    until = forms.DateField(label=gettext_lazy("To"), required=False)

    def clean(self) -> dict[str, Any]:
        chosen = super().clean() or {}
        since, until = chosen.get("since"), chosen.get("until")
        if bool(since) != bool(until):
            raise ValidationError(_("A free range needs both days."))
        if since and until and not 0 <= (until - since).days < LONGEST_DAYS:
            raise ValidationError(_("The last day must come after the first, within a year."))
        return chosen

    def chosen(self, today: date) -> Days:
        """The range asked for; the last 30 days where nothing valid was."""
        given = self.cleaned_data if self.is_valid() else {}
        if given.get("since"):
            return Days(given["since"], given["until"])
        return Days(today - timedelta(days=int(given.get("days") or 30) - 1), today)


@require_GET
@staff_page("monitoring.view_dailyanalytics")
def analytics(request: HttpRequest) -> HttpResponse:
    """Whole at first; htmx then fetches the figures alone, every minute."""
    organization = current_organization(request)
    form = RangeForm(request.GET)
    days = form.chosen(timezone.localdate())
    context = {
        "title": _("Analytics"),
        "form": form,
        "days": days,
        "ranges": RANGES,
        "chosen": "" if request.GET.get("since") else request.GET.get("days") or "30",
        "query": request.GET.urlencode(),
        **figures(organization, days),
    }
    template = "monitoring/_analytics.html" if request.headers.get("HX-Request") else "monitoring/analytics.html"
    return page(request, template, context)


@require_GET
@staff_page("monitoring.view_dailyanalytics")
def daily_csv(request: HttpRequest) -> HttpResponse:
    """The same days, a row a connection and day."""
    organization = current_organization(request)
    days = RangeForm(request.GET).chosen(timezone.localdate())
    names = _connections(organization)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="analytics-{days.first}-{days.last}.csv"'
    response.write("\N{BYTE ORDER MARK}")  # by which spreadsheets know that it is UTF-8
    writer = csv.writer(response)
    columns = [
        "total_requests", "successful_requests", "failed_requests", "avg_response_time_ms", "p95_response_time_ms",
        "total_data_transferred_mb", "total_cost_aed", "error_rate_percent", "uptime_percent",
    ]  # fmt: skip
    writer.writerow(["date", "connection", "provider", *columns])
    for row in _rows(organization, days).order_by("date", "connection_id").values("date", "connection_id", *columns):
        connection = names.get(row["connection_id"])
        name, provider = (connection.connection_name, connection.provider.provider_name) if connection else ("", "")
        writer.writerow([f"{row['date']:%d/%m/%Y}", plain_cell(name), plain_cell(provider), *(row[c] for c in columns)])
    return response


def figures(organization: Organization, days: Days) -> dict[str, Any]:
    """Cards, charts and table, from one row a connection and day: five queries, whatever the traffic was."""
    rows = _rows(organization, days)
    now, before = _totals(rows), _totals(_rows(organization, days.before))
    per_day: dict[date, Row] = {row["date"]: dict(row) for row in rows.values("date").annotate(**_SUMS)}
    sums = rows.values("connection_id").annotate(**_SUMS, uptime=Avg("uptime_percent"))
    per_connection: list[Row] = sorted(map(dict, sums), key=lambda row: -row["total"])
    names = _connections(organization)
    return {
        "totals": now,
        "changes": {name: _change(now[name], before[name]) for name in ("total", "average_ms", "cost")},
        "volume": _volume(days, per_day),
        "times": _times(days, per_day),
        "split": _split(per_connection, names),
        "connections": [_line(row, names.get(row["connection_id"])) for row in per_connection],
    }


_SUMS: dict[str, Any] = {
    "total": Sum("total_requests"),
    "good": Sum("successful_requests"),
    "bad": Sum("failed_requests"),
    # Days of many calls weigh more than days of few.
    "time": Sum(F("avg_response_time_ms") * F("total_requests")),
    "p95": Max("p95_response_time_ms"),
    "cost": Sum("total_cost_aed"),
}


def _rows(organization: Organization, days: Days) -> QuerySet[DailyAnalytics]:
    return DailyAnalytics.objects.filter(organization=organization, date__range=(days.first, days.last)).order_by()


def _connections(organization: Organization) -> dict[uuid.UUID, Connection]:
    return Connection.objects.filter(organization=organization).select_related("provider").in_bulk()


def _totals(rows: QuerySet[DailyAnalytics]) -> dict[str, Any]:
    sums = rows.aggregate(**_SUMS, uptime=Avg("uptime_percent"))
    total = sums["total"] or 0
    return {
        "total": total,
        "failed": sums["bad"] or 0,
        "success_percent": percent_of(sums["good"], total) if total else None,
        "average_ms": _average(sums),
        "cost": sums["cost"] or Decimal(0),
        "uptime": sums["uptime"],
    }


def _average(sums: Row) -> int | None:
    return round(sums["time"] / sums["total"]) if sums["total"] and sums["time"] is not None else None


def _change(now: Any, before: Any) -> Decimal | None:
    """In per cent of the range before; None where that was nothing."""
    if not before or now is None:
        return None
    return (Decimal(now) / Decimal(before) - 1).scaleb(2).quantize(Decimal(1))


def _labels(days: Days) -> list[str]:
    return [f"{day:%d/%m}" for day in days.each()]


def _volume(days: Days, per_day: dict[date, Row]) -> dict[str, Any]:
    found = [per_day.get(day, {}) for day in days.each()]
    good, bad = ([row.get(which) or 0 for row in found] for which in ("good", "bad"))
    return {
        "labels": _labels(days),
        "series": [
            {"label": pgettext("count", "Succeeded"), "tone": "success", "values": good},
            {"label": pgettext("count", "Failed"), "tone": "danger", "values": bad},
        ],
    }


def _times(days: Days, per_day: dict[date, Row]) -> dict[str, Any]:
    found = [per_day.get(day) for day in days.each()]
    averages = [_average(row) if row else None for row in found]
    slowest = [row["p95"] if row else None for row in found]
    return {
        "labels": _labels(days),
        "series": [
            {"label": _("Average (ms)"), "tone": "primary", "values": averages},
            {"label": _("95th percentile (ms)"), "tone": "accent", "values": slowest},
        ],
    }


def _split(per_connection: list[Row], names: dict[uuid.UUID, Connection]) -> dict[str, Any]:
    """Calls by provider, the largest first, and the rest as one."""
    by_provider: dict[str, int] = {}
    for row in per_connection:
        connection = names.get(row["connection_id"])
        label = connection.provider.local_name if connection else _("Deleted connections")
        by_provider[label] = by_provider.get(label, 0) + row["total"]
    ranked = sorted(by_provider.items(), key=lambda item: -item[1])
    if len(ranked) > SPLIT_INTO:
        ranked = [*ranked[:SPLIT_INTO], (_("Others"), sum(calls for _label, calls in ranked[SPLIT_INTO:]))]
    return {
        "labels": [label for label, _calls in ranked],
        "series": [{"label": _("Calls"), "values": [calls for _label, calls in ranked]}],
    }


def _line(row: Row, connection: Connection | None) -> Row:
    return {
        **row,
        "connection": connection,
        "success_percent": percent_of(row["good"], row["total"]) if row["total"] else None,
        "average_ms": _average(row),
    }
