"""Times as PostgreSQL writes them and Python reads them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import DataError, connection
from hypothesis import given
from hypothesis import strategies as st

from integrations.timestamps import UtcLoader

pytestmark = pytest.mark.django_db


def as_read(moment: str) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [moment])
        (read,) = cursor.fetchone()
    return read


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_read_as_it_was_written(moment: datetime) -> None:
    read = as_read(moment.isoformat())
    assert read == moment
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-20 14:00:00.5+04", datetime(2026, 11, 20, 10, 0, 0, 500_000, UTC)),
        ("2026-11-20 14:00+05:30", datetime(2026, 11, 20, 8, 30, tzinfo=UTC)),
        ("1969-07-20 20:17:40 America/New_York", datetime(1969, 7, 21, 0, 17, 40, tzinfo=UTC)),
    ],
)
def test_a_time_of_another_zone_is_read_in_utc(written: str, read: datetime) -> None:
    assert as_read(written) == read


def test_a_session_with_other_clocks_is_understood() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone TO 'Asia/Dubai'")
        cursor.execute("SELECT '2026-11-20 10:00:00.25+00'::timestamptz")
        (read,) = cursor.fetchone()
    assert read == datetime(2026, 11, 20, 10, 0, 0, 250_000, UTC)
    assert read.tzinfo is UTC


@pytest.mark.parametrize("beyond", ["0044-03-15 12:00:00+00 BC", "10000-01-01 00:00:00+00", "infinity"])
def test_a_time_that_python_has_not_is_an_error_and_no_other_time(beyond: str) -> None:
    with pytest.raises(DataError):
        as_read(beyond)


def test_every_session_reads_by_it() -> None:
    with connection.cursor() as cursor:
        oid = cursor.connection.adapters.types["timestamptz"].oid
        assert cursor.adapters.get_loader(oid, 0) is UtcLoader
