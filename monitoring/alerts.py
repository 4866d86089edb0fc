"""Alerts: opened once, when somebody has to do something, and resolved when nobody has to any more.

So far they are about credentials. The floor below decides when somebody must see to one and tells by `credential_due`;
whether it still has to be seen to is read from the credentials themselves, so that no way of doing it is forgotten.
"""

from __future__ import annotations

import uuid
from itertools import chain

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
    """Nothing is done where it is open already: the index sees to that, whoever else is about to open it."""
    alert = Alert(
        organization_id=credential.organization_id,
        connection_id=credential.connection_id,
        kind=Alert.Kind.CREDENTIAL_EXPIRING,
        subject_id=credential.pk,
        message=_SENTENCES[reason],
        message_values={"credential": str(credential), "error": error},
    )
    Alert.objects.bulk_create([alert], ignore_conflicts=True)
    return Alert.objects.filter(pk=alert.pk).exists()


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
