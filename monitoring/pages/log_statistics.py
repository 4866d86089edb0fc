"""The strip above the log: what the calls of the filters come to. It is fetched after the page, which does not wait."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET

from integrations.bounded import TookTooLong, reading_within
from integrations.pages.rendering import current_organization, fragment, piece_of, staff_page
from integrations.templatetags.hub import milliseconds, number

from ..log_statistics import Figures, figures_of
from .log_filters import LogFilter

_SECONDS = 5.0


@require_GET
@staff_page("monitoring.view_calllog")
@piece_of("logs", anchor="log-statistics")
def statistics(request: HttpRequest) -> HttpResponse:
    organization = current_organization(request)
    form = LogFilter(organization, request.GET)
    figures, took_too_long = None, False
    if form.is_valid():
        try:
            with reading_within(_SECONDS):
                figures = figures_of(form.search, organization)
        except TookTooLong:
            took_too_long = True
    return fragment(
        request, "monitoring/_log_statistics.html", {"strip": strip(figures), "took_too_long": took_too_long}
    )


def strip(figures: Figures | None = None) -> list[dict[str, Any]]:
    """Dashes until the figures are there. Each says what it is of, where that is not all calls."""
    f = figures or Figures(0, 0, None, None)
    newest = _of_newest(f.total) if f.is_at_least else ""
    more = _("at least") if f.is_at_least else ""
    sampled = newest or (_of_newest(f.p95_of) if f.p95_of else "")
    counts = [number(count) if figures else number(None) for count in (f.total, f.succeeded, f.failed)]
    return [
        {"label": _("Calls"), "value": counts[0], "icon": "sync_alt", "hint": more},
        {"label": _("Succeeded"), "value": counts[1], "icon": "check_circle", "hint": newest},
        {"label": pgettext("count", "Failed"), "value": counts[2], "icon": "error", "hint": newest},
        {"label": _("Average answer"), "value": milliseconds(f.average_ms), "icon": "timer", "hint": newest},
        {"label": _("95 % answer within"), "value": milliseconds(f.p95_ms), "icon": "speed", "hint": sampled},
    ]


def _of_newest(count: int) -> str:
    return _("of the newest %(count)s") % {"count": number(count)}
