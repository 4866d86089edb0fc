"""A page of the log, as the view reads it: behind the wall, bounded in time, fifty calls with what the list shows.

The floor is the bare SQL of the same page: the very statements, in their order, through psycopg on one open session.
Each kind of page is measured at 50,000 rows and then at BENCH_ROWS (five million); `growth` is how the second figure
compares to the first. `html` is the whole request as htmx makes it: session, permissions, form and template besides.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg

from tests.bench.log_rows import ROWS, LogRows, make_log_rows

SMALL = 50_000
ROUNDS = 60
_WARM_UP = 5


def run() -> Iterator[dict[str, object]]:
    small = _measure_all(min(SMALL, ROWS))
    large = _measure_all(ROWS)
    for name, (ours, bare, html) in large.items():
        yield {
            "name": f"log_page_{name}",
            "value": round(ours * 1000, 2),
            "floor": round(bare * 1000, 2),
            "ratio": round(ours / bare, 2),
            "growth": round(ours / small[name][0], 2),
            "unit": "ms (p95)",
            "html": round(html * 1000, 2),
            "rows": ROWS,
            "rounds": ROUNDS,
        }


def _measure_all(count: int) -> dict[str, tuple[float, float, float]]:
    made = make_log_rows(count)
    pages = _pages(made)
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as session:
        return {name: _measure(made, query, session) for name, query in pages.items()}


def _pages(made: LogRows) -> dict[str, str]:
    from django.utils import timezone

    from monitoring.models import CallLog

    own = [one for one in made.connections if one.organization_id == made.largest.pk]
    then = timezone.now() - timedelta(days=45)
    rows = CallLog.objects.filter(organization=made.largest, created_at__lt=then)
    old = rows.filter(created_at__gte=then - timedelta(days=30), method="GET").order_by("-created_at").first()
    assert old is not None
    everything = "period=90d"
    return {
        "newest": everything,
        "connection": f"{everything}&connection={own[0].pk}",
        "small_connection": f"{everything}&connection={own[-1].pk}",
        "provider": f"{everything}&provider={own[0].provider.slug}",
        "type": f"{everything}&log_type=webhook",
        "method": f"{everything}&method=PATCH",
        "4xx": f"{everything}&status=4xx",
        "5xx": f"{everything}&status=5xx",
        "no_answer": f"{everything}&status=none",
        "user": f"{everything}&user={made.users[0].pk}",
        "request": f"{everything}&request_id={old.request_id}",
        "time": f"since={then:%d/%m/%Y}&until={then:%d/%m/%Y}",
        "deep": f"{everything}&before={old.created_at.isoformat().replace('+', '%2B')}~{old.pk}",
        "text_common": f"{everything}&q=/v1/charges",
        "text_error": f"{everything}&q=card_declined",
        "text_arabic": f"{everything}&q=البطاقة",
        "text_id": f"{everything}&q={old.endpoint.rpartition('/')[2]}",
        "text_absent": f"{everything}&q=pi_thisisnowhere",
    }


def _measure(made: LogRows, query: str, session: psycopg.Connection[Any]) -> tuple[float, float, float]:
    from django.db import connection
    from django.http import QueryDict
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from integrations.tenancy import acting_for
    from monitoring.log_places import Position
    from monitoring.pages.log_filters import LogFilter
    from monitoring.pages.logs import page_of

    client = Client(SERVER_NAME="localhost")
    client.force_login(made.users[0])
    given = QueryDict(query)
    form = LogFilter(made.largest, given)
    if not form.is_valid():
        raise RuntimeError(form.mistakes)
    search, before = form.search, Position.parse(given.get("before", ""))

    def ours() -> None:
        with acting_for(made.largest.pk):
            calls = page_of(made.largest, search, before)["calls"]
        if bool(calls) == ("nowhere" in query):
            raise RuntimeError(f"The page {query} has {len(calls)} calls.")

    def html() -> None:
        response = client.get(f"/integrations/logs/?{query}", headers={"HX-Request": "true"})
        if response.status_code != 200:
            raise RuntimeError(f"The page {query} fails: {response.status_code}")

    with CaptureQueriesContext(connection) as captured:
        ours()
    statements = [one["sql"] for one in captured.captured_queries]

    def bare() -> None:
        for statement in statements:
            found = session.execute(statement)
            if found.description:
                found.fetchall()

    for _ in range(_WARM_UP):
        ours()
        bare()
        html()
    measured = [(_seconds(ours), _seconds(bare), _seconds(html)) for _ in range(ROUNDS)]
    mine, floor, whole = zip(*measured, strict=True)
    return _p95(mine), _p95(floor), _p95(whole)


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _p95(seconds: tuple[float, ...]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]
