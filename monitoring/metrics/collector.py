"""All figures, gathered when somebody asks, at most every few seconds: a scrape in between costs nothing."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
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
    """What cannot be told is left out, and `hub_up` says what did not answer: a scrape never fails for it.

    Calls are never told as they were a moment ago: another process may have told more by then, and a counter that goes
    back is a restart to Prometheus.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # one gathers, the others wait for what it finds
        self._kept: list[Metric] = []
        self._postgresql_is_up = False
        self._kept_until = 0.0

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            if time.monotonic() >= self._kept_until:
                self._kept, self._postgresql_is_up = _gather()
                self._kept_until = time.monotonic() + KEPT_SECONDS
            kept, postgresql_is_up = self._kept, self._postgresql_is_up
        in_redis, redis_is_up = _answered("Redis", from_redis.read)
        up = GaugeMetricFamily("hub_up", "Whether what Hub stands on answers.", labels=["part"])
        up.add_metric(["postgresql"], float(postgresql_is_up))
        up.add_metric(["redis"], float(redis_is_up))
        return [*kept, *in_redis, up]

    def forget(self) -> None:
        """Have the next scrape look anew."""
        self._kept_until = 0.0


def _gather() -> tuple[list[Metric], bool]:
    """What is read every few seconds, and whether PostgreSQL answers."""
    started = time.monotonic()
    connections: dict[UUID, str] = {}
    with acting_as_service():
        found, is_up = _answered("PostgreSQL", lambda: from_postgresql.read(connections))
    circuits, _ = _answered("Redis", lambda: [from_redis.circuits(connections)])
    took = GaugeMetricFamily(
        "hub_metrics_gathering_seconds", "Time that these figures took.", value=time.monotonic() - started
    )
    return [*found, *circuits, took], is_up


def _answered(what: str, read: Callable[[], Iterable[Metric]]) -> tuple[list[Metric], bool]:
    """What was told before it ended, and whether it ended well."""
    found: list[Metric] = []
    try:
        found.extend(read())
    except (DatabaseError, psycopg.Error, redis.RedisError, RedisAway) as error:
        logger.warning("/metrics cannot tell what %s would: %s", what, type(error).__name__)
        return found, False
    return found, True


COLLECTOR = HubCollector()
REGISTRY = CollectorRegistry()
REGISTRY.register(COLLECTOR)
