"""What is done to a channel: made, changed, tested, deleted."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from integrations.errors import InvalidRequest
from integrations.models import Organization
from integrations.operations.announce import record_action

from ..models import AlertChannel, AlertNotification
from .courier import Courier, Seen
from .telling import skip

MOST_CHANNELS = 50  # of one organization: each is told of every alert
_CHANGEABLE = frozenset({"name", "url", "is_active"})


def create_channel(organization: Organization, *, name: str, url: str) -> AlertChannel:
    """Raises InvalidRequest, EgressRefused where nothing may go, Unavailable where the name does not resolve."""
    seen = _seen(url)
    channel = AlertChannel(organization=organization, name=_checked_name(name))
    _take(channel, url, seen)
    with transaction.atomic():
        if AlertChannel.objects.filter(organization=organization).count() >= MOST_CHANNELS:
            raise InvalidRequest("An organization has at most {most} channels.", most=MOST_CHANNELS)
        channel.save(force_insert=True)
        record_action("alert_channel.created", channel, {"name": channel.name, "service": channel.service})
    return channel


def update_channel(channel: AlertChannel, **changes: Any) -> AlertChannel:
    """Change any of `name`, `url` and `is_active`. What an inactive one was still to be told is not sent any more."""
    if surplus := changes.keys() - _CHANGEABLE:
        raise InvalidRequest("There is no such field: {name}.", name=min(surplus))
    seen = _seen(changes["url"]) if "url" in changes else None  # a name is looked up: not while a row is locked
    with transaction.atomic():
        locked = _locked(channel)
        told = {name: [getattr(locked, name), value] for name, value in changes.items() if name != "url"}
        if "name" in changes:
            locked.name = _checked_name(changes["name"])
        if seen is not None:
            told["address"] = [locked.shown, seen.shown]
            _take(locked, changes["url"], seen)
        locked.is_active = changes.get("is_active", locked.is_active)
        locked.save()
        if not locked.is_active:
            _forget_unsent(locked)
        record_action("alert_channel.updated", locked, told)
    return locked


def delete_channel(channel: AlertChannel) -> None:
    """What was sent to it stays with the alerts, under the name that it had."""
    with transaction.atomic():
        locked = _locked(channel)
        # With what is just being sent: afterwards it has nobody to be tried again at.
        unsent = AlertNotification.objects.filter(channel=locked, status__in=AlertNotification.OPEN)
        unsent.update(status=AlertNotification.Status.SKIPPED, next_attempt_at=None)
        record_action("alert_channel.deleted", locked, {"name": locked.name})
        locked.delete()


def _seen(url: str) -> Seen:
    with Courier() as courier:
        return courier.inspect(url)


def _take(channel: AlertChannel, url: str, seen: Seen) -> None:
    channel.url = url
    channel.service, channel.shown, channel.error = seen.service, seen.shown[:300], ""


def _checked_name(name: str) -> str:
    if not name.strip() or len(name) > 100:
        raise InvalidRequest("A name has between 1 and 100 characters.", field="name")
    return name.strip()


def _locked(channel: AlertChannel) -> AlertChannel:
    return AlertChannel.objects.select_for_update(no_key=True).get(pk=channel.pk)


def _forget_unsent(channel: AlertChannel) -> None:
    rows = AlertNotification.objects.filter(channel=channel, status__in=AlertNotification.WAITING)
    skip(rows.values_list("pk", flat=True))
