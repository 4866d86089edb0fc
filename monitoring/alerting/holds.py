"""What is held back while work is announced: failures are expected then. Nothing new is opened about them, and of what
is open nobody is told again."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

from integrations.models import Connection

from ..maintenance import in_maintenance
from ..models import Alert

_EXPECTED_FAILURES = frozenset({
    Alert.Kind.HEALTH_DOWN, Alert.Kind.HEALTH_DEGRADED, Alert.Kind.RATE_LIMIT_EXCEEDED, Alert.Kind.ERROR_RATE,
})  # fmt: skip


def held_back(kind: Alert.Kind, connections: Collection[uuid.UUID], moment: datetime) -> set[uuid.UUID]:
    """Those of `connections` about which no alert of `kind` is opened now."""
    if kind not in _EXPECTED_FAILURES or not connections:
        return set()
    return in_maintenance(list(Connection.objects.filter(pk__in=connections)), moment)


def held_alerts(alerts: Sequence[Alert], moment: datetime) -> set[uuid.UUID]:
    """Those of open alerts that are not told now."""
    expected = [alert for alert in alerts if alert.kind in _EXPECTED_FAILURES and alert.connection_id]
    if not expected:
        return set()
    connections = Connection.objects.filter(pk__in={alert.connection_id for alert in expected})
    paused = in_maintenance(list(connections), moment)
    return {alert.pk for alert in expected if alert.connection_id in paused}
