"""All connections at a glance: how each is, since when, and what is being done about it."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from integrations.models import Connection, IntegrationProvider, Organization
from integrations.models.connections import ConnectionQuerySet
from integrations.pages.rendering import current_organization, page, staff_page, wants_fragment
from integrations.tenancy import acting_as_service

from ..health import check_connection
from ..health_overview import incidents, standings
from ..models import MaintenanceWindow, ProviderIncident

PAGE_SIZE = 25
SHOWN_INCIDENTS = 8
SHOWN_WINDOWS = 12
_WORST_FIRST = ("down", "degraded", "unknown", "healthy")
_STATES = Connection.Health


@require_safe
@staff_page("monitoring.view_healthcheck")
def health(request: HttpRequest) -> HttpResponse:
    """Whole at first; htmx then fetches the connections alone, every 30 seconds and at each choice of a filter."""
    organization = current_organization(request)
    context = {"title": _("Health"), **_listed(request, organization)}
    if wants_fragment(request):
        return page(request, "monitoring/_health_list.html", context)
    context |= {
        "incidents": _incidents(request),
        "windows": _windows(organization),
        "may_change_windows": request.user.has_perm("monitoring.change_maintenancewindow"),
        "may_add_windows": request.user.has_perm("monitoring.add_maintenancewindow"),
    }
    return page(request, "monitoring/health.html", context)


@require_POST
@staff_page("integrations.change_connection")
def check_now(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    """Check it at once, and show how it is then: in its row, or on its page."""
    organization = current_organization(request)
    connection = get_object_or_404(_own(organization), pk=connection_id)
    check = check_connection(connection)
    if wants_fragment(request):
        [standing] = standings(organization, [connection])
        context = {"standing": standing, "may_check": True, "is_fresh": True}
        return page(request, "monitoring/_health_row.html", context)
    told = _("%(name)s was checked: %(state)s.")
    messages.info(request, told % {"name": connection, "state": check.get_status_display()})
    return redirect("connection", connection.pk)


def _listed(request: HttpRequest, organization: Organization) -> dict[str, Any]:
    given = {name: request.GET.get(name, "").strip() for name in ("state", "provider", "environment", "q")}
    watched = _own(organization).filter(_is_watched())
    shown = Paginator(_filtered(watched, given), PAGE_SIZE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    return {
        "page": shown,
        "standings": standings(organization, list(shown)),
        "counts": _counts(watched),
        "given": given,
        "query": f"{query.urlencode()}&" if query else "",
        "address": request.get_full_path(),
        "filtered": any(given.values()),
        "may_check": request.user.has_perm("integrations.change_connection"),
        "filters": _filters(organization),
    }


def _filters(organization: Organization) -> list[tuple[str, str, Any]]:
    used = IntegrationProvider.objects.filter(
        Exists(Connection.objects.filter(organization=organization, provider=OuterRef("pk")))
    )
    return [
        ("state", _("Any state"), _STATES.choices),
        ("provider", _("Any provider"), [(one.slug, one.local_name) for one in used.order_by("provider_name")]),
        ("environment", _("Any environment"), Connection.Environment.choices),
    ]


def _own(organization: Organization) -> ConnectionQuerySet:
    return Connection.objects.filter(organization=organization).select_related("provider", "organization")


def _is_watched() -> Q:
    return Q(status=Connection.Status.ACTIVE) | Q(status=Connection.Status.ERROR, is_stopped_by_health=True)


def _filtered(connections: ConnectionQuerySet, given: dict[str, str]) -> QuerySet[Connection]:
    """Those that are not well come first."""
    columns = {"state": "health_status", "provider": "provider__slug", "environment": "environment"}
    chosen = {column: given[name].replace("\x00", "") for name, column in columns.items() if given[name]}
    if given["q"]:
        words = given["q"].replace("\x00", "")
        named = Q(connection_name__icontains=words) | Q(provider__provider_name__icontains=words)
        connections = connections.filter(named | Q(provider__provider_name_ar__icontains=words))
    cases = [When(health_status=state, then=Value(place)) for place, state in enumerate(_WORST_FIRST)]
    severity = Case(*cases, default=Value(9), output_field=IntegerField())
    return connections.filter(**chosen).order_by(severity, "-is_primary", "connection_name", "pk")


def _counts(watched: ConnectionQuerySet) -> dict[str, int]:
    by_state = {state: Count("pk", filter=Q(health_status=state)) for state in _WORST_FIRST}
    return watched.aggregate(total=Count("pk"), **by_state)


def _windows(organization: Organization) -> list[MaintenanceWindow]:
    """Those that are open or to come, and the last that were, each with what it is now."""
    now = timezone.now()
    rows = MaintenanceWindow.objects.filter(organization=organization).select_related("connection", "provider")
    ahead = list(rows.filter(ends_at__gt=now).order_by("starts_at", "pk")[:SHOWN_WINDOWS])
    past = list(rows.filter(ends_at__lte=now).order_by("-ends_at")[: max(0, 3 - len(ahead)) + 2])
    for window in (shown := [*ahead, *past]):
        window.state = _state_of(window, now)  # type: ignore[attr-defined]  # for the template
    return shown


def _state_of(window: MaintenanceWindow, now: Any) -> str:
    if window.ends_at <= now:
        return "over"
    return "open" if window.starts_at <= now else "ahead"


def _incidents(request: HttpRequest) -> list[ProviderIncident]:
    """Of the providers that the organization uses; how many an incident concerns is told to super admins."""
    organization = current_organization(request)
    own = Connection.objects.filter(organization=organization, provider=OuterRef("provider"))
    rows = list(incidents().filter(Exists(own)).order_by("-opened_at")[:SHOWN_INCIDENTS])
    if rows and request.user.is_superuser:
        with acting_as_service():
            whole = ProviderIncident.objects.in_bulk([row.pk for row in rows])
        for row in rows:
            row.counted = whole.get(row.pk)
    own_failing = _failing_of(organization, [row.provider_id for row in rows])
    for row in rows:
        row.own_failing = own_failing.get(row.provider_id, [])
    return rows


def _failing_of(organization: Organization, providers: list[uuid.UUID]) -> dict[uuid.UUID, list[Connection]]:
    found: dict[uuid.UUID, list[Connection]] = {}
    failing = Connection.objects.filter(
        organization=organization, provider__in=providers, health_status=Connection.Health.DOWN
    )
    for connection in failing.filter(_is_watched()).order_by("connection_name"):
        found.setdefault(connection.provider_id, []).append(connection)
    return found
