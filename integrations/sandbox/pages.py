"""The hosted payment page, on which a person pays or declines. Whoever has its unguessable address may."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from ..models.sandbox import SandboxPayment
from ..tenancy import acting_as_service
from . import payments
from .marked_amounts import FAILURES
from .refusals import Refusal

CHOICES = {"pay": payments.pay, "decline": payments.decline}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def pay(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    """Acts as the service, even where a person is signed in: a payer belongs to no organization."""
    with acting_as_service():
        payment = get_object_or_404(SandboxPayment, id=payment_id)
        if request.method == "POST":
            return _choose(payment, request.POST.get("choice", ""))
    context = {
        "payment": payment,
        "amount": payments.plain(payment.amount, payment.currency),
        "awaits_payer": payment.status == SandboxPayment.Status.AWAITING_PAYER,
        "failure": FAILURES.get(payment.failure_code, ""),
        "way_back": _way_back(payment),
    }
    return render(request, "sandbox/pay.html", context)


def _choose(payment: SandboxPayment, choice: str) -> HttpResponse:
    """Do it, and lead the payer back to the merchant; one who comes late or chose nothing sees the page again."""
    if choice not in CHOICES:
        return redirect("sandbox:pay", payment.id)
    try:
        payment = CHOICES[choice](payment.id)
    except Refusal:
        return redirect("sandbox:pay", payment.id)
    return redirect(_way_back(payment) or reverse("sandbox:pay", args=[payment.id]))


def _way_back(payment: SandboxPayment) -> str:
    """Only ever http or https: checked when the payment was made."""
    is_refused = payment.status in (SandboxPayment.Status.FAILED, SandboxPayment.Status.CANCELLED)
    return payment.cancel_url if is_refused else payment.success_url
