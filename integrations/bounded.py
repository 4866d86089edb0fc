"""Reading that may not last: a page with a search that is too wide says so, instead of holding up the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled


class TookTooLong(Exception):
    """What was asked for cannot be read in the time that a page has."""


@contextmanager
def reading_within(seconds: float) -> Iterator[None]:
    """Ends each statement of the block after `seconds`, and lets none begin later than that.

    Raises TookTooLong; nothing was read then.
    """
    deadline = time.monotonic() + seconds

    def in_time(execute: Callable[..., Any], *statement: Any) -> Any:
        if time.monotonic() > deadline:
            raise TookTooLong
        return execute(*statement)

    is_nested = connection.in_atomic_block
    try:
        with transaction.atomic():
            _limit(f"{int(seconds * 1000)}ms")
            with connection.execute_wrapper(in_time):
                yield
            if is_nested:  # else the limit ends with the transaction
                _limit("0")
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TookTooLong from error
        raise


def _limit(duration: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [duration])
