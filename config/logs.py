"""Log lines: whose work they belong to, and no secret in them, as text or as one JSON object a line."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from integrations.redaction import MASK, Redactor, is_secret_name

_IDS = ("request_id", "caused_by", "trace_id", "organization_id", "actor_kind")
_LEFT_OUT = ("request", "response", "server_time")  # Django's own extras: a request's path and headers may hold secrets
_LONGEST_NUMBER = 10**12  # an account's or a card's is longer
_DEEPEST = 8
_REDACTOR = Redactor()


class OriginFilter(logging.Filter):
    """Gives each record the ids of the work at hand; a line that comes from none has none."""

    def filter(self, record: logging.LogRecord) -> bool:
        from integrations.request_id import known_origin
        from integrations.tenancy import current_organization_id

        origin, organization_id = known_origin(), current_organization_id()
        record.request_id = origin.request_id if origin else ""
        record.caused_by = origin.caused_by if origin else ""
        record.trace_id = origin.trace_id if origin else ""
        record.actor_kind = origin.kind if origin else ""
        if organization_id or not hasattr(record, "organization_id"):
            record.organization_id = str(organization_id or "")
        return True


class TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


class JSONFormatter(JsonFormatter):
    """time, level, logger, message, then the ids that there are, then what goes with the record, then the exception."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(
            ["levelname", "name", "message", *_IDS],
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception", "stack_info": "stack"},
            reserved_attrs=[*RESERVED_ATTRS, *_LEFT_OUT],
            timestamp="time",
            json_ensure_ascii=False,
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        entry = {"time": log_data.pop("time").isoformat(timespec="milliseconds")}
        for name, value in log_data.items():
            if name not in _IDS:
                entry[without_secrets(name)] = _shown(value, name)
            elif value:
                entry[name] = value
        return entry


def without_secrets(text: str) -> str:
    """What looks like a secret, or stands beside the name of one, is masked."""
    return _REDACTOR.body(text.encode(errors="replace"), "text/plain")


def _shown(value: Any, name: str, depth: int = 0) -> Any:
    """A value as JSON; what could hold anything is told by its kind."""
    if value is None or isinstance(value, bool):
        return value
    if is_secret_name(name):
        return MASK
    if isinstance(value, int | float) and abs(value) < _LONGEST_NUMBER:
        return value
    if isinstance(value, str | int | float | Decimal | UUID | date | BaseException):
        return without_secrets(str(value))
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {without_secrets(str(key)): _shown(item, str(key), depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < _DEEPEST:
        return [_shown(item, name, depth + 1) for item in value]
    return f"<{type(value).__qualname__}>"
