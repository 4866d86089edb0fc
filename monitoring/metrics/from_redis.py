"""What Redis tells: calls, circuits, Celery's queues, and when beat last sent a task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from integrations import circuit
from integrations.redis_client import redis_client

from . import beat, calls

_AT_ONCE = 1000


def read() -> Iterator[Metric]:
    """In one round trip. Raises RedisError."""
    client: Any = redis_client(settings.REDIS_URL)
    queues = list(settings.CELERY_TASK_QUEUES)
    with client.pipeline(transaction=False) as pipeline:
        pipeline.hgetall(calls.KEY)
        pipeline.get(beat.KEY)
        pipeline.hlen("unacked")
        for queue in queues:
            pipeline.llen(queue)
        counted, sent_at, unfinished, *lengths = pipeline.execute()
    yield from calls.families(counted)
    yield from _celery(sent_at, unfinished, dict(zip(queues, lengths, strict=True)))


def circuits(connections: Mapping[UUID, str]) -> Metric:
    """`connections`: the active ones with their provider's label. Raises RedisAway."""
    found: Counter[tuple[str, str]] = Counter()
    ids = list(connections)
    for start in range(0, len(ids), _AT_ONCE):
        for one, found_so in circuit.known_circuits(ids[start : start + _AT_ONCE]).items():
            found[connections[one], _state(found_so)] += 1
    told = GaugeMetricFamily(
        "hub_circuits",
        "Active connections by the state of their circuit; paused: the provider asked to be left alone.",
        labels=["provider", "state"],
    )
    for provider in sorted(set(connections.values())):
        for state in (*circuit.State.values, "paused"):
            told.add_metric([provider, state], found[provider, state])
    return told


def _state(found: circuit.Circuit) -> str:
    return "paused" if found.paused and found.state == circuit.State.CLOSED else found.state.value


def _celery(sent_at: bytes | None, unfinished: int, lengths: Mapping[str, int]) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("hub_celery_queue_length", "Tasks that wait for a worker.", labels=["queue"])
    for queue, length in lengths.items():
        waiting.add_metric([queue], length)
    yield waiting
    yield GaugeMetricFamily(
        "hub_celery_unacknowledged_tasks", "Tasks that workers have taken and not finished.", value=unfinished
    )
    if sent_at is not None:
        yield GaugeMetricFamily(
            "hub_beat_last_sent_timestamp_seconds", "When beat last sent a task.", value=float(sent_at)
        )
