"""Maintenance windows: times in which failures are expected. Checks go on and are noted as such; nobody is alarmed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from integrations.errors import Conflict, InvalidRequest
from integrations.models import Connection, IntegrationProvider, Organization, User
from integrations.operations.announce import record_action

from .models import MaintenanceWindow

LONGEST = timedelta(days=31)
_PARTS = frozenset({"starts_at", "ends_at", "reason"})


def is_in_maintenance(connection: Connection, moment: datetime | None = None) -> bool:
    """Whether failures of the connection are expected at that time, now by default."""
    return bool(in_maintenance([connection], moment or timezone.now()))


def in_maintenance(connections: Sequence[Connection], moment: datetime) -> set[uuid.UUID]:
    """The connections whose failures are expected at that time; one statement for all of them."""
    organizations = {one.organization_id for one in connections}
    open_ones = MaintenanceWindow.objects.filter(organization__in=organizations).filter(_over(moment)).order_by()
    scopes = set(open_ones.values_list("organization_id", "connection_id", "provider_id"))
    return {one.pk for one in connections if scopes.intersection(_scopes_of(one))} if scopes else set()


def schedule_window(
    organization: Organization,
    *,
    starts_at: datetime,
    ends_at: datetime,
    reason: str,
    connection: Connection | None = None,
    provider: IntegrationProvider | None = None,
    created_by: User | None = None,
) -> MaintenanceWindow:
    """Announce work on one connection, on all to a provider, or, with neither, on all. Raises InvalidRequest."""
    if connection is not None and provider is not None:
        raise InvalidRequest("A window is of one connection or of one provider, not of both.", field="provider")
    if connection is not None and connection.organization_id != organization.pk:
        raise InvalidRequest("There is no such connection.", field="connection")
    if provider is not None and not _uses(organization, provider):
        raise InvalidRequest("The organization has no connection to this provider.", field="provider")
    if ends_at <= timezone.now():
        raise InvalidRequest("The window would be over already.", field="ends_at")
    window = MaintenanceWindow(
        organization=organization,
        connection=connection,
        provider=provider,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason,
        created_by=created_by,
    )
    _check(window)
    with transaction.atomic():
        window.save(force_insert=True)
        record_action("maintenance_window.created", window, _told(window))
    return window


def change_window(window: MaintenanceWindow, **changes: Any) -> MaintenanceWindow:
    """Change `starts_at`, `ends_at` or `reason` of a window that is not over. Raises InvalidRequest, Conflict."""
    if surplus := sorted(changes.keys() - _PARTS):
        raise InvalidRequest("A window's {part} cannot be changed.", part=surplus[0], field=surplus[0])
    with transaction.atomic():
        locked = MaintenanceWindow.objects.select_for_update(of=("self",)).get(pk=window.pk)
        if locked.ends_at <= timezone.now():
            raise Conflict("The window is over.")
        before = _told(locked)
        for name, value in changes.items():
            setattr(locked, name, value)
        _check(locked)
        if changed := {name: [before[name], value] for name, value in _told(locked).items() if before[name] != value}:
            locked.save(update_fields=[*changed, "updated_at"])
            record_action("maintenance_window.updated", locked, changed)
    return locked


def end_window(window: MaintenanceWindow) -> None:
    """End it now; one that has not begun is taken back altogether. A second time changes nothing."""
    now = timezone.now()
    with transaction.atomic():
        locked = MaintenanceWindow.objects.select_for_update(of=("self",)).filter(pk=window.pk).first()
        if locked is None or locked.ends_at <= now:
            return
        if locked.starts_at >= now:
            MaintenanceWindow.objects.filter(pk=locked.pk).delete()
            record_action("maintenance_window.cancelled", window, _told(locked))
            return
        locked.ends_at = window.ends_at = now
        locked.save(update_fields=["ends_at", "updated_at"])
        record_action("maintenance_window.ended", locked, {"ends_at": now})


def _over(moment: datetime) -> Q:
    return Q(starts_at__lte=moment, ends_at__gt=moment)


def _scopes_of(connection: Connection) -> set[tuple[uuid.UUID, uuid.UUID | None, uuid.UUID | None]]:
    organization = connection.organization_id
    own, providers = (organization, connection.pk, None), (organization, None, connection.provider_id)
    return {own, providers, (organization, None, None)}


def _uses(organization: Organization, provider: IntegrationProvider) -> bool:
    return Connection.objects.filter(organization=organization, provider=provider).exists()


def _check(window: MaintenanceWindow) -> None:
    window.reason = (window.reason or "").strip()
    if not 0 < len(window.reason) <= 200:
        raise InvalidRequest("A window needs a reason of at most 200 characters.", field="reason")
    if window.ends_at <= window.starts_at:
        raise InvalidRequest("A window ends after it has begun.", field="ends_at")
    if window.ends_at - window.starts_at > LONGEST:
        raise InvalidRequest("A window lasts {days} days at most.", days=LONGEST.days, field="ends_at")


def _told(window: MaintenanceWindow) -> dict[str, Any]:
    return {
        "connection": window.connection_id,
        "provider": window.provider_id,
        "starts_at": window.starts_at,
        "ends_at": window.ends_at,
        "reason": window.reason,
    }
