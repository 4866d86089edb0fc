"""What a payer sees on the way back from a gateway: nothing, if all is decided and the shop has a page of its own."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from ..models import Payment, PaymentOperation
from ..operations.payment_instructions import instructions_of
from ..operations.payment_pages import is_undecided, onward_address, verify_return
from ..tenancy import acting_as_service

_TRIES = 10
_SECONDS_APART = 3
_LANGUAGES = ("en", "ar")


@csrf_exempt  # some gateways send the payer by a form; nothing that it holds is looked at
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def come_back(request: HttpRequest, payment_id: uuid.UUID, *, gave_up: bool = False) -> HttpResponse:
    with acting_as_service():  # a payer is nobody's member, and whoever is signed in here may be another's
        payment = Payment.objects.select_related("connection__provider", "organization").filter(pk=payment_id).first()
        if payment is None:
            return not_found(request)
        payment = verify_return(payment)
        onward = onward_address(payment, gave_up=gave_up)
        tries = _tries(request)
        waits = is_undecided(payment) and not gave_up and tries < _TRIES
        if onward and not waits:
            return without_referrer(redirect(onward))
        language = language_of(request, payment)
        if waits and instructions_of(payment):  # nobody takes the money but the shop, and it takes longer than a moment
            return without_referrer(redirect(f"{reverse('payer-instructions', args=[payment.pk])}?language={language}"))
        with translation.override(language):
            context = {
                "payment": payment,
                "shop": payment.organization.name,
                "state": _state(payment, gave_up=gave_up, waits=waits),
                "again": f"?tries={tries + 1}&language={language}" if waits else "",
                "seconds": _SECONDS_APART,
                "kept": f"tries={tries}&" if tries else "",
                "other_language": other_language(),
                "onward": onward,
            }
            return without_referrer(render(request, "payer/return.html", context))


@csrf_exempt
@never_cache
def not_found(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """Whoever comes here wants to pay, or has paid: they are no user of ours, and are not shown the way in."""
    wanted = request.GET.get("language")
    with translation.override(wanted if wanted in _LANGUAGES else translation.get_language_from_request(request)):
        context = {"state": "given_up", "other_language": other_language()}
        return without_referrer(render(request, "payer/not_found.html", context, status=404))


def without_referrer(response: HttpResponse) -> HttpResponse:
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _tries(request: HttpRequest) -> int:
    given = request.GET.get("tries", "")
    return int(given) if given.isdecimal() and len(given) < 4 else 0


def _state(payment: Payment, *, waits: bool, gave_up: bool) -> str:
    """What may be said of it: that nothing was charged only where that is certain."""
    if waits:
        return "waiting"
    if is_undecided(payment):
        has_not_paid = gave_up and payment.status == Payment.Status.REQUIRES_ACTION
        return "given_up" if has_not_paid else "undecided"
    if payment.status in (Payment.Status.FAILED, Payment.Status.CANCELLED):
        return "undecided" if payment.difference else "lost"
    return "refunded" if payment.status == Payment.Status.REFUNDED else "paid"


def other_language() -> str:
    return "en" if translation.get_language() == "ar" else "ar"


def language_of(request: HttpRequest, payment: Payment) -> str:
    """The one asked for (`?language=ar`), else the order's, else the browser's."""
    if (wanted := request.GET.get("language")) in _LANGUAGES:
        return str(wanted)
    created = payment.operations.filter(kind=PaymentOperation.Kind.CREATE).first()
    asked = created.raw.get("language") if created else ""
    return asked if asked in _LANGUAGES else translation.get_language_from_request(request)
