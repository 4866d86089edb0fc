"""Each chart and table of the analytics as a file of its own: the figures that the page shows, for the same filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from integrations.models import Organization
from integrations.pages.rendering import current_organization, staff_page
from integrations.spreadsheets import CSV_TYPE, Column, csv_pieces

from ..analytics import daily_rows, sums_by_connection, sums_by_day, sums_by_provider
from ..connections import Named, named
from . import analytics_charts as charts
from .analytics_form import AnalyticsForm
from .analytics_steps import steps_of

Table = tuple[Sequence[str], Iterable[Sequence[Any]]]


@require_GET
@staff_page("monitoring.view_dailyanalytics")
def analytics_csv(request: HttpRequest, what: str) -> HttpResponse:
    """`what`: a chart's name, `connections` (a row each), or `daily` (a row a connection and day)."""
    if what not in _FILES:
        raise Http404
    organization = current_organization(request)
    form = AnalyticsForm(organization, request.GET)
    if not form.is_valid():  # a file of another range would pass for what was asked for; the page says what is wrong
        return redirect(f"{reverse('analytics')}?{request.GET.urlencode()}")
    headings, rows = _FILES[what](organization, form)
    return csv_file(f"analytics-{what}-{form.asked.first}-{form.asked.last}.csv", headings, rows)


def csv_file(name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    columns = [Column(heading) for heading in headings]
    pieces = csv_pieces(columns, ([_cell(value) for value in row] for row in rows))
    response = HttpResponse(b"".join(pieces), content_type=CSV_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def chart_table(first: str, chart: charts.Chart) -> Table:
    """A chart's figures, a row a label."""
    series = chart["series"]
    rows = zip(chart.get("names") or chart["labels"], *(one["values"] for one in series), strict=True)
    return [first, *(one["label"] for one in series)], rows


def _over_time(chart_of: Callable[..., charts.Chart]) -> Callable[[Organization, AnalyticsForm], Table]:
    def table(organization: Organization, form: AnalyticsForm) -> Table:
        by_day = sums_by_day(form.scope, form.asked)
        return chart_table(_("Date"), chart_of(steps_of(organization, form.scope, form.asked, by_day)))

    return table


def _by_provider(chart_of: Callable[..., charts.Chart]) -> Callable[[Organization, AnalyticsForm], Table]:
    def table(organization: Organization, form: AnalyticsForm) -> Table:
        return chart_table(_("Provider"), chart_of(sums_by_provider(form.scope, form.asked), form.providers, most=None))

    return table


def _connections(organization: Organization, form: AnalyticsForm) -> Table:
    """All of them, where the page shows those with the most calls."""
    rows = sums_by_connection(form.scope, form.asked)
    names = named(organization, [row["connection_id"] for row in rows], form.connections)
    columns = ["requests", "successes", "failures", "success_percent", "average_ms", "uptime", "cost"]
    return ["connection", "provider", *columns], (
        [names[row["connection_id"]].name, _provider(names[row["connection_id"]], form), *(row[c] for c in columns)]
        for row in rows
    )


def _uptime(organization: Organization, form: AnalyticsForm) -> Table:
    """A row a connection and day on which it was checked, of all connections."""
    headings, rows = _daily(organization, form, ["uptime_percent"])
    return headings, (row for row in rows if row[-1] is not None)


_DAILY_COLUMNS = (
    "total_requests", "successful_requests", "failed_requests", "avg_response_time_ms", "p95_response_time_ms",
    "total_data_transferred_mb", "total_cost_aed", "error_rate_percent", "uptime_percent",
)  # fmt: skip


def _daily(organization: Organization, form: AnalyticsForm, columns: Sequence[str] = _DAILY_COLUMNS) -> Table:
    found = daily_rows(form.scope, form.asked).order_by("date", "connection_id")
    rows = list(found.values_list("date", "connection_id", *columns))
    names = named(organization, {row[1] for row in rows}, form.connections)
    return ["date", "connection", "provider", *columns], _told(rows, names, form)


def _told(rows: Iterable[Sequence[Any]], names: dict[Any, Named], form: AnalyticsForm) -> Iterator[Sequence[Any]]:
    for day, connection_id, *values in rows:
        yield [f"{day:%d/%m/%Y}", names[connection_id].name, _provider(names[connection_id], form), *values]


def _provider(one: Named, form: AnalyticsForm) -> str:
    return charts.provider_name(one.provider_id, form.providers) if one.provider_id else ""


def _cell(value: Any) -> str | Decimal:
    """Numbers as they are, so that a spreadsheet can add them up."""
    if value is None:
        return ""
    return Decimal(value) if isinstance(value, int | Decimal) else str(value)


_FILES: dict[str, Callable[[Organization, AnalyticsForm], Table]] = {
    "volume": _over_time(charts.volume),
    "times": _over_time(charts.times),
    "errors": _over_time(charts.errors),
    "webhooks": _over_time(charts.webhooks),
    "split": _by_provider(charts.split),
    "costs": _by_provider(charts.costs_by_provider),
    "uptime": _uptime,
    "connections": _connections,
    "daily": _daily,
}
