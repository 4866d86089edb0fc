"""Exports of the log: asked for on its page, watched until they are through, and downloaded."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from integrations.errors import IntegrationError
from integrations.pages.paging import newest
from integrations.pages.rendering import current_organization, fragment, page, staff_page, wants_fragment
from integrations.spreadsheets import CSV_TYPE

from ..log_export_delays import delay_of
from ..log_exports import MOST_ROWS, cancel_export, download, exports_of, repeat_export, start_export
from ..models import LogExport
from .log_filters import LogFilter

_EXPORT = "monitoring.export_calllog"
_TYPES = {LogExport.Format.CSV: CSV_TYPE, LogExport.Format.JSON_LINES: "application/jsonl; charset=utf-8"}


@require_GET
@staff_page(_EXPORT)
def exports(request: HttpRequest) -> HttpResponse:
    found = newest(exports_of(current_organization(request)), request.GET.get("before", ""))
    for row in found.rows:
        row.delay = delay_of(row)
    context = {"title": _("Log exports"), "stretch": found, "most_rows": MOST_ROWS}
    return page(request, "monitoring/log_exports.html", context)


@require_POST
@staff_page(_EXPORT)
def start(request: HttpRequest) -> HttpResponse:
    """The filters stand in the address, as they do on the log's page."""
    organization = current_organization(request)
    form = LogFilter(organization, request.GET)
    if not form.is_valid():
        messages.error(request, " ".join(form.mistakes))
        return redirect(f"{reverse('logs')}?{form.query}")
    try:
        export = start_export(organization, form.search, file_format=request.POST.get("format", ""))
    except IntegrationError as error:
        messages.error(request, error.translated())
        return redirect(f"{reverse('logs')}?{form.query}")
    return redirect("log-export", pk=export.pk)


@require_GET
@staff_page(_EXPORT)
def export(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One of them; htmx fetches its progress alone, until it has ended."""
    found = _found(request, pk)
    context = {"title": _("Log export"), "export": found, "most_rows": MOST_ROWS, "delay": delay_of(found)}
    if wants_fragment(request):
        return fragment(request, "monitoring/_log_export.html", context)
    return page(request, "monitoring/log_export.html", {**context, "filters": _described(found)})


@require_POST
@staff_page(_EXPORT)
def cancel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    try:
        cancel_export(_found(request, pk))
        messages.success(request, _("The export is cancelled."))
    except IntegrationError as error:
        messages.error(request, error.translated())
    return redirect("log-export", pk=pk)


@require_POST
@staff_page(_EXPORT)
def repeat(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    try:
        again = repeat_export(_found(request, pk))
    except IntegrationError as error:
        messages.error(request, error.translated())
        return redirect("log-export", pk=pk)
    messages.success(request, _("The same calls are asked for anew."))
    return redirect("log-export", pk=again.pk)


@require_GET
@staff_page(_EXPORT)
def file(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    found = _found(request, pk)
    try:
        pieces = download(found)
    except IntegrationError as error:
        messages.error(request, error.translated())
        return redirect("log-export", pk=pk)
    response = StreamingHttpResponse(pieces, content_type=_TYPES[LogExport.Format(found.file_format)])
    name = f"calls-{timezone.localtime(found.created_at):%Y-%m-%d-%H%M}.{found.file_format}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Content-Length"] = str(found.size)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


def _found(request: HttpRequest, pk: uuid.UUID) -> LogExport:
    return get_object_or_404(exports_of(current_organization(request)), pk=pk)


def _described(export: LogExport) -> list[tuple[str, str]]:
    """What was asked for, as people read it, but for the time."""
    given = {"q" if name == "text" else name: text for name, text in export.filters.items()}
    return LogFilter(export.organization, {}).described({**given, "since": "", "until": ""})
