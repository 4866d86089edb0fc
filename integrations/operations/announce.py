"""How operations tell the floors above what they did."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import models, transaction

from .. import signals
from ..models import Connection


def announce(connection: Connection, change: str) -> None:
    """Say that a connection has changed, once the change is committed."""
    transaction.on_commit(
        partial(signals.connection_changed.send_robust, sender=Connection, connection=connection, change=change)
    )


def record_action(action: str, target: models.Model | str, changes: Mapping[str, Any] | None = None) -> None:
    """Tell the audit log, in the transaction of the change: where no entry can be written, nothing is changed either.
    `changes` holds no secret: credentials by key and fingerprint.

    The log of an organization then waits for that transaction, so this comes after the rows are changed: who has taken
    the log first and waits for a row would be waited for by whoever has the row and wants the log.
    """
    signals.action_taken.send(sender=type(target), action=action, target=target, changes=dict(changes or {}))
