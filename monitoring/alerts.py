"""Alerts: opened once, when somebody has to do something, and resolved when nobody has to any more.

Here are those about credentials, and what all have in common; beside it are `payment_alerts` and `destination_alerts`.
The floors below decide when somebody must see to something; whether it still has to be seen to is read from the rows
that it is about, so that no way of doing it is forgotten.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from integrations.models import Connection, Credential
from integrations.operations.credential_upkeep import due_credentials, expiring_credentials

from .models import Alert

_SENTENCES = {
    "policy": gettext_noop("The credential {credential} should have been rotated."),
    "expires": gettext_noop("The credential {credential} ends: give it a new value."),
    "failed": gettext_noop("The provider has not renewed the credential {credential}: {error}"),
}


@dataclass(frozen=True)
class Matter:
    """Something that somebody has to see to. `message` is a sentence in English, with places for `values`."""

    organization_id: uuid.UUID
    subject_id: uuid.UUID
    message: str
    connection_id: uuid.UUID | None = None
    values: dict[str, Any] = field(default_factory=dict)


def open_alert(kind: Alert.Kind, matter: Matter) -> bool:
    """Whether it was opened. Nothing is done where it is open already: the index sees to that, whoever else is about to
    open it."""
    alert = Alert(
        organization_id=matter.organization_id,
        connection_id=matter.connection_id,
        kind=kind,
        subject_id=matter.subject_id,
        message=matter.message,
        message_values=matter.values,
    )
    Alert.objects.bulk_create([alert], ignore_conflicts=True)
    return Alert.objects.filter(pk=alert.pk).exists()


def bring_up_to_date(kind: Alert.Kind, matters: Iterable[Matter]) -> tuple[int, int]:
    """Have alerts of `kind` open about just these matters, and say what is so now; returns how many were opened and
    resolved. Safe to repeat."""
    wanted = {matter.subject_id: matter for matter in matters}
    known = {alert.subject_id: alert for alert in Alert.objects.unresolved().filter(kind=kind)}
    resolved = _resolve(Alert.objects.unresolved().filter(pk__in=[known[key].pk for key in known.keys() - wanted]))
    for key in known.keys() & wanted:
        _reword(known[key], wanted[key])
    return sum(open_alert(kind, wanted[key]) for key in wanted if key not in known), resolved


def open_for_credential(sender: object, credential: Credential, reason: str, error: str, **kwargs: object) -> None:
    """Receiver of `credential_due`."""
    _open(credential, reason, error)


def resolve_of_connection(sender: object, connection: Connection, change: str, **kwargs: object) -> None:
    """Receiver of `connection_changed`: whoever has just rotated a credential sees its alert gone."""
    if change in {"credentials", "deactivated", "deleted"}:
        _resolve(_over().filter(connection_id=connection.pk))


def watch_credentials() -> tuple[int, int]:
    """Bring the alerts up to date with the credentials; returns how many were opened and resolved. Safe to repeat."""
    resolved = _resolve(_over())
    known = Alert.objects.unresolved().filter(kind=Alert.Kind.CREDENTIAL_EXPIRING).values("subject_id")
    # What nobody was reminded of yet may still be renewed by its provider.
    missing = [rows.filter(reminded_at__isnull=False).exclude(pk__in=known) for rows in _wanting()]
    opened = [_open(credential, "policy" if credential.is_due else "expires") for credential in chain(*missing)]
    return sum(opened), resolved


def _open(credential: Credential, reason: str, error: str = "") -> bool:
    matter = Matter(
        organization_id=credential.organization_id,
        connection_id=credential.connection_id,
        subject_id=credential.pk,
        message=_SENTENCES[reason],
        values={"credential": str(credential), "error": error},
    )
    return open_alert(Alert.Kind.CREDENTIAL_EXPIRING, matter)


def _reword(alert: Alert, matter: Matter) -> None:
    if (alert.message, alert.message_values) != (matter.message, matter.values):
        alert.message, alert.message_values = matter.message, matter.values
        alert.save(update_fields=["message", "message_values"])


def _wanting() -> tuple[QuerySet[Credential], QuerySet[Credential]]:
    return due_credentials(), expiring_credentials()


def _over() -> QuerySet[Alert]:
    """Those whose credential wants nothing any more."""
    alerts = Alert.objects.unresolved().filter(kind=Alert.Kind.CREDENTIAL_EXPIRING)
    for wanting in _wanting():
        alerts = alerts.exclude(subject_id__in=_ids(wanting))
    return alerts


def _ids(credentials: QuerySet[Credential]) -> QuerySet[Credential, uuid.UUID]:
    return credentials.order_by().values_list("pk", flat=True)


def _resolve(alerts: QuerySet[Alert]) -> int:
    return alerts.update(resolved_at=timezone.now())
