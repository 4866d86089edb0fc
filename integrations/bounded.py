"""Reading that may not last: a page with a search that is too wide says so, instead of holding up the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled


class TookTooLong(Exception):
    """What was asked for cannot be read in the time that a page has."""


@contextmanager
def reading_within(seconds: float) -> Iterator[None]:
    """Ends each statement of the block after `seconds`. Raises TookTooLong; nothing was read then."""
    try:
        with transaction.atomic():
            _limit(f"{int(seconds * 1000)}ms")
            yield
            _limit("0")
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TookTooLong from error
        raise


def _limit(time: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [time])
