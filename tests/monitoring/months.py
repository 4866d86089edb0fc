"""Calls of months long past, in the log as they were when those were new."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection as database
from django.utils import timezone

from integrations.models import Connection
from integrations.models.base import first_uuid7
from monitoring.log_months import bounds, first_of, later
from monitoring.models import CallLog

from .calls import write_call


def month_ago(months: int) -> date:
    return later(first_of(timezone.now()), -months)


def call_of(connection: Connection, month: date, path: str = "v1/charges", *, day: int = 3, **fields: Any) -> CallLog:
    moment: datetime = bounds(month)[0] + timedelta(days=day - 1, hours=9, microseconds=123_456)
    key = first_uuid7(moment + timedelta(milliseconds=CallLog.objects.count()))
    return write_call(connection, path, **{"created_at": moment, "id": key, **fields})


def execute(sql: str, *params: object) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []
