"""A connection's secrets: added, rotated with an overlap, deactivated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from .. import signals
from ..configuration import validate_credential
from ..errors import AuthenticationFailed, Conflict, InvalidRequest, NotSupported
from ..gateway import client_for
from ..models import Connection, Credential
from ..providers.base import Field
from ..providers.registry import get_provider
from .announce import announce, record_action
from .connection_test import probe

OVERLAP = timedelta(hours=24)
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
    provider, environment = get_provider(connection.provider.slug), connection.environment
    field = validate_credential(provider, environment=environment, key=key, value=value)
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
        _put_in_use(credential, None)
        _tell("credential.added", credential)
    return credential


def rotate_credential(
    credential: Credential, *, value: str, overlap: timedelta = OVERLAP, untested: bool = False
) -> Credential:
    """Put a new value in the place of `credential`: `rotate_credentials` for one. Returns the new one.

    Raises Conflict when it is inactive or was rotated already.
    """
    _refuse_unless_newest(credential)
    rotated = rotate_credentials(
        credential.connection, {credential.credential_key: value}, overlap=overlap, untested=untested
    )
    return rotated[0]


def rotate_credentials(
    connection: Connection, values: Mapping[str, str], *, overlap: timedelta = OVERLAP, untested: bool = False
) -> list[Credential]:
    """Put new values, by key, in the place of those in use: together, as a user name and its password belong together.

    The provider is first called with the new ones. When it refuses them, or cannot be asked, nothing changes and that
    failure is raised; `untested` saves them all the same. The old ones stay valid for `overlap`. Raises InvalidRequest,
    and Conflict when somebody else has rotated one of them meanwhile.
    """
    provider, environment = get_provider(connection.provider.slug), connection.environment
    fields = {
        key: validate_credential(provider, environment=environment, key=key, value=value)
        for key, value in values.items()
    }
    if not fields:
        raise InvalidRequest("A rotation needs at least one new value.", field="values")
    if not timedelta(0) <= overlap <= _MAX_OVERLAP:
        raise InvalidRequest("The overlap must be between 0 and {days} days.", days=_MAX_OVERLAP.days, field="overlap")
    replaced = _in_use(connection, fields)
    fresh = {key: new_credential(connection, field, values[key]) for key, field in fields.items()}
    # A signing secret takes no part in our own calls: there is nothing to try it with.
    tried = {key: one for key, one in fresh.items() if one.credential_type != Credential.Type.WEBHOOK_SECRET}
    if tried and not untested:
        outcome = probe(connection, provider, instead=tried)
        if outcome.error is not None:
            raise outcome.error
    with transaction.atomic():
        _lock(connection)
        now = timezone.now()
        for key, credential in fresh.items():
            _refuse_unless_newest(replaced[key])
            credential.rotation_policy, credential.last_rotated = replaced[key].rotation_policy, now
            credential.save()
            _retire(replaced[key], now + overlap, is_active=overlap > timedelta(0))
        for key, credential in fresh.items():
            _put_in_use(credential, replaced[key])
        for key, credential in fresh.items():
            is_tested = key in tried and not untested
            _tell("credential.rotated", credential, replaces=replaced[key].fingerprint, tested=is_tested)
    return list(fresh.values())


def renew_credential(credential: Credential) -> Credential:
    """Rotate with a value that the provider's own API issues. Raises NotSupported where it issues none.

    A second time, after an interruption, the provider is asked under the same idempotency key and gives the same value.
    """
    connection, key = credential.connection, credential.credential_key
    provider = get_provider(connection.provider.slug)
    if key not in provider.issues_credentials:
        raise NotSupported("{provider} issues credentials in its dashboard.", provider=provider.name)
    _refuse_unless_newest(credential)
    client = client_for(connection, operation="issue_credential", any_status=True)
    value = provider.issue_credential(client, key, idempotency_key=f"renew-{credential.pk}")
    fresh = rotate_credential(credential, value=value)
    Credential.objects.filter(pk=credential.pk).update(revoke_at_end=True)
    return fresh


def end_replaced(credential: Credential) -> None:
    """After the overlap: the old value is used no more; one that the provider's API has replaced is revoked there, too.

    Raises what the provider makes of it; the credential is then left to be ended later.
    """
    connection, key = credential.connection, credential.credential_key
    if credential.revoke_at_end:
        provider = get_provider(connection.provider.slug)
        client = client_for(connection, operation="revoke_credential", any_status=True, instead={key: credential})
        # One that does not authenticate any more was revoked before.
        with suppress(AuthenticationFailed):
            provider.revoke_credential(client, key)
    deactivate_credential(credential)


def deactivate_credential(credential: Credential) -> Credential:
    """Stop using a credential at once. A second time changes nothing."""
    with transaction.atomic():
        active = Credential.objects.filter(pk=credential.pk, is_active=True)
        changed = active.update(is_active=False, updated_at=timezone.now())
        credential.refresh_from_db()
        if changed:
            signals.credential_deactivated.send(sender=Credential, credential=credential)
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
    """Rotations of one connection take turns. Whoever adds rows that refer to it does not wait for them."""
    Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)


def _in_use(connection: Connection, keys: Iterable[str]) -> dict[str, Credential]:
    found = {one.credential_key: one for one in Credential.objects.in_use().filter(connection=connection)}
    for key in keys:
        if key not in found:
            raise InvalidRequest("The connection has no active {key}: add it.", key=key, field=key)
        found[key].connection = connection
    return found


def _refuse_unless_newest(credential: Credential) -> None:
    siblings = Credential.objects.filter(
        connection_id=credential.connection_id, credential_key=credential.credential_key, is_active=True
    )
    newest = siblings.order_by("-id").first()
    if newest is None or newest.pk != credential.pk:
        raise Conflict("This credential is no longer the one in use.")


def _retire(credential: Credential, valid_until: datetime, *, is_active: bool) -> None:
    credential.expires_at = min(valid_until, credential.expires_at or valid_until)
    credential.is_active = is_active
    credential.save(update_fields=["expires_at", "is_active", "updated_at"])


def _put_in_use(credential: Credential, replaced: Credential | None) -> None:
    """Before anything is written in the audit log: what hangs on the credential changes its rows by this."""
    signals.credential_in_use.send(sender=Credential, credential=credential, replaced=replaced)


def _tell(action: str, credential: Credential, **changes: str | bool) -> None:
    """By key and fingerprint: the value itself goes nowhere."""
    described = {"credential_key": credential.credential_key, "fingerprint": credential.fingerprint, **changes}
    record_action(action, credential, described)
    announce(credential.connection, "credentials")
