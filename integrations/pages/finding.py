"""Rows by what an address names: those of the organization that the request works for, and nobody else's."""

from __future__ import annotations

import uuid

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from ..models import Connection, IntegrationProvider, Payment
from .rendering import current_organization


def find_payment(request: HttpRequest, payment_id: uuid.UUID) -> Payment:
    payments = Payment.objects.filter(organization=current_organization(request))
    return get_object_or_404(payments.select_related("connection__provider"), pk=payment_id)


def find_gateway(request: HttpRequest, connection_id: uuid.UUID) -> Connection:
    """A payment connection."""
    gateways = Connection.objects.filter(
        organization=current_organization(request), provider_type=IntegrationProvider.Type.PAYMENT
    )
    return get_object_or_404(gateways.select_related("provider"), pk=connection_id)
