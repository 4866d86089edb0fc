"""How long calls are kept, seen to: what is too old is deleted, what is old is archived, what was left behind goes."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from datetime import date

from integrations.errors import Conflict, IntegrationError

from .log_archive import archive_month, months_due
from .log_restore import drop_left_behind
from .log_retention import delete_month, months_too_old

logger = logging.getLogger(__name__)


def keep_in_order(*, seconds: float = 480.0) -> int:
    """All that is due until the time is up; returns how many steps were taken, of which the next run takes the rest.

    What cannot be done is told in the log, and tried again by the next run: those calls stay where they are.
    """
    deadline = time.monotonic() + seconds
    taken = 0
    for month, steps in jobs():
        try:
            with closing(steps):
                for _calls in steps:
                    taken += 1
                    if time.monotonic() > deadline:
                        return taken
        except IntegrationError as error:
            # Said by its own sentence: a traceback would show what was being written.
            logger.error("Calls of %s stay where they are: %s", f"{month:%m/%Y}", error)  # noqa: TRY400 - see above
    return taken


def jobs() -> Iterator[tuple[date, Generator[int]]]:
    """The months about which something is to be done, and what: it yields how many calls each step was, and raises as
    `delete_month` and `archive_month` do."""
    with suppress(Conflict):  # somebody may just be filling them
        drop_left_behind()
    for month in months_too_old():
        yield month, _delete(month)
    for month in months_due():
        yield month, archive_month(month)


def _delete(month: date) -> Generator[int]:
    yield delete_month(month)
