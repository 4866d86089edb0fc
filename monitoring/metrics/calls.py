"""Calls, as Prometheus wants them counted: each process adds up its own and gives them to Redis in lots.

Rows of the log are no counters: they leave with their month, and to count them costs what there is of them. Counters in
Redis are one for all web processes and workers on all machines, whichever of them is asked, and outlive each of them;
prometheus_client's own multiprocess mode, in files, would tell of one machine's. Redis may be emptied: counters begin
again at zero, which Prometheus takes for the restart that it is. A process that is killed takes a second's counts
along; the calls themselves are in the log.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
import uuid
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from celery.signals import worker_process_shutdown
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from integrations.connection_state import RedisAway, run_script
from integrations.gateway import FinishedCall
from integrations.models import IntegrationProvider

KEY = "hub:metrics:calls"
BUCKETS_MS = (50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)
_APART_SECONDS = 1.0

# A lot is added once, however often it is sent: an answer may be lost after Redis has done as it was told.
_ADD = """
if not redis.call('SET', KEYS[2], 1, 'NX', 'EX', 3600) then return 0 end
for i = 1, #ARGV - 1, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 1
"""

_Lot = tuple[str, Mapping[str, int]]
_counts: Counter[str] = Counter()
_lot: _Lot | None = None  # what was taken to be sent, until Redis has it
_has_some = threading.Condition()  # guards the counts
_sending = threading.Lock()  # guards the lot
_clerk: threading.Thread | None = None


def count_call(sender: object, call: FinishedCall, provider: IntegrationProvider, **kwargs: Any) -> None:
    """Receiver of `api_call_finished`: adds to this process's counts, and waits for nobody."""
    global _clerk
    name = label_of(provider.slug, is_private=provider.organization_id is not None)
    status = f"{call.response_status // 100}xx" if call.response_status else "none"
    taken = call.response_time_ms or 0
    with _has_some:
        _counts[f"calls|{name}|{call.error_code or 'ok'}|{status}"] += 1
        _counts[f"bucket|{name}|{bisect_left(BUCKETS_MS, taken)}"] += 1
        _counts[f"ms|{name}|"] += taken
        if _clerk is None or not _clerk.is_alive():
            _clerk = threading.Thread(target=_send_when_there_are_some, name="call-counts", daemon=True)
            _clerk.start()
        _has_some.notify()


def label_of(slug: str, *, is_private: bool) -> str:
    """A provider in labels. One that an organization has to itself could tell by its name whose it is."""
    return "private" if is_private else slug


def flush() -> bool:
    """Give Redis what was counted since the last time; False when it does not take it, and it is kept."""
    global _lot, _counts
    with _sending:
        if _lot is None:
            with _has_some:
                if not _counts:
                    return True
                _lot, _counts = (uuid.uuid4().hex, _counts), Counter()
        name, counts = _lot
        try:
            run_script(_ADD, [KEY, f"{KEY}:{name}"], [part for pair in counts.items() for part in pair])
        except RedisAway:
            return False
        _lot = None
        return True


def give_up_nothing_at_the_end() -> None:
    """Have a process that ends flush, and one that is forked begin with nothing: what it inherits is its parent's."""
    atexit.register(flush)
    worker_process_shutdown.connect(_flush_at_the_end, dispatch_uid="hub.metrics.calls")
    os.register_at_fork(after_in_child=_begin_anew)


def families(stored: Mapping[bytes, bytes]) -> Iterable[Metric]:
    """Metrics of what Redis holds."""
    read: list[tuple[Any, ...]] = [(*key.decode().split("|"), int(value)) for key, value in stored.items()]
    made = CounterMetricFamily(
        "hub_calls",
        "Calls to providers, an attempt each; outcome is ok or the error's code, status_class none without an answer.",
        labels=["provider", "outcome", "status_class"],
    )
    for _, provider, outcome, status, count in sorted(entry for entry in read if entry[0] == "calls"):
        made.add_metric([provider, outcome, status], count)
    return made, _durations(read)


def _durations(read: Iterable[tuple[Any, ...]]) -> Metric:
    told = HistogramMetricFamily(
        "hub_call_duration_seconds", "Time that an attempt of a call to a provider took.", labels=["provider"]
    )
    sums: dict[str, int] = {}
    buckets: dict[str, list[int]] = {}
    for kind, provider, detail, *rest in read:
        if kind == "ms":
            sums[provider] = rest[0]
        elif kind == "bucket":
            buckets.setdefault(provider, [0] * (len(BUCKETS_MS) + 1))[int(detail)] = rest[0]
    bounds = [str(bound / 1000) for bound in BUCKETS_MS] + ["+Inf"]
    for provider, counts in sorted(buckets.items()):
        so_far = [(bound, float(sum(counts[: place + 1]))) for place, bound in enumerate(bounds)]
        told.add_metric([provider], buckets=so_far, sum_value=sums.get(provider, 0) / 1000)
    return told


def _send_when_there_are_some() -> None:
    while True:
        with _has_some:
            while not _counts and _lot is None:
                _has_some.wait()
        flush()
        time.sleep(_APART_SECONDS)


def _flush_at_the_end(**kwargs: Any) -> None:
    flush()


def _begin_anew() -> None:
    global _counts, _lot, _has_some, _sending, _clerk
    _counts, _lot, _clerk = Counter(), None, None
    _has_some, _sending = threading.Condition(), threading.Lock()
