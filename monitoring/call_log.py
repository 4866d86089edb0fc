"""Writes down each attempt of each call, as the gateway reports it, with secrets taken out already."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError
from psycopg.types.json import Jsonb

from integrations.gateway import FinishedCall
from integrations.group_writer import Cursor, GroupWriter
from integrations.models.base import uuid7

logger = logging.getLogger(__name__)

Row = list[Any]

_COLUMNS = ["id", *(field.name for field in fields(FinishedCall))]
# Said once rather than built by the ORM for each row: this is written for every call that goes out.
_INSERT = "INSERT INTO integration_logs ({}) VALUES {{}} ON CONFLICT DO NOTHING".format(  # noqa: S608 - our own names
    ", ".join(_COLUMNS)
)
_ROW = "({})".format(", ".join(["%s"] * len(_COLUMNS)))
_KEPT_ROWS = 10_000
_APART_SECONDS = 2.0

# Calls that could not be written down because the database was away: a thread tries until it is back.
_kept: deque[Row] = deque(maxlen=_KEPT_ROWS)
_lock = threading.Lock()
_clerk: threading.Thread | None = None


def write_call(sender: object, call: FinishedCall, **kwargs: Any) -> None:
    """Receiver of `api_call_finished`: returns when the row is durable, or the database is found to be away."""
    values = [getattr(call, name) for name in _COLUMNS[1:]]
    row: Row = [uuid7(), *(Jsonb(value) if isinstance(value, dict) else value for value in values)]
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
    cursor.execute(_INSERT.format(", ".join([_ROW] * len(rows))), [value for row in rows for value in row])


_writer = GroupWriter(_insert)
