"""How the pages name what is of webhooks."""

from __future__ import annotations

from django import template

from ..models import WebhookEvent

register = template.Library()


@register.filter
def event_status(status: str) -> str:
    """A state that was kept as its code, in the reader's language."""
    return str(dict(WebhookEvent.Status.choices).get(status, status))
