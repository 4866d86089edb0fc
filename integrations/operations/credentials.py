"""A connection's secrets: added, rotated with an overlap, deactivated."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from ..configuration import validate_credential
from ..errors import Conflict, InvalidRequest
from ..models import Connection, Credential
from ..providers.base import Field
from ..providers.registry import get_provider
from .announce import announce, record_action

_MAX_OVERLAP = timedelta(days=30)


def add_credential(
    connection: Connection,
    *,
    key: str,
    value: str,
    expires_at: datetime | None = None,
    rotation_policy: str = "manual",
) -> Credential:
    """Give the connection a credential that it has not. Raises InvalidRequest, or Conflict when it has one."""
    field = validate_credential(get_provider(connection.provider.slug), key=key, value=value)
    if rotation_policy not in Credential.RotationPolicy.values:
        known = ", ".join(Credential.RotationPolicy.values)
        raise InvalidRequest("The rotation policy must be one of {known}.", known=known, field="rotation_policy")
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidRequest("The expiry lies in the past.", field="expires_at")
    with transaction.atomic():
        _lock(connection)
        if Credential.objects.usable().filter(connection=connection, credential_key=key).exists():
            raise Conflict("The connection has an active {key}: rotate it.", key=key, field="credential_key")
        credential = new_credential(connection, field, value)
        credential.expires_at, credential.rotation_policy = expires_at, rotation_policy
        credential.save()
        _tell("credential.added", credential)
    return credential


def rotate_credential(credential: Credential, *, value: str, overlap: timedelta = timedelta(hours=24)) -> Credential:
    """Put a new value in the place of `credential`, which stays valid for `overlap`; returns the new one.

    Raises InvalidRequest, or Conflict when the credential is inactive or was rotated already.
    """
    field = validate_credential(
        get_provider(credential.connection.provider.slug), key=credential.credential_key, value=value
    )
    if not timedelta(0) <= overlap <= _MAX_OVERLAP:
        raise InvalidRequest("The overlap must be between 0 and {days} days.", days=_MAX_OVERLAP.days, field="overlap")
    with transaction.atomic():
        _lock(credential.connection)
        _refuse_unless_newest(credential)
        now = timezone.now()
        fresh = new_credential(credential.connection, field, value)
        fresh.rotation_policy, fresh.last_rotated = credential.rotation_policy, now
        fresh.save()
        _retire(credential, now + overlap, is_active=overlap > timedelta(0))
        _tell("credential.rotated", fresh, replaces=credential.fingerprint)
    return fresh


def deactivate_credential(credential: Credential) -> Credential:
    """Stop using a credential at once. A second time changes nothing."""
    with transaction.atomic():
        active = Credential.objects.filter(pk=credential.pk, is_active=True)
        changed = active.update(is_active=False, updated_at=timezone.now())
        credential.refresh_from_db()
        if changed:
            _tell("credential.deactivated", credential)
    return credential


def new_credential(connection: Connection, field: Field, value: str) -> Credential:
    """An unsaved credential that holds `value` sealed."""
    known = field.credential_type in Credential.Type.values
    credential = Credential(
        organization_id=connection.organization_id,
        connection=connection,
        credential_type=field.credential_type if known else Credential.Type.OTHER,
        credential_key=field.key,
    )
    credential.set_value(value)
    return credential


def _lock(connection: Connection) -> None:
    """Rotations of one connection take turns."""
    Connection.objects.select_for_update().get(pk=connection.pk)


def _refuse_unless_newest(credential: Credential) -> None:
    siblings = Credential.objects.filter(
        connection_id=credential.connection_id, credential_key=credential.credential_key, is_active=True
    )
    newest = siblings.order_by("-created_at", "-id").first()
    if newest is None or newest.pk != credential.pk:
        raise Conflict("This credential is no longer the one in use.")


def _retire(credential: Credential, valid_until: datetime, *, is_active: bool) -> None:
    credential.expires_at = min(valid_until, credential.expires_at or valid_until)
    credential.is_active = is_active
    credential.save(update_fields=["expires_at", "is_active", "updated_at"])


def _tell(action: str, credential: Credential, **changes: str) -> None:
    """By key and fingerprint: the value itself goes nowhere."""
    described = {"credential_key": credential.credential_key, "fingerprint": credential.fingerprint, **changes}
    record_action(action, credential, described)
    announce(credential.connection, "credentials")
