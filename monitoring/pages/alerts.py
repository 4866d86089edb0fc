"""What somebody has to do: the list, an alert with all that was told of it, and the acknowledgement."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from integrations.errors import IntegrationError
from integrations.models import Connection, User
from integrations.pages.paging import PAGE_SIZE, newest
from integrations.pages.rendering import current_organization, page, staff_page, wants_fragment

from ..alerting.acknowledge import acknowledge_alert
from ..alerting.messages import duration
from ..alerting.silences import Silences
from ..models import Alert, AlertNotification

STATES = ("open", "acknowledged", "resolved")
_TIMELINE_ROWS = 500


@dataclass(frozen=True)
class Entry:
    """A line of an alert's timeline: what was done, or what was told to whom."""

    kind: str
    moment: datetime
    notifications: tuple[AlertNotification, ...] = ()


@require_safe
@staff_page("monitoring.view_alert")
def alerts(request: HttpRequest) -> HttpResponse:
    """The list of one state; htmx fetches the list alone."""
    organization = current_organization(request)
    rows = Alert.objects.filter(organization=organization).select_related("rule", "connection")
    state = request.GET.get("state", "")
    state = state if state in STATES else STATES[0]
    chosen = _chosen(request, rows)
    before = request.GET.get("before", "")
    stretch = newest(_of_state(chosen, state), before)
    silences = Silences.of([organization.pk], timezone.now())
    for alert in stretch.rows:
        alert.silent_until = silences.until(alert)
    query = request.GET.copy()
    query.pop("before", None)
    context = {
        "title": _("Alerts"),
        "state": state,
        "stretch": stretch,
        "is_newest": not before,
        "query": query.urlencode(),
        "counts": {name: _of_state(rows, name)[:1000].count() for name in STATES[:2]},
        "kinds": Alert.Kind.choices,
        "kind": request.GET.get("kind", ""),
        "connection": request.GET.get("connection", ""),
        "connections": Connection.objects.filter(organization=organization).order_by("connection_name")[:500],
    }
    whole = not wants_fragment(request)
    return page(request, "monitoring/alerts/list.html" if whole else "monitoring/alerts/_list.html", context)


@require_safe
@staff_page("monitoring.view_alert")
def alert(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = _found(request, pk)
    told = list(found.notifications.select_related("channel").order_by("-pk")[:_TIMELINE_ROWS])
    context = {
        "title": found.get_kind_display(),
        "alert": found,
        "entries": _timeline(found, told),
        "lasted": duration((found.resolved_at or timezone.now()) - found.opened_at),
        "silent_until": Silences.of([found.organization_id], timezone.now()).until(found),
    }
    return page(request, "monitoring/alerts/detail.html", context)


@require_POST
@staff_page("monitoring.change_alert")
def acknowledge(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    try:
        acknowledge_alert(_found(request, pk), cast(User, request.user))
    except IntegrationError as error:
        messages.error(request, error.translated())
    else:
        messages.success(request, _("Acknowledged: it is told no more, unless it grows more urgent."))
    return redirect("alert", pk=pk)


@require_POST
@staff_page("monitoring.change_alert")
def acknowledge_chosen(request: HttpRequest) -> HttpResponseBase:
    """Those that were ticked in the list; what was resolved meanwhile is left."""
    rows = Alert.objects.unresolved().filter(organization=current_organization(request))
    done = 0
    for found in rows.filter(pk__in=_keys(request)[:PAGE_SIZE]):
        try:
            acknowledge_alert(found, cast(User, request.user))
        except IntegrationError:
            continue  # it was resolved a moment ago, which is as good
        done += 1
    messages.success(request, _("Acknowledged: {count}.").format(count=done))
    return redirect("alerts")


def _of_state(rows: QuerySet[Alert], state: str) -> QuerySet[Alert]:
    if state == "resolved":
        return rows.filter(resolved_at__isnull=False)
    return rows.filter(resolved_at=None, acknowledged_at__isnull=state == "open")


def _chosen(request: HttpRequest, rows: QuerySet[Alert]) -> QuerySet[Alert]:
    if (kind := request.GET.get("kind")) in Alert.Kind.values:
        rows = rows.filter(kind=kind)
    try:
        return rows.filter(connection=uuid.UUID(request.GET.get("connection", "")))
    except ValueError:
        return rows


def _keys(request: HttpRequest) -> list[uuid.UUID]:
    keys = []
    for text in request.POST.getlist("alert"):
        try:
            keys.append(uuid.UUID(text))
        except ValueError:
            continue  # no alert has such a key
    return keys


def _timeline(found: Alert, told: list[AlertNotification]) -> list[Entry]:
    """Oldest first; what was told at once to several channels is one line."""
    at_once: dict[tuple[str, datetime], list[AlertNotification]] = {}
    for one in told:
        at_once.setdefault((one.kind, one.created_at.replace(second=0, microsecond=0)), []).append(one)
    entries = [Entry("began", found.opened_at)]
    entries += [Entry(kind, min(one.created_at for one in some), tuple(some)) for (kind, _m), some in at_once.items()]
    if found.acknowledged_at:
        entries.append(Entry("acknowledged", found.acknowledged_at))
    if found.resolved_at:
        entries.append(Entry("ended", found.resolved_at))
    return sorted(entries, key=lambda entry: entry.moment)


def _found(request: HttpRequest, pk: uuid.UUID) -> Any:
    rows = Alert.objects.select_related("rule", "connection", "acknowledged_by")
    return get_object_or_404(rows, organization=current_organization(request), pk=pk)
