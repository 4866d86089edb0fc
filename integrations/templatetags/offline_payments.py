"""The section of a payment's page for payments that no gateway takes, and for those who may act on them."""

from __future__ import annotations

from typing import Any

from django import template

from ..models import Payment
from ..pages.offline_payments import offline_section

register = template.Library()


@register.simple_tag(takes_context=True)
def offline(context: dict[str, Any], payment: Payment) -> dict[str, Any] | None:
    """None for others' payments, and for people who may only look."""
    may_act = context["request"].user.has_perm("integrations.change_payment")
    return offline_section(payment) if may_act else None
