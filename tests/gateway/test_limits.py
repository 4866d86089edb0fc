from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.db import connection as database
from django.utils import timezone

from integrations import limits
from integrations.admission import admit, forget
from integrations.errors import RateLimited
from integrations.gateway import BoundClient
from integrations.models import Connection, RateLimit
from integrations.signals import rate_limit_exceeded, rate_limit_recovered
from integrations.tasks import flush_rate_limits
from tests.factories import ConnectionFactory, RateLimitFactory
from tests.wire import WireServer

DEAD = "redis://127.0.0.1:1/0"
WINDOWS = ("per_minute", "per_hour", "per_day", "per_month")


def limited(**allowed: int) -> Connection:
    connection = ConnectionFactory()
    for limit_type, max_requests in allowed.items():
        RateLimitFactory(connection=connection, limit_type=limit_type, max_requests=max_requests)
    return connection


def used(connection: Connection) -> dict[str, int]:
    return {usage.limit_type: usage.used for usage in limits.check(connection)}


def calls_let_through(connection: Connection, tries: int) -> int:
    let_through = 0
    for _ in range(tries):
        try:
            admit(connection)
        except RateLimited:
            continue
        let_through += 1
    return let_through


@pytest.fixture(params=["with Redis", "without Redis"])
def counter(request: pytest.FixtureRequest, settings: Any) -> None:
    if request.param == "without Redis":
        settings.REDIS_URL = DEAD


@pytest.fixture
def told() -> Iterator[list[str]]:
    windows: list[str] = []

    def keep(sender: object, window: str, **kwargs: object) -> None:
        windows.append(window)

    rate_limit_exceeded.connect(keep)
    yield windows
    rate_limit_exceeded.disconnect(keep)


@pytest.fixture
def recovered() -> Iterator[list[str]]:
    windows: list[str] = []

    def keep(sender: object, window: str, **kwargs: object) -> None:
        windows.append(window)

    rate_limit_recovered.connect(keep)
    yield windows
    rate_limit_recovered.disconnect(keep)


@pytest.mark.parametrize("limit_type", WINDOWS)
def test_a_window_lets_through_what_it_allows(db: None, counter: None, limit_type: str) -> None:
    connection = limited(**{limit_type: 3})
    assert calls_let_through(connection, 10) == 3
    with pytest.raises(RateLimited, match=limit_type.replace("_", " ")) as raised:
        admit(connection)
    (usage,) = (usage for usage in limits.check(connection) if usage.limit_type == limit_type)
    assert (usage.used, usage.remaining, usage.allowed) == (3, 0, False)
    assert raised.value.retry_after == pytest.approx((usage.reset_at - timezone.now()).total_seconds(), abs=2)


def test_a_call_that_one_window_refuses_is_counted_in_none(db: None, counter: None) -> None:
    connection = limited(per_day=5, per_month=2)
    assert calls_let_through(connection, 10) == 2
    assert used(connection) == {"per_day": 2, "per_minute": 2, "per_month": 2}


def test_the_providers_own_limit_holds_where_the_connection_has_none(db: None, counter: None) -> None:
    connection = ConnectionFactory()
    admit(connection)
    (usage,) = limits.check(connection)
    assert (usage.limit_type, usage.max_requests, usage.used) == ("per_minute", 6000, 1)


def test_connections_do_not_share_a_limit(db: None, counter: None) -> None:
    one, other = limited(per_day=1), limited(per_day=1)
    assert calls_let_through(one, 2) == calls_let_through(other, 2) == 1


def test_a_used_up_limit_makes_no_call(client: BoundClient, wire: WireServer) -> None:
    RateLimitFactory(connection=client.connection, limit_type="per_day", max_requests=1)
    client.get("/v1/balance")
    with pytest.raises(RateLimited):
        client.get("/v1/balance")
    assert len(wire.requests) == 1


def test_a_full_window_is_told_once(db: None, told: list[str]) -> None:
    calls_let_through(limited(per_day=1), 5)
    assert told == ["per_day"]


@pytest.mark.django_db(transaction=True)
def test_many_threads_never_take_one_call_too_many(counter: None) -> None:
    connection = limited(per_day=25, per_month=1000)

    def hammer(_: int) -> int:
        try:
            return calls_let_through(Connection.objects.get(pk=connection.pk), 10)
        finally:
            database.close()

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(hammer, range(8))) == 25
    assert used(connection)["per_month"] == 25


def test_a_changed_limit_holds_at_once(db: None) -> None:
    connection = limited(per_day=1)
    assert calls_let_through(connection, 2) == 1
    limit = connection.rate_limits.get(limit_type="per_day")
    limit.max_requests = 3
    limit.save()
    assert calls_let_through(connection, 5) == 2


def test_usage_is_written_to_the_rows(db: None) -> None:
    connection = limited(per_day=2, per_month=10)
    calls_let_through(connection, 5)
    assert flush_rate_limits() == 1
    day, month = RateLimit.objects.filter(connection=connection, limit_type__in=["per_day", "per_month"]).order_by(
        "limit_type"
    )
    assert (day.current_usage, day.is_exceeded, month.current_usage, month.is_exceeded) == (2, True, 2, False)
    assert day.window_start < timezone.now() < day.window_end == day.reset_at
    assert day.exceeded_at is not None
    assert month.exceeded_at is None
    assert RateLimit.objects.get(connection=connection, limit_type="per_minute").max_requests == 6000
    assert flush_rate_limits() == 0


