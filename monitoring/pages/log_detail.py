"""One call of the log: what was sent and answered, secrets taken out, with its neighbours."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_GET

from integrations.bounded import TookTooLong, reading_within
from integrations.models import Connection, Organization, User
from integrations.pages.rendering import current_organization, page, staff_page
from webhooks.pages.outline import Branch, outline

from ..curl import curl_command
from ..log_places import Position, around
from ..log_search import LogSearch
from ..models import CallLog
from .log_filters import LogFilter
from .logs import SHOWN

_SECONDS = 3.0
_DAY = timedelta(days=1)
_MOST_SIBLINGS = 20


@dataclass(frozen=True)
class Body:
    """`branches` are what it unfolds into, where it is JSON or a form; `text` is set to be read."""

    text: str
    branches: tuple[Branch, ...] = ()

    @classmethod
    def read(cls, text: str) -> Body:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = _form(text)
        if not isinstance(value, dict | list):
            return cls(text)
        try:
            return cls(json.dumps(value, indent=2, ensure_ascii=False), outline(value))
        except RecursionError:
            return cls(text)


@require_GET
@staff_page("monitoring.view_calllog")
def log(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """The filters in the address are those of the list that it was opened from: previous and next are theirs."""
    organization = current_organization(request)
    found = _found(organization, pk)
    form = LogFilter(organization, request.GET)
    is_from_list = form.is_valid() and bool(request.GET)
    context = {
        "title": f"{found.method} {found.endpoint}"[:120].strip() or found.get_log_type_display(),
        "call": found,
        "connection": _connection_of(found),
        "person": User.objects.filter(pk=found.user_id).first() if found.user_id else None,
        "sent": Body.read(found.request_body),
        "answered": Body.read(found.response_body),
        "curl": curl_command(found.method, found.endpoint, found.request_headers, found.request_body),
        "filters": form.query if is_from_list else "",
        **_neighbours(organization, found, form.search if is_from_list else _near(found)),
        **_siblings(organization, found),
    }
    return page(request, "monitoring/log.html", context)


def _found(organization: Organization, pk: uuid.UUID) -> CallLog:
    when = around(pk)
    found = CallLog.objects.filter(when, organization=organization, pk=pk).first() if when is not None else None
    if found is None:
        raise Http404
    return found


def _near(call: CallLog) -> LogSearch:
    return LogSearch(since=call.created_at - _DAY, until=call.created_at + _DAY)


def _neighbours(organization: Organization, call: CallLog, search: LogSearch) -> dict[str, Any]:
    """The page does without them where they take too long."""
    place = Position.of(call)
    try:
        with reading_within(_SECONDS):
            newer = search.calls(organization, place, size=1, ascending=True)
            older = search.calls(organization, place, size=1)
    except TookTooLong:
        return {}
    return {"newer": newer[0] if newer else None, "older": older[0] if older else None}


def _siblings(organization: Organization, call: CallLog) -> dict[str, Any]:
    """The other calls of the same request: its attempts, and what else it asked of providers."""
    if not call.request_id:
        return {}
    hour = timedelta(hours=1)
    near = Q(created_at__range=(call.created_at - hour, call.created_at + hour))
    rows = CallLog.objects.filter(near, organization=organization, request_id=call.request_id).exclude(pk=call.pk)
    return {"siblings": list(rows.order_by("created_at", "id").values_list(*SHOWN, named=True)[:_MOST_SIBLINGS])}


def _connection_of(call: CallLog) -> Connection | None:
    """The log outlives its connections."""
    return Connection.objects.filter(pk=call.connection_id).first() if call.connection_id else None


def _form(text: str) -> dict[str, Any] | None:
    """The fields of a form, where the text is nothing else."""
    if "=" not in text or any(sign in text for sign in "<>{}\n "):
        return None
    try:
        fields = parse_qs(text, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        return None
    return {name: values if len(values) > 1 else values[0] for name, values in fields.items()}
