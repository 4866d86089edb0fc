"""Calls of the log, as the gateway writes them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from integrations.models import Connection
from monitoring.models import CallLog


def write_call(
    connection: Connection, path: str = "v1/charges", *, minutes_ago: float = 5, status: int | None = 200, **fields: Any
) -> CallLog:
    given = {
        "log_type": CallLog.Type.ERROR if status is None else CallLog.Type.API_RESPONSE,
        "method": "GET",
        "response_status": status,
        "response_time_ms": 12,
        "created_at": timezone.now() - timedelta(minutes=minutes_ago),
    }
    return CallLog.objects.create(
        organization_id=connection.organization_id,
        connection=connection,
        endpoint=f"https://api.stripe.com/{path}",
        **{**given, **fields},
    )
