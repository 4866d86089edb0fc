"""What a payer sees on the way back from a gateway: nothing, if all is decided and the shop has a page of its own."""

from __future__ import annotations

import uuid

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from ..models import Payment, PaymentOperation
from ..operations.payment_pages import is_undecided, onward_address, verify_return
from ..tenancy import acting_as_service

_TRIES = 10
_SECONDS_APART = 3


@csrf_exempt  # some gateways send the payer by a form; nothing that it holds is looked at
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def come_back(request: HttpRequest, payment_id: uuid.UUID, *, gave_up: bool = False) -> HttpResponse:
    with acting_as_service():  # a payer is nobody's member, and whoever is signed in here may be another's
        payment = Payment.objects.select_related("connection__provider", "organization").filter(pk=payment_id).first()
        if payment is None:
            raise Http404
        payment = verify_return(payment)
        onward = onward_address(payment, gave_up=gave_up)
        tries = _tries(request)
        waits = is_undecided(payment) and not gave_up and tries < _TRIES
        if onward and not waits:
            return without_referrer(redirect(onward))
        with translation.override(language_of(request, payment)):
            context = {
                "payment": payment,
                "shop": payment.organization.name,
                "state": _state(payment, waits=waits, gave_up=gave_up),
                "again": f"?tries={tries + 1}" if waits else "",
                "seconds": _SECONDS_APART,
                "onward": onward,
            }
            return without_referrer(render(request, "payer/return.html", context))


def without_referrer(response: HttpResponse) -> HttpResponse:
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _tries(request: HttpRequest) -> int:
    given = request.GET.get("tries", "")
    return int(given) if given.isdecimal() and len(given) < 4 else 0


def _state(payment: Payment, *, waits: bool, gave_up: bool) -> str:
    if is_undecided(payment):
        return "waiting" if waits else "given_up" if gave_up else "undecided"
    return "lost" if payment.status in (Payment.Status.FAILED, Payment.Status.CANCELLED) else "paid"


def language_of(request: HttpRequest, payment: Payment) -> str:
    """The one asked for (`?language=ar`), else the order's, else the browser's."""
    if (wanted := request.GET.get("language")) in ("en", "ar"):
        return str(wanted)
    created = payment.operations.filter(kind=PaymentOperation.Kind.CREATE).first()
    asked = created.raw.get("language") if created else ""
    return asked if asked in ("en", "ar") else translation.get_language_from_request(request)
