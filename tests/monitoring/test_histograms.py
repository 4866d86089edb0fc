"""Histograms of times: within the bound of the exact percentiles, added up or not, in Python as in PostgreSQL."""

from __future__ import annotations

from bisect import bisect_right
from itertools import chain

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring.histograms import BOUNDS, ERROR_PERCENT, EXACT_UP_TO_MS, MIDDLES, SHARES, added, percentile
from tests.monitoring.recount import check_percentiles

times_of_calls = st.lists(st.integers(0, 40) | st.integers(0, 179_000), min_size=1, max_size=60)


def histogram(times: list[int]) -> list[int]:
    buckets = [bisect_right(BOUNDS, time) for time in times]
    return [buckets.count(bucket) for bucket in range(1, max(buckets, default=0) + 1)]


def test_no_time_up_to_three_minutes_is_told_worse_than_the_bound() -> None:
    for time in range(180_000):
        told = MIDDLES[bisect_right(BOUNDS, time) - 1]
        assert abs(told - time) < time * ERROR_PERCENT / 100 if time > EXACT_UP_TO_MS else told == time


@given(st.lists(times_of_calls, min_size=1, max_size=5))
def test_percentiles_of_added_histograms_are_within_the_bound(hours: list[list[int]]) -> None:
    day = added(histogram(hour) for hour in hours)
    check_percentiles([percentile(day, share) for share in SHARES], list(chain.from_iterable(hours)))


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile([], 0.5) is None
    assert percentile([0, 0], 0.5) is None


@pytest.mark.django_db
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(one=times_of_calls, other=times_of_calls)
def test_postgresql_adds_and_tells_the_same(one: list[int], other: list[int]) -> None:
    buckets = [bisect_right(BOUNDS, time) for time in other]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT total, histogram_percentiles(total, %s::float8[], %s::int[]), histogram_sum FROM ("
            " SELECT histogram_plus(%s::bigint[], histogram_of(%s::int[])) AS total) AS summed,"
            " (SELECT histogram_sum(h) FROM (VALUES (%s::bigint[]), (%s::bigint[])) AS two (h)) AS aggregated",
            [list(SHARES), list(MIDDLES), histogram(one), buckets, histogram(one), histogram(other)],
        )
        total, percentiles, summed = cursor.fetchone()
    assert total == summed == added([histogram(one), histogram(other)])
    assert percentiles == [percentile(total, share) for share in SHARES]
