"""What the watch may do to a connection's status: stop it, and open it again where it was the one that stopped it."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from ..models import Connection
from ..models.connections import ConnectionQuerySet
from .announce import record_action


def stop_connection(connection: Connection, reason: str) -> bool:
    """Close an active connection to traffic since its provider refuses its credentials; whether that was so."""
    active = Connection.objects.filter(pk=connection.pk, status=Connection.Status.ACTIVE)
    return _change(active, connection, Connection.Status.ERROR, reason)


def resume_connection(connection: Connection) -> bool:
    """Open a connection that `stop_connection` has closed, if nobody has decided otherwise meanwhile."""
    stopped = Connection.objects.filter(pk=connection.pk, status=Connection.Status.ERROR, is_stopped_by_health=True)
    return _change(stopped, connection, Connection.Status.ACTIVE, "")


def _change(rows: ConnectionQuerySet, connection: Connection, status: Connection.Status, reason: str) -> bool:
    is_stopped = status == Connection.Status.ERROR
    with transaction.atomic():
        changed = rows.update(
            status=status, is_stopped_by_health=is_stopped, error_message=reason, updated_at=timezone.now()
        )
        if changed:
            connection.status, connection.is_stopped_by_health, connection.error_message = status, is_stopped, reason
            action = "connection.stopped_by_health" if is_stopped else "connection.resumed_by_health"
            record_action(action, connection, {"status": status, "reason": reason})
    return bool(changed)
