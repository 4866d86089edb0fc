"""Files of payers' on their way to a reader: whatever is in them, no browser runs it."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from .models import PaymentProof


def download_of(proof: PaymentProof, content: bytes, *, as_stream: bool = False) -> HttpResponse:
    """`as_stream`: for programs, whose documents name no other content type."""
    response = HttpResponse(content, content_type="application/octet-stream" if as_stream else proof.content_type)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=proof.file_name) or ""
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "no-store"
    return response
