"""Sees to it that none of our statements reads the call log without a bound in time, by which months are left out."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

ROOT = Path(__file__).resolve().parents[1]
_OURS = tuple(f"{ROOT / floor}/" for floor in ("config", "integrations", "webhooks", "monitoring"))
_TESTS = f"{ROOT / 'tests'}/"
_READS = re.compile(
    r"^\s*(?:SELECT|WITH|UPDATE|DELETE|INSERT|DECLARE)\b.*\b(?:FROM|JOIN|UPDATE)\s+\"?integration_logs\"?(?!\w)",
    re.DOTALL | re.IGNORECASE,
)
_BOUND = re.compile(r"\bcreated_at\"?\)?\s*(?:>=?|<=?|=|BETWEEN)", re.IGNORECASE)


def is_unbounded(sql: str) -> bool:
    return bool(_READS.search(sql)) and not _BOUND.search(sql)


@contextmanager
def watched() -> Iterator[list[str]]:
    """The statements of our code (not the tests') that read the log unbounded, in any thread, as they come."""
    found: list[str] = []

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if is_unbounded(sql) and (asker := _asker()):
            found.append(f"{asker}: {sql}")
        return execute(sql, params, many, context)

    watchers: list[BaseDatabaseWrapper] = []

    def join(sender: object, connection: BaseDatabaseWrapper, **kwargs: object) -> None:
        if watch not in connection.execute_wrappers:
            connection.execute_wrappers.append(watch)
            watchers.append(connection)

    connection_created.connect(join)
    connection.execute_wrappers.append(watch)
    watchers.append(connection)
    try:
        yield found
    finally:
        connection_created.disconnect(join)
        for one in watchers:
            if watch in one.execute_wrappers:
                one.execute_wrappers.remove(watch)


def _asker() -> str:
    """The line of ours that is nearest to the statement; none where that is a test's."""
    frame = sys._getframe(2)
    while frame := frame.f_back:  # type: ignore[assignment]
        name = frame.f_code.co_filename
        if name.startswith(_TESTS):
            return ""
        if name.startswith(_OURS):
            return f"{name.removeprefix(f'{ROOT}/')}:{frame.f_lineno}"
    return ""
