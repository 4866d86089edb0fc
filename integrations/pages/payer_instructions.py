"""How a payer pays without a gateway: where to transfer the money, or what to have ready; and room for a proof."""

from __future__ import annotations

import uuid
from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from ..errors import IntegrationError, InvalidRequest
from ..models import Payment
from ..operations.offline_receipts import OPEN
from ..operations.payment_instructions import instructions_of
from ..operations.payment_pages import onward_address
from ..operations.payment_proofs import AT_MOST, MAX_BYTES, add_proof, takes_proofs
from ..request_id import current_origin, originating
from ..tenancy import acting_as_service, acting_for
from .payer import language_of, not_found, other_language, without_referrer

S = Payment.Status
_FRAME_BYTES = 65_536  # what a form adds to the file in it


@csrf_exempt  # there is no session that somebody could misuse: who has the address may do what this page does
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def instructions(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    with acting_as_service():  # a payer is nobody's member, and whoever is signed in here may be another's
        payment = Payment.objects.select_related("connection__provider", "organization").filter(pk=payment_id).first()
        told = instructions_of(payment) if payment else None
        if payment is None or told is None:
            return not_found(request)
    payer = replace(current_origin(), actor="payer", user_id=None, kind="payer")
    with acting_for(payment.organization_id), originating(payer), translation.override(language_of(request, payment)):
        problem, status = _take_proof(request, payment) if request.method == "POST" else ("", 200)
        if request.method == "POST" and not problem:
            return without_referrer(redirect(f"{request.path}?language={translation.get_language()}"))
        context = {
            "payment": payment,
            "shop": payment.organization.name,
            "state": _state(payment),
            "told": told,
            "lines": [line for line in told.lines if line.key != "note"],
            "note": next((line for line in told.lines if line.key == "note"), None),
            "takes_proofs": takes_proofs(payment),
            "left": max(payment.amount - payment.amount_captured, 0),
            "proofs": payment.proofs.count(),
            "at_most": AT_MOST,
            "megabytes": MAX_BYTES // 1024 // 1024,
            "problem": problem,
            "other_language": other_language(),
            "onward": onward_address(payment, gave_up=False),
        }
        return without_referrer(render(request, "payer/instructions.html", context, status=status))


def _take_proof(request: HttpRequest, payment: Payment) -> tuple[str, int]:
    """What is wrong with it, and the status that says so; the length is looked at before anything is read."""
    announced = str(request.META.get("CONTENT_LENGTH") or "0")
    if not announced.isdecimal() or int(announced) > MAX_BYTES + _FRAME_BYTES:
        return _("The file is too large: it may have up to %(size)s MB.") % {"size": MAX_BYTES // 1024 // 1024}, 413
    file = request.FILES.get("file")
    if file is None:
        return _("Choose a file first."), 400
    try:
        add_proof(payment, file_name=file.name or "", content=file.read())
    except InvalidRequest as error:
        return error.translated(), error.http_status
    except IntegrationError:
        return _("The file could not be kept just now. Please try again in a minute."), 503
    return "", 200


def _state(payment: Payment) -> str:
    if payment.status in OPEN:
        return "waiting"
    ends = {S.FAILED: "lost", S.CANCELLED: "given_up", S.REFUNDED: "refunded"}
    return ends.get(S(payment.status), "paid")
