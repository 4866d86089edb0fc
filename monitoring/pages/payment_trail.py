"""What happened to a payment, for its page: a fragment that the page of the floor below fetches."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from integrations.bounded import TookTooLong, reading_within
from integrations.models import Payment
from integrations.pages.rendering import current_organization, page, piece_of, staff_page

from ..payment_trail import Trail, trail_of

_SECONDS = 5.0


@require_safe
@staff_page("integrations.view_payment")
@piece_of("payment", anchor="payment-trail")
def payment_trail(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    """Calls, events and who did what, as far as the reader may see them."""
    payments = Payment.objects.filter(organization=current_organization(request))
    payment = get_object_or_404(payments.defer("client_secret"), pk=payment_id)
    may_see = request.user.has_perm
    try:
        with reading_within(_SECONDS):
            trail = trail_of(
                payment,
                calls=may_see("monitoring.view_calllog"),
                events=may_see("webhooks.view_webhookevent"),
                actors=may_see("monitoring.view_auditlog"),
            )
        took_too_long = False
    except TookTooLong:
        trail, took_too_long = Trail([], is_cut=False), True
    context = {"payment": payment, "trail": trail, "took_too_long": took_too_long}
    return page(request, "monitoring/_payment_trail.html", context)
