"""Every call, newest first: filtered, paged by key, and kept up to date by fetching only what is newer."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import Avg, Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from integrations.models import Connection, Organization
from integrations.pages.rendering import current_organization, page, staff_page

from ..models import CallLog

PAGE_SIZE = 50
NEWER_AT_MOST = 200
PERIODS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
DEFAULT_PERIOD = "24h"
STATUS_CLASSES = {"2xx": (200, 300), "4xx": (400, 500), "5xx": (500, 600)}


@dataclass(frozen=True)
class Position:
    """A place in the log: a row's time and id, as text `2026-11-20T10:00:00.123456+00:00~<uuid>`."""

    created_at: datetime
    pk: uuid.UUID

    @classmethod
    def of(cls, row: CallLog) -> Position:
        return cls(row.created_at, row.pk)

    @classmethod
    def parse(cls, text: str) -> Position | None:
        moment, _separator, key = text.partition("~")
        try:
            position = cls(datetime.fromisoformat(moment), uuid.UUID(key))
        except ValueError:
            return None
        return position if timezone.is_aware(position.created_at) else None

    def __str__(self) -> str:
        return f"{self.created_at.isoformat()}~{self.pk}"


class LogFilter(forms.Form):
    q = forms.CharField(label=gettext_lazy("Endpoint, error or request id"), required=False, max_length=200)
    connection = forms.ModelChoiceField(
        label=gettext_lazy("Connection"),
        queryset=Connection.objects.none(),
        required=False,
        empty_label=gettext_lazy("Any connection"),
    )
    log_type = forms.ChoiceField(
        label=gettext_lazy("Type"), required=False, choices=[("", gettext_lazy("Any type")), *CallLog.Type.choices]
    )
    method = forms.ChoiceField(
        label=gettext_lazy("Method"),
        required=False,
        choices=[("", gettext_lazy("Any method")), *((m, m) for m in ("GET", "POST", "PUT", "PATCH", "DELETE"))],
    )
    status = forms.ChoiceField(
        label=gettext_lazy("Status"),
        required=False,
        choices=[
            ("", gettext_lazy("Any status")),
            *((s, s) for s in STATUS_CLASSES),
            ("none", gettext_lazy("No answer")),
        ],
    )
    period = forms.ChoiceField(
        label=gettext_lazy("Period"),
        required=False,
        choices=[
            ("1h", gettext_lazy("Last hour")),
            ("24h", gettext_lazy("Last 24 hours")),
            ("7d", gettext_lazy("Last 7 days")),
            ("30d", gettext_lazy("Last 30 days")),
        ],
    )

    def __init__(self, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: Any = self.fields["connection"]
        choices.queryset = Connection.objects.filter(organization=organization).order_by("connection_name")
        for field in self.fields.values():
            field.widget.attrs["class"] = "hub-input"


@require_GET
@staff_page("monitoring.view_calllog")
def logs(request: HttpRequest) -> HttpResponse:
    """`?after=` (with htmx) answers the rows newer than that place alone; `?before=` is a page of older ones."""
    organization = current_organization(request)
    form = LogFilter(organization, request.GET or {"period": DEFAULT_PERIOD})
    rows = _filtered(organization, form.cleaned_data if form.is_valid() else {})
    context: dict[str, Any] = {"title": _("Logs"), "form": form, "filters": _filters_query(request)}
    context["connections"] = _names(organization)
    if (after := Position.parse(request.GET.get("after", ""))) and request.headers.get("HX-Request"):
        return page(request, "monitoring/_log_newer.html", {**context, **_newer(rows, after)})
    before = Position.parse(request.GET.get("before", ""))
    context |= _page_of(rows, before) | {"statistics": _statistics(rows)}
    template = "monitoring/_log_list.html" if request.headers.get("HX-Request") else "monitoring/logs.html"
    return page(request, template, context)


@require_GET
@staff_page("monitoring.view_calllog")
def log(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """One attempt with what was sent and answered, secrets taken out, and the other attempts of its request."""
    organization = current_organization(request)
    rows = CallLog.objects.filter(organization=organization)
    # The key carries its time, so that only one month's partition is looked into.
    moment = _time_of(pk)
    found = rows.filter(pk=pk, created_at__range=(moment - timedelta(days=1), moment + timedelta(days=1))).first()
    if found is None:
        raise Http404
    around = rows.filter(
        request_id=found.request_id, created_at__range=(moment - timedelta(hours=1), moment + timedelta(hours=1))
    )
    context = {
        "title": f"{found.method} {found.endpoint}"[:120] or found.get_log_type_display(),
        "call": found,
        "connection": _connection_of(found),
        "request_body": _readable(found.request_body),
        "response_body": _readable(found.response_body),
        "connections": _names(organization),
        "siblings": list(around.exclude(pk=pk).order_by("created_at", "id")[:20]) if found.request_id else [],
    }
    return page(request, "monitoring/log.html", context)


def _filtered(organization: Organization, chosen: dict[str, Any]) -> QuerySet[CallLog]:
    """The log under the filters. Always bounded in time, so that only the months in question are read."""
    since = timezone.now() - PERIODS[chosen.get("period") or DEFAULT_PERIOD]
    rows = CallLog.objects.filter(organization=organization, created_at__gte=since)
    for name in ("connection", "log_type", "method"):
        if chosen.get(name):
            rows = rows.filter(**{name: chosen[name]})
    if chosen.get("status") == "none":
        rows = rows.filter(response_status__isnull=True)
    elif chosen.get("status"):
        low, high = STATUS_CLASSES[chosen["status"]]
        rows = rows.filter(response_status__gte=low, response_status__lt=high)
    if text := chosen.get("q"):
        rows = rows.filter(
            Q(endpoint__icontains=text) | Q(error_message__icontains=text) | Q(error_code=text) | Q(request_id=text)
        )
    return rows.order_by("-created_at", "-id").defer(
        "request_headers", "request_body", "response_headers", "response_body"
    )


def _page_of(rows: QuerySet[CallLog], before: Position | None) -> dict[str, Any]:
    if before:
        rows = rows.filter(_older_than(before))
    found = list(rows[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    return {
        "calls": shown,
        "newest": _place(shown[0]) if shown and not before else "",
        "is_newest": before is None,
        "older": _place(shown[-1]) if len(found) > PAGE_SIZE else "",
    }


def _newer(rows: QuerySet[CallLog], after: Position) -> dict[str, Any]:
    newer = Q(created_at__gt=after.created_at) | Q(created_at=after.created_at, pk__gt=after.pk)
    found = list(rows.filter(newer)[:NEWER_AT_MOST])
    return {"calls": found, "newest": _place(found[0]) if found else urlencode({"after": str(after)})[6:]}


def _older_than(place: Position) -> Q:
    return Q(created_at__lt=place.created_at) | Q(created_at=place.created_at, pk__lt=place.pk)


def _place(row: CallLog) -> str:
    """A position, ready for a query string."""
    return urlencode({"": str(Position.of(row))})[1:]


def _filters_query(request: HttpRequest) -> str:
    """The filters as a query string, without the place in the list."""
    kept = request.GET.copy()
    for name in ("after", "before"):
        kept.pop(name, None)
    return kept.urlencode()


def _statistics(rows: QuerySet[CallLog]) -> dict[str, Any]:
    good = Q(response_status__lt=400)
    return rows.order_by().aggregate(
        total=Count("pk"),
        succeeded=Count("pk", filter=good),
        failed=Count("pk", filter=~good | Q(response_status__isnull=True)),
        average_ms=Avg("response_time_ms"),
    )


def _names(organization: Organization) -> dict[uuid.UUID, str]:
    return dict(Connection.objects.filter(organization=organization).values_list("pk", "connection_name"))


def _connection_of(row: CallLog) -> Connection | None:
    """The log outlives its connections."""
    return Connection.objects.filter(pk=row.connection_id).first() if row.connection_id else None


def _time_of(pk: uuid.UUID) -> datetime:
    """When a version 7 UUID was made; any other one is of no time at all and is not found."""
    if pk.version != 7:
        raise Http404
    return datetime.fromtimestamp((pk.int >> 80) / 1000, tz=timezone.get_default_timezone())


def _readable(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
