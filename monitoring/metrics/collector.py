"""All figures, gathered when somebody asks, at most every few seconds: a scrape in between costs nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from uuid import UUID

import psycopg
import redis
from django.db import DatabaseError
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from integrations.connection_state import RedisAway
from integrations.tenancy import acting_as_service

from . import from_postgresql, from_redis

logger = logging.getLogger(__name__)

KEPT_SECONDS = 5.0


class HubCollector(Collector):
    """What cannot be told is left out, and `hub_up` says what did not answer: a scrape never fails for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # one gathers, the others wait for what it finds
        self._kept: list[Metric] = []
        self._kept_until = 0.0

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            if time.monotonic() >= self._kept_until:
                self._kept = list(_gather())
                self._kept_until = time.monotonic() + KEPT_SECONDS
            return list(self._kept)

    def forget(self) -> None:
        """Have the next scrape look anew."""
        self._kept_until = 0.0


def _gather() -> Iterator[Metric]:
    started = time.monotonic()
    up = GaugeMetricFamily("hub_up", "Whether what Hub stands on answers.", labels=["part"])
    connections: dict[UUID, str] = {}
    postgresql, is_up = _read_postgresql(connections)
    yield from postgresql
    up.add_metric(["postgresql"], float(is_up))
    in_redis, is_up = _read_redis(connections)
    yield from in_redis
    up.add_metric(["redis"], float(is_up))
    yield up
    yield GaugeMetricFamily(
        "hub_metrics_gathering_seconds", "Time that these figures took.", value=time.monotonic() - started
    )


def _read_postgresql(connections: dict[UUID, str]) -> tuple[list[Metric], bool]:
    found: list[Metric] = []
    try:
        with acting_as_service():
            found.extend(from_postgresql.read(connections))
    except (DatabaseError, psycopg.Error) as error:
        logger.warning("/metrics cannot tell what PostgreSQL would: %s", type(error).__name__)
        return found, False
    return found, True


def _read_redis(connections: dict[UUID, str]) -> tuple[list[Metric], bool]:
    found: list[Metric] = []
    try:
        found.extend(from_redis.read(connections))
    except (redis.RedisError, RedisAway) as error:
        logger.warning("/metrics cannot tell what Redis would: %s", type(error).__name__)
        return found, False
    return found, True


COLLECTOR = HubCollector()
REGISTRY = CollectorRegistry()
REGISTRY.register(COLLECTOR)