def test_the_moment_of_exceeding_stays(db: None) -> None:
    connection = limited(per_day=1, per_month=10)
    calls_let_through(connection, 1)
    flush_rate_limits()
    before = connection.rate_limits.get(limit_type="per_day").exceeded_at
    limit = connection.rate_limits.get(limit_type="per_day")
    limit.max_requests = 2
    limit.save()
    calls_let_through(connection, 1)
    flush_rate_limits()
    assert connection.rate_limits.get(limit_type="per_day").exceeded_at == before


def test_a_window_that_is_over_is_no_longer_exceeded(db: None) -> None:
    past = timezone.now() - timedelta(minutes=5)
    limit = RateLimitFactory(
        max_requests=1,
        current_usage=1,
        is_exceeded=True,
        exceeded_at=past,
        window_start=past,
        window_end=past + timedelta(minutes=1),
    )
    flush_rate_limits()
    limit.refresh_from_db()
    assert (limit.is_exceeded, limit.exceeded_at, limit.current_usage) == (False, None, 0)
    assert calls_let_through(limit.connection, 2) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("finder", ["sweep", "call", "both at once"])
def test_a_window_that_has_room_again_is_told_once(counter: None, recovered: list[str], finder: str) -> None:
    connection = limited(per_day=1)
    assert calls_let_through(connection, 3) == 1
    past = timezone.now() - timedelta(days=1)
    connection.rate_limits.update(window_start=past - timedelta(days=1), window_end=past)
    forget(connection.pk)
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.flushdb()
    assert recovered == []
    if finder == "both at once":
        with ThreadPoolExecutor(4) as threads:
            for one in [threads.submit(in_thread, task, connection) for task in (sweep, call) * 2]:
                one.result()
    else:
        {"sweep": sweep, "call": call}[finder](connection)
    sweep(connection)
    call(connection)
    assert recovered == ["per_day"]


@pytest.mark.django_db(transaction=True)
def test_a_limit_that_was_raised_has_room_again(recovered: list[str]) -> None:
    connection = limited(per_day=1)
    calls_let_through(connection, 2)
    limit = connection.rate_limits.get(limit_type="per_day")
    assert limit.is_exceeded
    limit.max_requests = 2
    limit.save()
    limit.refresh_from_db()
    assert (limit.is_exceeded, recovered) == (False, ["per_day"])
    assert calls_let_through(connection, 2) == 1
    assert connection.rate_limits.get(limit_type="per_day").is_exceeded


def sweep(connection: Connection) -> None:
    flush_rate_limits()


def call(connection: Connection) -> None:
    calls_let_through(connection, 1)


def in_thread(task: Callable[[Connection], None], connection: Connection) -> None:
    try:
        task(connection)
    finally:
        database.close()


def test_an_emptied_redis_does_not_give_the_window_again(db: None, settings: Any) -> None:
    connection = limited(per_day=5)
    assert calls_let_through(connection, 3) == 3
    flush_rate_limits()
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
    forget(connection.pk)
    assert used(connection)["per_day"] == 3
    assert calls_let_through(connection, 5) == 2


def test_calls_counted_without_redis_count_when_it_is_back_and_the_other_way_round(db: None, settings: Any) -> None:
    connection, alive = limited(per_day=6), settings.REDIS_URL
    assert calls_let_through(connection, 2) == 2
    flush_rate_limits()
    settings.REDIS_URL = DEAD
    assert calls_let_through(connection, 2) == 2
    settings.REDIS_URL = alive
    forget(connection.pk)
    assert used(connection)["per_day"] == 4
    flush_rate_limits()
    assert calls_let_through(connection, 5) == 2


def test_a_silent_redis_delays_one_call_and_not_the_next(db: None, settings: Any) -> None:
    connection = limited(per_day=100)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        started = time.monotonic()
        admit(connection)
        first = time.monotonic() - started
        assert calls_let_through(connection, 5) == 5
        assert first < 1.5
        assert time.monotonic() - started - first < 0.25


@pytest.mark.parametrize(
    ("limit_type", "start", "end"),
    [
        ("per_minute", "2026-01-31T20:59:00+00:00", "2026-01-31T21:00:00+00:00"),
        ("per_hour", "2026-01-31T20:00:00+00:00", "2026-01-31T21:00:00+00:00"),
        ("per_day", "2026-02-01T00:00:00+04:00", "2026-02-02T00:00:00+04:00"),
        ("per_month", "2026-02-01T00:00:00+04:00", "2026-03-01T00:00:00+04:00"),
    ],
)
def test_days_and_months_are_the_organizations(limit_type: str, start: str, end: str) -> None:
    now = datetime(2026, 1, 31, 20, 59, 30, tzinfo=UTC)
    bounds = limits._bounds(limit_type, now, "Asia/Dubai")
    assert bounds == (datetime.fromisoformat(start), datetime.fromisoformat(end))


def test_a_day_is_as_long_as_its_clock_says() -> None:
    start, end = limits._bounds("per_day", datetime(2026, 3, 29, 12, tzinfo=UTC), "Europe/London")
    assert end.astimezone(UTC) - start.astimezone(UTC) == timedelta(hours=23)
