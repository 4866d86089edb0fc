"""Writes down each attempt of each call, as the gateway reports it, with secrets taken out already."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from integrations.gateway import FinishedCall
from integrations.models.base import uuid7

_COLUMNS = ["id", *(field.name for field in fields(FinishedCall))]
# Said once rather than built by the ORM for each row: this is written for every call that goes out.
_INSERT = "INSERT INTO integration_logs ({}) VALUES ({})".format(  # noqa: S608 - our own column names
    ", ".join(_COLUMNS), ", ".join(["%s"] * len(_COLUMNS))
)


def write_call(sender: object, call: FinishedCall, **kwargs: Any) -> None:
    """Receiver of `api_call_finished`. It runs behind the caller's wall, or as the service."""
    values = [getattr(call, name) for name in _COLUMNS[1:]]
    row: list[Any] = [uuid7(), *(Jsonb(value) if isinstance(value, dict) else value for value in values)]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, row)
