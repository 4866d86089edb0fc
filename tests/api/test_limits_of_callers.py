from __future__ import annotations

import time
from typing import Any

import pytest

from integrations.api.throttling import CallerThrottle
from integrations.models import Organization
from tests.factories import token_for

from .client import ApiClient, error_of


@pytest.fixture
def _three_a_minute(settings: Any) -> None:
    # Read by the class once, when it is made; the settings of a test come later.
    rates = CallerThrottle.THROTTLE_RATES
    before = dict(rates)
    rates["caller"] = "3/min"
    yield
    rates.update(before)


@pytest.mark.usefixtures("_three_a_minute")
def test_a_caller_over_the_limit_is_told_to_wait(api: ApiClient, organization: Organization) -> None:
    assert [api.get("connections/").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = api.get("connections/")
    assert error_of(refused)["code"] == "throttled"
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert ApiClient(token_for(organization)).get("connections/").status_code == 200


@pytest.mark.usefixtures("_three_a_minute")
def test_callers_are_served_while_redis_is_away(api: ApiClient, settings: Any, caplog: Any) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:9/0"}}
    started = time.monotonic()
    assert {api.get("connections/").status_code for _ in range(10)} == {200}
    assert time.monotonic() - started < 5
    assert len([record for record in caplog.records if "Redis does not answer" in record.message]) == 1
    CallerThrottle._resting_until = 0.0


@pytest.mark.parametrize(("at", "before", "now"), [(0, 3, 0), (30, 2, 2), (59.9, 3, 2)])
def test_calls_of_the_minute_before_count_for_as_much_as_still_falls_into_this_one(
    settings: Any, at: float, before: int, now: int
) -> None:
    """Three a minute: at its middle half of the calls of the minute before still count."""
    throttle = CallerThrottle.__new__(CallerThrottle)
    throttle.num_requests, throttle.duration = 3, 60
    key, minute = f"hub:throttle:test:{at}", 29_544_000
    assert all(throttle._count(key, (minute - 1) * 60 + 1) for _ in range(before))
    assert [throttle._count(key, minute * 60 + at) for _ in range(now + 1)] == [True] * now + [False]
