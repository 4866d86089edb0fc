"""How a call reads in an export: a row of a table, or a line of JSON with its headers and bodies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.translation import gettext as _

from integrations.spreadsheets import Cell, Column, csv_pieces

from .models import CallLog, LogExport

# A part is in memory as a whole: bodies are up to 16 kB each.
ROWS_A_PART = {LogExport.Format.CSV: 5_000, LogExport.Format.JSON_LINES: 500}
_IN_JSON = (
    "log_type", "method", "endpoint", "operation", "attempt", "response_status", "response_time_ms", "error_code",
    "error_message", "request_id", "bytes_sent", "bytes_received", "request_headers", "request_body",
    "response_headers", "response_body", "ip_address",
)  # fmt: skip


def content_of(calls: Iterable[CallLog], names: Mapping[UUID, str], file_format: str, *, is_first: bool) -> bytes:
    """`names`: of connections. The first part of a table has the headings, in the language that is active."""
    if file_format == LogExport.Format.CSV:
        return b"".join(csv_pieces(_columns(), (_cells(call, names) for call in calls), continues=not is_first))
    return "".join(f"{json.dumps(_object(call, names), **_JSON)}\n" for call in calls).encode()


_JSON: dict[str, Any] = {"cls": DjangoJSONEncoder, "ensure_ascii": False, "separators": (",", ":")}


def _columns() -> Sequence[Column]:
    headings = (
        _("Time"), _("Connection"), _("Type"), _("Method"), _("Endpoint"), _("Operation"), _("Attempt"), _("Status"),
        _("Took (ms)"), _("Error code"), _("Error"), _("Request id"), _("User"), _("Bytes sent"), _("Bytes received"),
        _("Cost (AED)"), _("Id"),
    )  # fmt: skip
    return [Column(heading) for heading in headings]


def _cells(call: CallLog, names: Mapping[UUID, str]) -> Sequence[Cell]:
    name = names.get(call.connection_id, "") if call.connection_id else ""
    told = (name, call.get_log_type_display(), call.method, call.endpoint, call.operation)
    return (
        call.created_at, *told, Decimal(call.attempt), _figure(call.response_status), _figure(call.response_time_ms),
        call.error_code, call.error_message, call.request_id, str(call.user_id or ""), Decimal(call.bytes_sent),
        Decimal(call.bytes_received), call.cost_aed, str(call.pk),
    )  # fmt: skip


def _figure(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _object(call: CallLog, names: Mapping[UUID, str]) -> dict[str, Any]:
    name = names.get(call.connection_id) if call.connection_id else None
    place = {"id": call.pk, "created_at": call.created_at, "connection": call.connection_id, "connection_name": name}
    told = {field: getattr(call, field) for field in _IN_JSON}
    return {**place, **told, "user": call.user_id, "cost_aed": call.cost_aed}
