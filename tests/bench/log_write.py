"""Calls written to the log a second, each durable before its thread goes on, as the gateway has them written.

The floor is a bare INSERT of the same row in its best form: one prepared statement a call, on an open session a thread,
into the same table with the same indexes, which has BENCH_ROWS rows already (five million). Both are measured by turns
at 1, 8 and 32 threads; `log_write` is the one at eight, as many as `gateway_call` has.
"""

from __future__ import annotations

import itertools
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from integrations.gateway import FinishedCall
from tests.bench.log_rows import ROWS, make_log_rows

THREADS = (1, 8, 32)
NAMED = 8
CALLS = 960
ROUNDS = 15
_SENT = '{"amount":12500,"currency":"aed","reference":"order-4711","customer":{"email":"buyer@example.com"}}'
_ANSWERED = (
    '{"id":"pi_3NxKAbcD1efG","object":"payment_intent","amount":12500,"currency":"aed","status":"succeeded",'
    '"receipt_email":"buyer@example.com","description":"Kandura and abaya, express","livemode":true,'
    '"latest_charge":"ch_3NxKAbcD1efGhiJ","metadata":{"order":"4711","note":"توصيل سريع"}}'
)


def run() -> Iterator[dict[str, object]]:
    call = finished_call(make_log_rows().connections[0])
    for threads in THREADS:
        value, floor, ratio = _measure(call, threads)
        yield {
            "name": "log_write" if threads == NAMED else f"log_write_{threads}",
            "value": round(value),
            "floor": round(floor),
            "ratio": round(ratio, 3),
            "unit": "calls/s",
            "threads": threads,
            "rows": ROWS,
            "rounds": ROUNDS,
        }


def finished_call(connection: Any, **changed: Any) -> FinishedCall:
    """One as a payment makes it."""
    from django.utils import timezone

    call = FinishedCall(
        organization_id=connection.organization_id,
        connection_id=connection.pk,
        log_type="api_response",
        method="POST",
        endpoint="https://api.example.com/v1/payment_intents",
        request_headers={"Accept": "application/json", "Authorization": "[redacted]", "User-Agent": "Hub/1"},
        request_body=_SENT,
        response_status=200,
        response_headers={"content-type": "application/json", "request-id": "req_1a2b3c4d"},
        response_body=_ANSWERED,
        response_time_ms=182,
        error_message="",
        error_code="",
        user_id=None,
        ip_address="203.0.113.7",
        request_id="0190a1b2c3d4",
        operation="create_payment",
        attempt=1,
        bytes_sent=len(_SENT),
        bytes_received=len(_ANSWERED),
        cost_aed=Decimal("0.05"),
        created_at=timezone.now(),
    )
    return replace(call, **changed)


def _measure(call: FinishedCall, threads: int) -> tuple[float, float, float]:
    from monitoring.call_log import write_call

    own = threading.local()
    number = itertools.count()

    def ours() -> None:
        write_call(None, replace(call, request_id=f"request-{next(number)}", created_at=_now()))

    with ThreadPoolExecutor(threads) as pool, _Sessions() as sessions:

        def bare() -> None:
            if not hasattr(own, "session"):
                own.session = sessions.open()
            made = replace(call, request_id=f"request-{next(number)}", created_at=_now())
            own.session.execute(_INSERT, _parameters(made))

        before = _rows()
        for work in (ours, bare):
            _rate(pool, threads, work, 10 * threads)
        pairs = [(_rate(pool, threads, ours), _rate(pool, threads, bare)) for _ in range(ROUNDS)]
    if _rows() - before != 2 * (ROUNDS * CALLS + 10 * threads):
        raise RuntimeError("Not every call is in the log.")
    mine, floor = zip(*pairs, strict=True)
    return statistics.median(mine), statistics.median(floor), statistics.median(one / two for one, two in pairs)


class _Sessions:
    """Bare ones, closed at the end."""

    def __init__(self) -> None:
        self._open: list[psycopg.Connection[Any]] = []

    def __enter__(self) -> _Sessions:
        return self

    def __exit__(self, *error: object) -> None:
        for session in self._open:
            session.close()

    def open(self) -> psycopg.Connection[Any]:
        session = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, prepare_threshold=0)
        self._open.append(session)
        return session


_COLUMNS = ["id", *(field.name for field in fields(FinishedCall))]
_INSERT = f"INSERT INTO integration_logs ({', '.join(_COLUMNS)}) VALUES ({', '.join(['%s'] * len(_COLUMNS))})"


def _parameters(call: FinishedCall) -> list[Any]:
    from integrations.models.base import uuid7

    return [uuid7(), *(Jsonb(value) if isinstance(value, dict) else value for value in vars(call).values())]


def _now() -> datetime:
    from django.utils import timezone

    return timezone.now()


def _rows() -> int:
    from monitoring.models import CallLog

    return CallLog.objects.count()


def _rate(pool: ThreadPoolExecutor, threads: int, work: Callable[[], None], count: int = CALLS) -> float:
    def several(number: int) -> None:
        for _ in range(number):
            work()

    started = time.perf_counter()
    list(pool.map(several, [count // threads] * threads))
    return count / (time.perf_counter() - started)
