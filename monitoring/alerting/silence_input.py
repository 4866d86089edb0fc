"""What is done to a silence: made, changed, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from integrations.errors import InvalidRequest
from integrations.models import Organization
from integrations.operations.announce import record_action

from ..models import Alert, AlertSilence

MOST_SILENCES = 200
_FIELDS = frozenset(
    {"name", "kind", "connection", "starts_at", "ends_at", "weekdays", "start_time", "end_time", "is_active"}
)


def create_silence(organization: Organization, **settings: Any) -> AlertSilence:
    """Once with `starts_at` and `ends_at`, or every week with `weekdays`, `start_time` and `end_time`.

    Raises InvalidRequest.
    """
    silence = AlertSilence(organization=organization)
    _assign(silence, settings)
    with transaction.atomic():
        if AlertSilence.objects.filter(organization=organization).count() >= MOST_SILENCES:
            raise InvalidRequest("An organization has at most {most} silences.", most=MOST_SILENCES)
        silence.save(force_insert=True)
        record_action("alert_silence.created", silence, _told(settings))
    return silence


def update_silence(silence: AlertSilence, **changes: Any) -> AlertSilence:
    with transaction.atomic():
        locked = AlertSilence.objects.select_for_update(no_key=True).get(pk=silence.pk)
        _assign(locked, changes)
        locked.save()
        record_action("alert_silence.updated", locked, _told(changes))
    return locked


def delete_silence(silence: AlertSilence) -> None:
    with transaction.atomic():
        record_action("alert_silence.deleted", silence, {"name": silence.name})
        silence.delete()


def _assign(silence: AlertSilence, given: Mapping[str, Any]) -> None:
    if surplus := given.keys() - _FIELDS:
        raise InvalidRequest("There is no such field: {name}.", name=min(surplus))
    for name, value in given.items():
        setattr(silence, name, value)
    if not silence.name.strip() or len(silence.name) > 100:
        raise InvalidRequest("A name has between 1 and 100 characters.", field="name")
    if silence.kind and silence.kind not in Alert.Kind.values:
        raise InvalidRequest("There is no such kind of alert.", field="kind")
    if silence.connection is not None and silence.connection.organization_id != silence.organization_id:
        raise InvalidRequest("There is no such connection.", field="connection")
    silence.weekdays = sorted(set(silence.weekdays))
    _check_weekly(silence) if silence.weekdays else _check_once(silence)


def _check_weekly(silence: AlertSilence) -> None:
    if any(not 0 <= day <= 6 for day in silence.weekdays):
        raise InvalidRequest("Weekdays are numbered from 0, Monday, to 6, Sunday.", field="weekdays")
    for name in ("start_time", "end_time"):
        if getattr(silence, name) is None:
            raise InvalidRequest("What is silent every week has a time from which and one until which.", field=name)
    silence.starts_at = silence.ends_at = None


def _check_once(silence: AlertSilence) -> None:
    for name in ("starts_at", "ends_at"):
        if getattr(silence, name) is None:
            raise InvalidRequest("What is silent once has a time from which and one until which.", field=name)
    if silence.starts_at and silence.ends_at and silence.ends_at <= silence.starts_at:
        raise InvalidRequest("The end is after the beginning.", field="ends_at")
    silence.start_time = silence.end_time = None


def _told(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) if name == "connection" else value for name, value in given.items()}
