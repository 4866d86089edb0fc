"""How routing's reasons are told."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext as _

from ..operations.routing_trial import Misfit

register = template.Library()


@register.filter
def placed_by(reason: str) -> str:
    """What decides a connection's place."""
    names = {
        "only": _("the only one"),
        "rule": _("by rule"),
        "primary": _("by being primary or not"),
        "health": _("by health"),
        "success_rate": _("by success rate"),
        "fee": _("by fee"),
        "age": _("alike, by age"),
    }
    return names[reason]


@register.filter
def why_not(misfit: Misfit) -> str:
    """Why a connection would not even be tried."""
    connection = misfit.connection
    names = {
        "connection": _("Its provider takes no payments here."),
        "capture": _("It cannot capture later."),
        "currency": _("It does not take this currency."),
        "country": _("It does not serve this country."),
        "method": _("It does not offer this method."),
        "unasked": _("It has to be asked for: by method, by a rule, or as the primary."),
        "environment": _("Another environment is in use."),
        "status": _("It is not active: %(status)s.") % {"status": connection.get_status_display()},
    }
    return names[misfit.part]
