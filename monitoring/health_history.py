"""What is known of connections before they are checked: their rules, their last checks, whether work was announced.

Of however many connections it is read in a few statements: a sweep must not ask for each.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from integrations.models import Connection

from .health_rules import REMEMBERED, REMEMBERED_FOR, Outcome, Rule, Seen, Status
from .maintenance import in_maintenance
from .models import HealthCheck, HealthRule

# Of each kind of check the newest, from the index (connection, check_type, -check_timestamp).
_RECENT = """
SELECT c.connection_id, c.check_type, c.check_timestamp, c.outcome, c.response_time_ms, c.status, c.in_maintenance
FROM unnest(%(connections)s::uuid[]) AS wanted(id)
CROSS JOIN unnest(%(kinds)s::text[]) AS kind(name)
CROSS JOIN LATERAL (
    SELECT * FROM integration_health h
    WHERE h.connection_id = wanted.id AND h.check_type = kind.name AND h.check_timestamp >= %(since)s
    ORDER BY h.check_timestamp DESC LIMIT %(most)s
) AS c
"""


@dataclass(frozen=True)
class Background:
    """Before what a check of a connection is judged. `seen`: by kind of check, newest first."""

    rule: Rule = field(default_factory=Rule)
    seen: Mapping[str, Sequence[Seen]] = field(default_factory=dict)
    in_maintenance: bool = False

    def last(self, kind: str) -> Seen | None:
        rows = self.seen.get(kind)
        return rows[0] if rows else None


def backgrounds(connections: Sequence[Connection], now: datetime) -> dict[uuid.UUID, Background]:
    """Of each connection, in three statements."""
    keys = [one.pk for one in connections]
    rules, seen = _rules(keys), _recent(keys, now)
    paused = in_maintenance(connections, now)
    return {key: Background(rules.get(key, Rule()), seen.get(key, {}), key in paused) for key in keys}


def rule_of(row: HealthRule) -> Rule:
    return Rule(
        row.interval_seconds,
        row.failures_until_down,
        row.successes_until_recovery,
        row.slow_ms,
        float(row.slow_times),
        row.baseline_ms,
    )


def _rules(keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, Rule]:
    return {row.connection_id: rule_of(row) for row in HealthRule.objects.filter(connection__in=keys)}


def _recent(keys: Sequence[uuid.UUID], now: datetime) -> dict[uuid.UUID, dict[str, list[Seen]]]:
    found: dict[uuid.UUID, dict[str, list[Seen]]] = {}
    with connection.cursor() as cursor:
        wanted: dict[str, Any] = {"connections": list(keys), "kinds": HealthCheck.Type.values, "most": REMEMBERED}
        cursor.execute(_RECENT, {**wanted, "since": now - REMEMBERED_FOR})
        for key, kind, at, outcome, took, status, in_window in cursor:
            seen = Seen(at, Outcome(outcome), took, Status(status), in_window)
            found.setdefault(key, {}).setdefault(kind, []).append(seen)
    for kinds in found.values():
        for rows in kinds.values():
            rows.sort(key=lambda one: one.at, reverse=True)
    return found
