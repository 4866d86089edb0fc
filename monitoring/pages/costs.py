"""What calls cost in a month: so far, by its end, and against the budget."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from integrations.models import Organization, User
from integrations.pages.filter_form import FilterForm
from integrations.pages.rendering import current_organization, page, staff_page, wants_fragment

from ..connections import connections_of, providers_of
from ..costs import LOOK_BACK_DAYS, budgets, costs_of, expected, month_end, within
from ..days import Days, month_of, today_of
from . import cost_tables as tables
from .analytics import change
from .analytics_csv import Table, chart_table, csv_file

SHOWN = 25
_EARLIEST, _LATEST = 2000, 2100


class MonthForm(FilterForm):
    """A month as `MM/YYYY`; this month where none is given, or none that there is."""

    month = forms.CharField(label=gettext_lazy("Month"), required=False)

    def __init__(self, today: date, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        self.today = today

    def clean_month(self) -> date | None:
        text = self.cleaned_data["month"].strip()
        if not text:
            return None
        try:
            day = datetime.strptime(text, "%m/%Y").date()
        except ValueError as error:
            raise ValidationError(_("Write the month as MM/YYYY.")) from error
        if not _EARLIEST <= day.year <= _LATEST:
            raise ValidationError(_("Choose a month between 2000 and 2100."))
        return day

    @property
    def chosen(self) -> Days:
        day = self.cleaned_data["month"] if self.is_valid() else None
        return month_of(day or self.today)


@require_GET
@staff_page("monitoring.view_dailyanalytics")
def costs(request: HttpRequest) -> HttpResponse:
    """Whole at first; htmx then fetches the figures alone, every minute."""
    organization = current_organization(request)
    form = MonthForm(today_of(organization), request.GET)
    context = {
        "title": _("Costs"),
        "form": form,
        "query": request.GET.urlencode(),
        **figures(organization, form.chosen, form.today),
        "organizations": tables.by_organization(form.chosen, _before(form.chosen)) if _runs_all(request) else [],
    }
    template = "monitoring/_costs.html" if wants_fragment(request) else "monitoring/costs.html"
    return page(request, template, context)


@require_GET
@staff_page("monitoring.view_dailyanalytics")
def costs_csv(request: HttpRequest, what: str) -> HttpResponse:
    """`what`: days, providers, connections, or for super admins organizations."""
    organization = current_organization(request)
    form = MonthForm(today_of(organization), request.GET)
    month = form.chosen
    if what not in ("days", "providers", "connections") and not (what == "organizations" and _runs_all(request)):
        raise Http404
    if not form.is_valid():
        return redirect(f"{reverse('costs')}?{request.GET.urlencode()}")
    headings, rows = _table(organization, month, what)
    return csv_file(f"costs-{what}-{month.first:%Y-%m}.csv", headings, rows)


def figures(organization: Organization, month: Days, today: date) -> dict[str, Any]:
    before = _before(month)
    connections = connections_of(organization)
    providers = providers_of(connections.values())
    reach = Days(min(before.first, month.first - timedelta(days=LOOK_BACK_DAYS)), month.last)
    whole = (organization.pk, None)
    by_day = costs_of([whole], reach)[whole]
    is_running = month.first <= today <= month.last
    spent = within(by_day, month)
    # A month that is not over is compared with as much of the one before.
    compared = before.first_days((today - month.first).days + 1) if is_running else before
    rows = tables.by_connection(organization, month, before, connections)
    requests = tables.calls_in(organization, month)
    return {
        "month": month,
        "earlier": before.first,
        "later": month.last + timedelta(days=1) if month.last < today else None,
        "spent": spent,
        "change": change(spent, within(by_day, compared)),
        "compared": compared,
        "forecast": month_end(by_day, today) if is_running else None,
        "per_thousand": 1000 * spent / requests if requests else None,
        "requests": requests,
        "budgets": budgets(organization, month, today),
        "days": tables.by_day(month, by_day, expected(by_day, today) if is_running else {}),
        "providers": tables.by_provider(organization, month, before, providers),
        "connections": rows[:SHOWN],
        "connection_count": len(rows),
    }


def _table(organization: Organization, month: Days, what: str) -> Table:
    before = _before(month)
    if what == "days":
        return chart_table(_("Date"), figures(organization, month, today_of(organization))["days"])
    connections = connections_of(organization)
    rows = {
        "providers": lambda: tables.by_provider(organization, month, before, providers_of(connections.values())),
        "connections": lambda: tables.by_connection(organization, month, before, connections),
        "organizations": lambda: tables.by_organization(month, before),
    }[what]()
    headings = [what.removesuffix("s"), "requests", "cost_aed", "cost_aed_month_before", "share_percent"]
    return headings, ([row.name, row.requests, row.cost, row.before, row.share] for row in rows)


def _before(month: Days) -> Days:
    return month_of(month.first - timedelta(days=1))


def _runs_all(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser
