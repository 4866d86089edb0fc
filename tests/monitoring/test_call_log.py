"""Calls that threads write down at the same time."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest
from django.db import DatabaseError, connections
from django.db import connection as database

from integrations.models.base import uuid7
from monitoring import call_log
from monitoring.call_log import write_call
from monitoring.models import CallLog
from tests.bench.log_write import finished_call
from tests.factories import ConnectionFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_call_that_cannot_be_written_takes_none_with_it_that_waits_behind_it() -> None:
    own = ConnectionFactory()
    failed: list[str] = []

    def write(name: str, status: int) -> None:
        try:
            write_call(None, finished_call(own, request_id=name, response_status=status))
        except DatabaseError:
            failed.append(name)
        connections.close_all()

    write("before", 200)  # the session is open
    with psycopg.connect(**{**database.get_connection_params(), "cursor_factory": psycopg.Cursor}) as other:
        other.execute("LOCK TABLE integration_logs IN EXCLUSIVE MODE")
        threads = [threading.Thread(target=write, args=("bad", -1))]
        threads += [threading.Thread(target=write, args=(f"good-{n}", 200)) for n in range(5)]
        for thread in threads:
            thread.start()
            time.sleep(0.1)  # the bad one leads, the others wait for what becomes of it
    for thread in threads:
        thread.join(10)
    assert failed == ["bad"]
    written = set(CallLog.objects.values_list("request_id", flat=True))
    assert written == {"before", *(f"good-{n}" for n in range(5))}


def test_a_row_that_is_written_once_more_is_there_once() -> None:
    """As after a session that was lost when the row was in, but nobody had been told."""
    row = {"id": uuid7(), **vars(finished_call(ConnectionFactory()))}
    for _ in range(2):
        call_log._writer.write(row)
    assert CallLog.objects.get().pk == row["id"]


def test_many_threads_lead_side_by_side_and_each_call_is_written_once() -> None:
    own = ConnectionFactory()

    def write(number: int) -> None:
        for n in range(20):
            write_call(None, finished_call(own, request_id=f"request-{number}-{n}"))
        connections.close_all()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert CallLog.objects.values("request_id").distinct().count() == CallLog.objects.count() == 32 * 20
