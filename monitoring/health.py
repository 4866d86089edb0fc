"""Is each connection's provider there, does it take our credentials, and do its webhooks come?

`health_sweep` has connections checked, `health_probing` asks their providers, `health_rules` concludes from what they
answer, `health_conclusions` writes it down and sees to what follows; `provider_incidents` looks over all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from django.utils import timezone

from integrations.hints import hint
from integrations.models import Connection
from integrations.models.connections import ConnectionQuerySet

from .health_conclusions import Judged
from .health_sweep import Claim, Told, check_one, due_until, only_sweep, sweep
from .models import HealthCheck
from .provider_incidents import watch_providers


class AlreadyChecking(Exception):
    """Another sweep is at it."""


def check_due(told: Told = lambda judged: None) -> int:
    """Check the connections that are due, many at a time; returns how many. Never overlaps itself."""
    try:
        return _alone(due_until(timezone.now()), told)
    except AlreadyChecking:
        return 0


def check_all(connections: ConnectionQuerySet, told: Told = lambda judged: None) -> int:
    """Make all probes of the connections, due or not. Raises AlreadyChecking while a sweep is at work."""
    rows = connections.select_related("provider", "organization").order_by("pk").iterator(chunk_size=100)
    return _alone(_in_lots(rows), told, makes_all=True)


def check_connection(tested: Connection) -> HealthCheck:
    """Check one connection here and now, by all of its provider's probes. The row of the main one."""
    return check_one(tested)


def check_soon(sender: object, connection: Connection, change: str, **kwargs: object) -> None:
    """Receiver of `connection_changed`: one that was just switched on is checked at once, by a worker."""
    if change == "activated":
        hint("monitoring.tasks.check_connection", str(connection.pk))


def _alone(claim: Claim, told: Told, *, makes_all: bool = False) -> int:
    with only_sweep() as is_only:
        if not is_only:
            raise AlreadyChecking
        checked = sweep(claim, makes_all=makes_all, told=told)
        watch_providers()
    return checked


def _in_lots(rows: Iterator[Connection]) -> Claim:
    return lambda most: list(islice(rows, most))


__all__ = ["AlreadyChecking", "Judged", "check_all", "check_connection", "check_due", "check_soon"]
