"""How the pages name what is of webhooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from babel.units import format_unit
from django import template
from django.utils.translation import get_language, pgettext

from integrations.models.catalogue import IntegrationProvider
from integrations.providers.base import Provider
from integrations.templatetags.hub import babel_locale

from ..models import WebhookEvent

register = template.Library()

_UNITS = (("hour", 3_600), ("minute", 60), ("second", 1))  # of days the library has no word in Arabic


@register.filter
def event_status(status: str) -> str:
    """A state that was kept as its code, in the reader's language."""
    return str(dict(WebhookEvent.Status.choices).get(status, status))


@register.filter
def secret_help(provider: Provider) -> str:
    """Where the signing secret is found, or goes, in the reader's language."""
    return (provider.webhook_secret_help_ar if get_language() == "ar" else "") or provider.webhook_secret_help


@register.filter
def kinds(provider_types: Sequence[str]) -> str:
    """Types of provider that were kept as their codes, in the reader's language."""
    labels = dict(IntegrationProvider.Type.choices)
    return _listed(str(labels.get(kind, kind)) for kind in provider_types)


@register.filter
def pauses(schedule: Sequence[int]) -> str:
    """Pauses in seconds, each in the largest unit that tells it exactly: `5 seconds, 5 minutes, 2 hours`."""
    return _listed(_pause(seconds) for seconds in schedule)


def _listed(words: Iterable[str]) -> str:
    return pgettext("between items", ", ").join(words) or "–"


def _pause(seconds: int) -> str:
    unit, size = next((unit, size) for unit, size in _UNITS if seconds % size == 0)
    return format_unit(seconds // size, f"duration-{unit}", length="long", locale=babel_locale())
