"""What the list of payments shows, as a file."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from ..bounded import TookTooLong, reading_within
from ..errors import InvalidRequest
from ..operations.payment_exports import export_columns, export_payments
from ..spreadsheets import CSV_TYPE, EXCEL_TYPE, csv_pieces, excel_file
from .payment_filters import PaymentFilter
from .rendering import current_organization, staff_page

_SECONDS = 60.0


@require_safe
@staff_page("integrations.export_payment")
def export(request: HttpRequest, file_format: str) -> HttpResponseBase:
    """CSV as it is read, or Excel; the same filters as the list's. More than a spreadsheet should hold is refused."""
    if file_format not in ("csv", "xlsx"):
        raise Http404
    organization = current_organization(request)
    form = PaymentFilter(organization, request.GET)
    if not form.is_valid():
        return redirect(f"{reverse('payments')}?{request.GET.urlencode()}")
    try:
        with reading_within(_SECONDS):
            rows = export_payments(organization, form.search, file_format=file_format)
    except InvalidRequest as error:
        return _refused(request, error.translated())
    except TookTooLong:
        return _refused(request, _("The search took too long: narrow it, by days for instance."))
    name = f"payments-{timezone.localtime():%Y-%m-%d-%H%M}.{file_format}"
    if file_format == "xlsx":
        book = excel_file(_("Payments"), export_columns(), rows)
        return FileResponse(book, as_attachment=True, filename=name, content_type=EXCEL_TYPE)
    pieces = _in_language(translation.get_language(), csv_pieces(export_columns(), rows))
    response = StreamingHttpResponse(pieces, content_type=CSV_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _refused(request: HttpRequest, why: str) -> HttpResponseBase:
    messages.error(request, why)
    return redirect(f"{reverse('payments')}?{request.GET.urlencode()}")


def _in_language(language: str | None, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What is streamed is made after the request's language has gone."""
    while True:
        with translation.override(language):
            piece = next(pieces, None)
        if piece is None:
            return
        yield piece
