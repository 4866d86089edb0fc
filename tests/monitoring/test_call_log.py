"""Calls that threads write down at the same time."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest
from django.db import DatabaseError, connections
from django.db import connection as database

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
