"""Writes down each attempt of each call, as the gateway reports it, with secrets taken out already."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from integrations.gateway import FinishedCall
from integrations.group_writer import Cursor, GroupWriter
from integrations.models.base import uuid7

logger = logging.getLogger(__name__)

Row = dict[str, Any]

_NAMES = ["id", *(field.name for field in fields(FinishedCall))]
_COLUMNS = ", ".join(_NAMES)
_INSERT_ONE = f"INSERT INTO integration_logs ({_COLUMNS}) VALUES ({', '.join(['%s'] * len(_NAMES))})"  # noqa: S608 - our own names
# One statement, prepared once, for however many rows: they go as one JSON array, which costs this process the least.
_INSERT_SEVERAL = f"""
INSERT INTO integration_logs ({_COLUMNS})
SELECT {_COLUMNS} FROM json_populate_recordset(NULL::integration_logs, %s::json)
"""  # noqa: S608 - our own names
_KEPT_ROWS = 10_000
_APART_SECONDS = 2.0

# Calls that could not be written down because the database was away: a thread tries until it is back.
_kept: deque[Row] = deque(maxlen=_KEPT_ROWS)
_lock = threading.Lock()
_clerk: threading.Thread | None = None


def write_call(sender: object, call: FinishedCall, **kwargs: Any) -> None:
    """Receiver of `api_call_finished`: returns when the row is durable, or the database is found to be away."""
    row = {"id": uuid7(), **vars(call)}
    try:
        _writer.write(row)
    except (OperationalError, InterfaceError) as error:
        # Should this process end before the database is back, this line is what is left of the call.
        told = (call.method, call.endpoint, call.connection_id, call.request_id, call.response_status)
        line = "A call is not in the log yet (%s): %s %s, connection %s, request %s, status %s, %s"
        logger.error(line, type(error).__name__, *told, call.error_code or "ok")  # noqa: TRY400 - may quote the row
        _keep(row)


def _keep(row: Row) -> None:
    global _clerk
    _kept.append(row)
    with _lock:
        if _clerk is None:
            _clerk = threading.Thread(target=_write_kept, name="call-log", daemon=True)
            _clerk.start()


def _write_kept() -> None:
    global _clerk
    while True:
        with _lock:
            if not _kept:
                _clerk = None
                return
        try:
            _writer.write(_kept[0])
        except (OperationalError, InterfaceError):
            time.sleep(_APART_SECONDS)
        except DatabaseError:
            logger.exception("A call that was kept cannot be written down.")
            _kept.popleft()
        else:
            _kept.popleft()


def _insert(cursor: Cursor, rows: Sequence[Row]) -> None:
    """A row by itself that is there already was written before its session was lost. To ask for that beforehand, by ON
    CONFLICT, would cost every other row a tenth of its time."""
    if len(rows) > 1:
        cursor.execute(_INSERT_SEVERAL, [json.dumps(rows, default=str)])
        return
    (row,) = rows
    try:
        cursor.execute(_INSERT_ONE, [Jsonb(value) if isinstance(value, dict) else value for value in row.values()])
    except UniqueViolation:
        logger.info("A call was in the log already.")


_writer = GroupWriter(_insert, sessions=2)
