"""What time does to credentials: policies come due, values expire, replaced ones end after their overlap."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from .. import signals
from ..errors import Conflict, IntegrationError
from ..models import Connection, Credential
from ..providers.registry import get_provider
from ..tenancy import acting_for
from .announce import record_action
from .credentials import end_replaced, renew_credential

logger = logging.getLogger(__name__)
EXPIRING_WITHIN = timedelta(days=30)


def due_credentials() -> QuerySet[Credential]:
    """In use on active connections, and older than their policy allows."""
    return _of_active_connections(Credential.objects.due())


def expiring_credentials() -> QuerySet[Credential]:
    """In use on active connections, and about to expire, or expired with nothing in their place."""
    return _of_active_connections(Credential.objects.in_use().filter(expires_at__lte=timezone.now() + EXPIRING_WITHIN))


def look_after_credentials() -> Counter[str]:
    """Renew what is due where the provider's API can, remind people of the rest, end what was replaced.

    Counts renewed, reminded, failed, ended. Safe to repeat, and to run twice at once.
    """
    done: Counter[str] = Counter()
    for credential in due_credentials():
        with acting_for(credential.organization_id):
            done[_renew_or_remind(credential)] += 1
    for credential in expiring_credentials():
        with acting_for(credential.organization_id):
            done["reminded"] += _remind(credential, "expires")
    over = Credential.objects.replaced().filter(expires_at__lte=timezone.now())
    for credential in over.select_related("connection__provider", "connection__organization"):
        with acting_for(credential.organization_id):
            done[_end(credential)] += 1
    del done[""]
    return +done


def _renew_or_remind(credential: Credential) -> str:
    provider = get_provider(credential.connection.provider.slug)
    if credential.credential_key not in provider.issues_credentials:
        return "reminded" if _remind(credential, "policy") else ""
    try:
        renew_credential(credential)
    except Conflict:
        return ""  # somebody else has just done it
    except IntegrationError as error:
        _remind(credential, "failed", error.message)
        return "failed"
    return "renewed"


def _remind(credential: Credential, reason: str, error: str = "") -> bool:
    """Once a credential, whoever finds it first."""
    first = Credential.objects.filter(pk=credential.pk, reminded_at=None).update(reminded_at=timezone.now())
    if first:
        what = {"credential_key": credential.credential_key, "fingerprint": credential.fingerprint, "reason": reason}
        record_action("credential.due", credential, what)
        signals.credential_due.send_robust(sender=Credential, credential=credential, reason=reason, error=error)
    return bool(first)


def _end(credential: Credential) -> str:
    try:
        end_replaced(credential)
    except IntegrationError as error:
        logger.warning(
            "The replaced credential %s of connection %s is not revoked yet: %s",
            credential.fingerprint,
            credential.connection_id,
            error.code,
        )
        return "failed"
    return "ended"


def _of_active_connections(credentials: QuerySet[Credential]) -> QuerySet[Credential]:
    active = credentials.filter(connection__status=Connection.Status.ACTIVE, organization__is_active=True)
    return active.select_related("connection__provider", "connection__organization").order_by("organization", "id")
