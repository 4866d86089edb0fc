"""Every call, newest first: filtered, searched, paged by key, and kept up to date by fetching only what is newer."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from integrations.bounded import TookTooLong, reading_within
from integrations.models import Organization
from integrations.pages.rendering import current_organization, fragment, page, staff_page, wants_fragment

from ..log_places import Frontier, Position
from ..log_search import LogSearch
from ..log_text import INDEXED_CHARACTERS, Words
from ..saved_searches import searches_for
from .log_filters import LogFilter
from .log_statistics import strip

PAGE_SIZE = 50
NEWER_AT_MOST = 200
SECONDS = 5.0
# Of a call in a list. It outlives its connection, whose name is empty then.
SHOWN = (
    "pk", "created_at", "connection__connection_name", "method", "endpoint", "response_status", "response_time_ms",
    "error_message", "operation", "attempt",
)  # fmt: skip


@require_GET
@staff_page("monitoring.view_calllog")
def logs(request: HttpRequest) -> HttpResponse:
    """`?after=` (with htmx) answers the rows newer than that place alone; `?before=` is a page of older ones."""
    organization = current_organization(request)
    form = LogFilter(organization, request.GET)
    context: dict[str, Any] = {"form": form, "filters": form.query, "strip": strip()}
    is_fragment = wants_fragment(request)
    if is_fragment and form.is_valid() and (after := Frontier.parse(request.GET.get("after", ""))):
        return fragment(request, "monitoring/_log_newer.html", context | _newer(organization, form.search, after))
    if form.is_valid():
        context |= page_of(organization, form.search, Position.parse(request.GET.get("before", "")))
    if is_fragment:
        return fragment(request, "monitoring/_log_list.html", context)
    context |= {"title": _("Logs"), "searches": searches_for(organization, request.user)}
    return page(request, "monitoring/logs.html", context, status=200 if form.is_valid() else 400)


def page_of(organization: Organization, search: LogSearch, before: Position | None) -> dict[str, Any]:
    """What a page of the list shows: the calls from that place on, or why there are none."""
    frontier = Frontier.now()
    if search.text and Words.of(search.text) is None:
        return {"calls": [], "is_wordless": True}
    try:
        with reading_within(SECONDS):
            found = search.calls(organization, before, size=PAGE_SIZE + 1, columns=SHOWN)
    except TookTooLong:
        return {"calls": [], "took_too_long": True, "searched_characters": INDEXED_CHARACTERS}
    shown = found[:PAGE_SIZE]
    is_live = before is None and search.until is None
    return {
        "calls": shown,
        "is_live": is_live,
        "newest": _place(frontier.with_seen(call.pk for call in shown)) if is_live else "",
        "older": _place(Position.of(shown[-1])) if len(found) > PAGE_SIZE else "",
        "searched_characters": INDEXED_CHARACTERS if search.text else 0,
    }


def _newer(organization: Organization, search: LogSearch, after: Frontier) -> dict[str, Any]:
    """Where it takes too long, nothing, and the next refresh asks for the same."""
    frontier = Frontier.now()
    try:
        with reading_within(SECONDS):
            found = search.written_since(organization, after, size=NEWER_AT_MOST + 1, columns=SHOWN)
    except TookTooLong:
        return {"calls": [], "newest": _place(after)}
    known = [*after.seen, *(call.pk for call in found)]
    shown = found[:NEWER_AT_MOST]
    return {"calls": shown, "newest": _place(frontier.with_seen(known)), "is_cut": len(found) > NEWER_AT_MOST}


def _place(place: Frontier | Position) -> str:
    """Ready for a query string."""
    return quote(str(place))
