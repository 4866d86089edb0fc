"""The connections of an organization, and one of them with all that is done with it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from ..circuit import circuits
from ..errors import IntegrationError
from ..models import Connection, Credential, IntegrationProvider
from ..operations.connections import (
    activate_connection,
    deactivate_connection,
    delete_connection,
    reset_circuit,
    test_connection,
)
from ..providers.registry import providers
from .rendering import current_organization, page, staff_page
from .schema_fields import Answer, answers_of

PAGE_SIZE = 25


@require_safe
@staff_page("integrations.view_connection")
def connection_list(request: HttpRequest) -> HttpResponse:
    given = {name: request.GET.get(name, "").strip() for name in ("q", "status", "environment", "type")}
    connections = _filtered(_own(request), given)
    shown = Paginator(connections, PAGE_SIZE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "title": _("Connections"),
        "page": shown,
        "given": given,
        "filtered": any(given.values()),
        "query": f"{query.urlencode()}&" if query else "",
        "filters": [
            ("status", _("Any status"), Connection.Status.choices),
            ("environment", _("Any environment"), Connection.Environment.choices),
            ("type", _("Any type"), IntegrationProvider.Type.choices),
        ],
    }
    return page(request, "integrations/connections/list.html", context)


@require_safe
@staff_page("integrations.view_connection")
def connection_detail(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    connection = _one(request, connection_id)
    context = {
        "title": connection.connection_name,
        "connection": connection,
        "answers": _answers(connection),
        "circuit": circuits([connection.pk])[connection.pk],
        "credentials": _credentials(connection),
        "rate_limits": connection.rate_limits.order_by("max_requests"),
        "may_change": request.user.has_perm("integrations.change_connection"),
        "may_delete": request.user.has_perm("integrations.delete_connection"),
        "may_rotate": request.user.has_perm("integrations.change_credential"),
    }
    return page(request, "integrations/connections/detail.html", context)


def _answers(connection: Connection) -> list[Answer]:
    """A provider that this installation no longer has asks nothing: its answers go by their keys."""
    provider = providers().get(connection.provider.slug)
    if provider is None:
        return [Answer(key, value, False) for key, value in connection.configuration.items()]
    return answers_of(provider, connection.configuration)


@require_POST
@staff_page("integrations.change_connection")
def test(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    connection = _one(request, connection_id)
    outcome = test_connection(connection)
    if request.headers.get("HX-Request"):
        return render(request, "integrations/_test_result.html", {"outcome": outcome})
    if outcome.ok:
        messages.success(request, _("It works: answered in %(time)s ms.") % {"time": outcome.response_time_ms})
    else:
        messages.error(request, outcome.translated())
    return redirect("connection", connection.pk)


@require_POST
@staff_page("integrations.change_connection")
def activate(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    return _after(request, connection_id, activate_connection, _("The test passed and the connection is active."))


@require_POST
@staff_page("integrations.change_connection")
def deactivate(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    return _after(request, connection_id, deactivate_connection, _("The connection is closed to traffic."))


@require_POST
@staff_page("integrations.change_connection")
def close_circuit(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    return _after(request, connection_id, reset_circuit, _("Calls go through again."))


@require_POST
@staff_page("integrations.delete_connection")
def delete(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    connection = _one(request, connection_id)
    try:
        delete_connection(connection)
    except IntegrationError as error:
        messages.error(request, error.translated())
        return redirect("connection", connection_id)
    messages.success(request, _("%(name)s is deleted.") % {"name": connection.connection_name})
    return redirect("connections")


def _after(
    request: HttpRequest, connection_id: uuid.UUID, operation: Callable[[Connection], object], said: str
) -> HttpResponse:
    """Do it, say how it went, and show the connection again."""
    try:
        operation(_one(request, connection_id))
    except IntegrationError as error:
        messages.error(request, error.translated())
    else:
        messages.success(request, said)
    return redirect("connection", connection_id)


def _own(request: HttpRequest) -> QuerySet[Connection]:
    return Connection.objects.filter(organization=current_organization(request)).select_related("provider")


def _one(request: HttpRequest, connection_id: uuid.UUID) -> Connection:
    return get_object_or_404(_own(request), pk=connection_id)


def _credentials(connection: Connection) -> list[Credential]:
    """Those that are valid, and which of them a rotation has replaced."""
    in_use = set(Credential.objects.in_use().filter(connection=connection).values_list("pk", flat=True))
    valid = connection.credentials.filter(is_active=True).defer("encrypted_value").order_by("credential_key", "-id")
    for credential in (listed := list(valid)):
        credential.is_replaced = credential.pk not in in_use  # type: ignore[attr-defined]  # for the template
    return listed


def _filtered(connections: QuerySet[Connection], given: dict[str, str]) -> QuerySet[Connection]:
    columns = {"status": "status", "environment": "environment", "type": "provider_type"}
    chosen = {column: given[name] for name, column in columns.items() if given[name]}
    if given["q"]:
        words = given["q"].replace("\x00", "")
        named = Q(connection_name__icontains=words) | Q(provider__provider_name__icontains=words)
        connections = connections.filter(named | Q(provider__provider_name_ar__icontains=words))
    return connections.filter(**{column: value.replace("\x00", "") for column, value in chosen.items()})
