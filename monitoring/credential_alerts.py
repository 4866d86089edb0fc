"""Alerts about credentials: due by their policy, about to end (30, 7 and 1 days ahead), or not renewed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext_noop

from integrations.models import Connection, Credential
from integrations.operations.credential_upkeep import EXPIRING_WITHIN, due_credentials, expiring_credentials

from .alerts import Found, Matter, active_rules, by_rule, open_at_once, resolve, settle
from .models import Alert, AlertRule

NEARER_DAYS = (7, 1)  # told again then, whoever has acknowledged it before

_KIND = Alert.Kind.CREDENTIAL_EXPIRING
_SENTENCES = {
    "policy": gettext_noop("The credential {credential} should have been rotated."),
    "expires": gettext_noop("The credential {credential} ends: give it a new value."),
    "failed": gettext_noop("The provider has not renewed the credential {credential}: {error}"),
}


def open_for_credential(sender: object, credential: Credential, reason: str, error: str, **kwargs: object) -> None:
    """Receiver of `credential_due`."""
    open_at_once(_fitting(active_rules(_KIND), credential, reason, error))


def resolve_of_connection(sender: object, connection: Connection, change: str, **kwargs: object) -> None:
    """Receiver of `connection_changed`: whoever has just rotated a credential sees its alert gone."""
    if change in {"credentials", "deactivated", "deleted"}:
        alerts = Alert.objects.unresolved().filter(kind=_KIND, connection_id=connection.pk)
        for wanting in (due_credentials(), expiring_credentials()):
            alerts = alerts.exclude(subject_id__in=wanting.order_by().values_list("pk", flat=True))
        resolve(alerts.values_list("pk", flat=True))


def watch_credentials() -> tuple[int, int]:
    """Returns how many alerts were opened and resolved. Safe to repeat."""
    return settle(_KIND, _found())


def _found() -> Iterator[Found]:
    rules = active_rules(_KIND)
    due = {credential.pk: credential for credential in due_credentials()}
    for credential in due.values():
        yield from _fitting(rules, credential, "policy")
    for credential in expiring_credentials():
        if credential.pk not in due:
            yield from _fitting(rules, credential, "expires")


def _fitting(rules: list[AlertRule], credential: Credential, reason: str, error: str = "") -> Iterator[Found]:
    """What its policy wants is due at once; what ends, by the days ahead that a rule names."""
    matter = Matter(
        organization_id=credential.organization_id,
        connection_id=credential.connection_id,
        subject_id=credential.pk,
        message=_SENTENCES[reason],
        values={"credential": str(credential), "error": error},
        stage=1 + sum(_ends_within(credential, days) for days in NEARER_DAYS),
        # What nobody was reminded of yet may still be renewed by its provider.
        opens=credential.reminded_at is not None,
        keeps_words=True,
    )
    for rule, one in by_rule(rules, [matter]):
        if reason != "expires" or _ends_within(credential, rule.threshold or EXPIRING_WITHIN.days):
            yield rule, one


def _ends_within(credential: Credential, days: Decimal | int) -> bool:
    return credential.expires_at is not None and credential.expires_at <= timezone.now() + timedelta(days=float(days))
