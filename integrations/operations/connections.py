"""Connections: made, tested, activated, changed, deactivated and deleted.

pending ──activate──▶ testing ──▶ active ──deactivate──▶ inactive ──activate──▶ testing …
                         └──────▶ error  ──activate──▶ testing …

The watch stops an active connection whose credentials are refused, and opens it again (`connection_health`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from .. import circuit
from ..errors import Conflict, InvalidRequest
from ..models import Connection, Credential, Organization, PaymentSettings, RateLimit, User
from ..providers.base import PaymentProvider, Provider, ProviderType
from .announce import announce, record_action
from .connection_input import checked, checked_changes, checked_name, checked_region, offered, provider_of
from .connection_test import ConnectionTest, probe
from .credentials import new_credential
from .locks import lock_until_commit

__all__ = [
    "ConnectionTest",
    "activate_connection",
    "create_and_activate",
    "create_connection",
    "deactivate_connection",
    "delete_connection",
    "provider_of",
    "reset_circuit",
    "test_candidate",
    "test_connection",
    "update_connection",
]

_CHANGEABLE = frozenset({"connection_name", "configuration", "is_primary", "region", "price_per_call_aed"})


def create_connection(
    organization: Organization,
    *,
    provider_slug: str,
    connection_name: str,
    environment: str,
    configuration: Mapping[str, Any],
    credentials: Mapping[str, str],
    is_primary: bool = False,
    region: str = "",
    created_by: User | None = None,
) -> Connection:
    """Make a connection, still pending, with its credentials, its settings and the provider's documented rate limits.

    A new primary takes the place of the one before. Raises InvalidRequest, and then nothing is written.
    """
    row, provider = offered(organization, provider_slug)
    configuration, credentials = checked(provider, environment, configuration, credentials)
    connection = Connection(
        organization=organization,
        provider=row,
        provider_type=row.provider_type,
        connection_name=checked_name(connection_name),
        environment=environment,
        configuration=configuration,
        is_primary=is_primary,
        region=checked_region(region),
        created_by=created_by,
    )
    with transaction.atomic():
        demoted = _demote_others(connection) if is_primary else []
        connection.save()
        stored = _furnish(connection, provider, credentials)
        changes = {"provider": provider_slug, "environment": environment, "credentials": stored}
        record_action("connection.created", connection, changes)
        _tell_demoted(demoted)
        announce(connection, "created")
    return connection


def update_connection(connection: Connection, **changes: Any) -> Connection:
    """Change the name, the configuration (whole), the region, the price per call, or whether it is the primary one.

    Raises InvalidRequest for anything else: provider and environment stay, credentials are added and rotated.
    """
    if surplus := sorted(changes.keys() - _CHANGEABLE):
        raise InvalidRequest("A connection's {surplus} cannot be changed.", surplus=surplus[0], field=surplus[0])
    changes = checked_changes(connection, changes)
    with transaction.atomic():
        demoted = _demote_others(connection) if changes.get("is_primary") else []
        locked = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        before = {name: getattr(locked, name) for name in changes}
        changed = {name: [before[name], value] for name, value in changes.items() if before[name] != value}
        if changed:
            Connection.objects.filter(pk=locked.pk).update(**changes, updated_at=timezone.now())
            connection.refresh_from_db()
            record_action("connection.updated", connection, changed)
            announce(connection, "updated")
        _tell_demoted(demoted)
    return connection


def test_connection(connection: Connection) -> ConnectionTest:
    """Make the provider's cheapest authenticated call, whatever the connection's status, and change nothing.

    Never raises for what the provider or the configuration does wrong: the answer says it.
    """
    outcome = probe(connection, provider_of(connection))
    announce(connection, "tested")
    return outcome


def activate_connection(connection: Connection) -> Connection:
    """Test the connection and open it to traffic. One that is active already is left as it is.

    When the test fails the connection's status is `error`, and the test's error is raised.
    """
    if not _begin_testing(connection):
        return connection
    outcome = probe(connection, provider_of(connection))
    status = Connection.Status.ACTIVE if outcome.ok else Connection.Status.ERROR
    with transaction.atomic():
        changes: dict[str, Any] = {"status": status, "error_message": "" if outcome.ok else outcome.message}
        if outcome.ok:
            changes |= {"connected_at": timezone.now(), "disconnected_at": None}
        # Whoever deactivated it while it was tested has the last word.
        testing = Connection.objects.filter(pk=connection.pk, status=Connection.Status.TESTING)
        if not testing.update(**changes, updated_at=timezone.now()):
            raise Conflict("The connection was changed while it was tested.")
        connection.refresh_from_db()
        record_action(
            "connection.activated" if outcome.ok else "connection.test_failed", connection, {"status": status}
        )
        announce(connection, "activated" if outcome.ok else "tested")
    if outcome.error is not None:
        raise outcome.error
    return connection


def deactivate_connection(connection: Connection, *, reason: str = "") -> Connection:
    """Close the connection to traffic at once; `reason` is shown with it. A second time changes nothing."""
    with transaction.atomic():
        open_one = Connection.objects.filter(pk=connection.pk).exclude(status=Connection.Status.INACTIVE)
        now = timezone.now()
        changed = open_one.update(
            status=Connection.Status.INACTIVE,
            is_stopped_by_health=False,
            error_message=reason,
            disconnected_at=now,
            updated_at=now,
        )
        connection.refresh_from_db()
        if changed:
            record_action("connection.deactivated", connection, {"reason": reason})
            announce(connection, "deactivated")
    return connection


def reset_circuit(connection: Connection) -> Connection:
    """Let calls through at once, whatever the provider has failed or asked for before."""
    record_action("connection.circuit_reset", connection)
    circuit.reset(connection)
    return connection


def delete_connection(connection: Connection) -> None:
    """Remove the connection and its credentials. Raises Conflict when payments were made through it."""
    with transaction.atomic():
        key = connection.pk
        try:
            connection.delete()
        except ProtectedError as error:
            raise Conflict(
                "Payments were made through this connection: deactivate it instead of deleting it."
            ) from error
        connection.pk = key
        record_action("connection.deleted", connection, {"connection_name": connection.connection_name})
        announce(connection, "deleted")


def create_and_activate(organization: Organization, **options: Any) -> Connection:
    """What the set-up wizard does: `create_connection` with the same arguments, then a live test.

    When the test fails nothing stays behind, and the test's error is raised.
    """
    connection = create_connection(organization, **options)
    try:
        return activate_connection(connection)
    except Exception:
        delete_connection(connection)
        raise


def test_candidate(
    organization: Organization,
    provider_slug: str,
    environment: str,
    configuration: Mapping[str, Any],
    credentials: Mapping[str, str],
) -> ConnectionTest:
    """Test what is not saved yet. A row is there while the test lasts, and gone after it.

    Raises InvalidRequest when it could not be saved either; a provider's failure is in the answer.
    """
    row, provider = offered(organization, provider_slug)
    configuration, credentials = checked(provider, environment, configuration, credentials)
    candidate = Connection(
        organization=organization,
        provider=row,
        provider_type=row.provider_type,
        connection_name="—",
        status=Connection.Status.TESTING,
        environment=environment,
        configuration=configuration,
    )
    with transaction.atomic():
        candidate.save()
        _furnish(candidate, provider, credentials)
    try:
        return probe(candidate, provider)
    finally:
        candidate.delete()


def _begin_testing(connection: Connection) -> bool:
    """Set the status to testing; False when the connection is active already."""
    inactive = Connection.objects.filter(pk=connection.pk).exclude(status=Connection.Status.ACTIVE)
    with transaction.atomic(durable=True):
        began = inactive.update(status=Connection.Status.TESTING, is_stopped_by_health=False, updated_at=timezone.now())
    connection.refresh_from_db()
    return bool(began)


def _demote_others(connection: Connection) -> list[Connection]:
    """Two that become primary at once take turns: the constraint allows one, and the later stays."""
    lock_until_commit("primary", connection.organization_id, connection.provider_type, connection.environment)
    others = Connection.objects.filter(
        organization_id=connection.organization_id,
        provider_type=connection.provider_type,
        environment=connection.environment,
        is_primary=True,
    ).exclude(pk=connection.pk)
    demoted = list(others)
    for other in demoted:
        Connection.objects.filter(pk=other.pk).update(is_primary=False, updated_at=timezone.now())
        other.is_primary = False
    return demoted


def _tell_demoted(demoted: Sequence[Connection]) -> None:
    for other in demoted:
        record_action("connection.updated", other, {"is_primary": [True, False]})
        announce(other, "updated")


def _furnish(connection: Connection, provider: Provider, credentials: Mapping[str, str]) -> dict[str, str]:
    """Write what hangs on a new connection; returns the credentials' fingerprints by key."""
    fields = {field.key: field for field in provider.credentials}
    stored = [new_credential(connection, fields[key], value) for key, value in credentials.items()]
    Credential.objects.bulk_create(stored)
    RateLimit.objects.bulk_create(
        RateLimit(
            organization_id=connection.organization_id,
            connection=connection,
            limit_type=window,
            max_requests=limit,
            is_documented=True,
        )
        for window, limit in provider.rate_limits.items()
    )
    if provider.type == ProviderType.PAYMENT:
        _payment_settings(connection, provider).save()
    return {credential.credential_key: credential.fingerprint for credential in stored}


def _payment_settings(connection: Connection, provider: Provider) -> PaymentSettings:
    methods = sorted(provider.payment_capabilities) if isinstance(provider, PaymentProvider) else []
    settings = PaymentSettings(
        organization_id=connection.organization_id,
        connection=connection,
        provider_name=provider.name,
        supported_payment_methods=methods,
        is_test_mode=not connection.is_live,
    )
    if provider.currencies:
        settings.supported_currencies = list(provider.currencies)
    return settings
