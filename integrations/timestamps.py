"""Reading times from PostgreSQL, of which a page of a list has a hundred and an event of the door seven.

Django puts a class of Python in the place of psycopg's compiled one, to choose the time zone: 4 µs for each time. In
UTC, in which Django keeps its sessions, `datetime.fromisoformat` understands what PostgreSQL writes in a twentieth.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.backends.postgresql.psycopg_any import get_adapters_template
from psycopg.types.datetime import TimestamptzLoader


class UtcLoader(TimestamptzLoader):
    """A `timestamptz` as an aware datetime in UTC. Raises what psycopg does for years that Python has not."""

    timezone = UTC  # as Django asks its loaders

    def load(self, data: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(str(data, "ascii"))
        except ValueError:
            return super().load(data).astimezone(UTC)
        return moment.astimezone(UTC)


def use_for_sessions() -> None:
    """From the next session on. A cursor that wants another time zone brings a loader of its own."""
    get_adapters_template(True, UTC).register_loader("timestamptz", UtcLoader)
