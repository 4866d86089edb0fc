"""Alerts about webhook destinations that fail, or were switched off because they did."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.db.models import Q
from django.utils.translation import gettext_noop

from webhooks.models import WebhookDestination

from .alerts import Matter, active_rules, bring_up_to_date, by_rule, open_at_once, reword
from .models import Alert

_Reason = WebhookDestination.DisabledReason
_FAILING = gettext_noop("The webhook destination {destination} has failed for days and will be switched off.")
_OFF = {
    _Reason.FAILING: gettext_noop(
        "The webhook destination {destination} was switched off: nothing but failure for days. What is for it is held."
    ),
    _Reason.GONE: gettext_noop(
        "The webhook destination {destination} was switched off: its receiver is gone. What is for it is held."
    ),
}
# Whoever switches one off by hand knows; whoever switches one on again, or deletes it, has seen to it.
_WANTING = Q(is_active=True, warned_at__isnull=False) | Q(is_active=False, disabled_reason__in=_OFF)


def open_for_destination(sender: object, destination: WebhookDestination, **kwargs: object) -> None:
    """Receiver of `destination_failing` and `destination_disabled`. In its newest words."""
    matter = _matter(destination)
    reword(Alert.objects.unresolved().filter(kind=Alert.Kind.WEBHOOK_FAILING, subject_id=destination.pk), matter)
    open_at_once(by_rule(active_rules(Alert.Kind.WEBHOOK_FAILING), [matter]))


def watch_destinations() -> tuple[int, int]:
    """Returns how many alerts were opened and resolved. Safe to repeat."""
    wanting = WebhookDestination.objects.filter(_WANTING, organization__is_active=True)
    rows = wanting.only("organization", "connection", "description", "url", "is_active", "disabled_reason")
    return bring_up_to_date(Alert.Kind.WEBHOOK_FAILING, map(_matter, rows.order_by("pk")))


def _matter(destination: WebhookDestination) -> Matter:
    """Of an address only the host is said: its path or query may hold a secret of the receiver's."""
    return Matter(
        organization_id=destination.organization_id,
        connection_id=destination.connection_id,
        subject_id=destination.pk,
        message=_FAILING if destination.is_active else _OFF[_Reason(destination.disabled_reason)],
        values={"destination": _name(destination)},
    )


def _name(destination: WebhookDestination) -> str:
    return destination.description or urlsplit(destination.url).hostname or str(destination.pk)
