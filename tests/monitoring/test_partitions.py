"""The log's months: made ahead, checked, and filled with what had to go elsewhere, while others write."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections
from django.db import connection as database
from django.utils import timezone

from integrations.models import Connection, Organization
from integrations.models.base import uuid7
from integrations.tenancy import acting_for
from monitoring.call_log import write_call as write_down
from monitoring.log_months import DEFAULT, bounds, first_of, later, months_in_log, table_of
from monitoring.models import CallLog
from monitoring.partitions import MONTHS_AHEAD, check_partitions, ensure_partitions, partitions_ahead
from tests.bench.log_write import finished_call
from tests.factories import ConnectionFactory

from .months import call_of, execute, month_ago

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _only_the_usual_months() -> None:
    """What another test made or dropped is as a new database has it."""
    usual = {later(first_of(timezone.now()), ahead) for ahead in range(MONTHS_AHEAD + 1)}
    for month in set(months_in_log()) - usual:
        execute(f"DROP TABLE {table_of(month)}")
    ensure_partitions()


@pytest.fixture
def own() -> Connection:
    return ConnectionFactory()


def table_with(call: CallLog) -> str:
    return str(execute("SELECT tableoid::regclass FROM integration_logs WHERE id = %s", call.pk)[0][0])


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def drop(month: date) -> None:
    execute(f"DROP TABLE {table_of(month)}")


def test_this_month_and_the_next_three_have_their_tables() -> None:
    drop(month_ago(-3))
    drop(month_ago(-1))
    assert ensure_partitions() == [table_of(month_ago(-1)), table_of(month_ago(-3))]
    assert ensure_partitions() == []
    assert partitions_ahead() == 3


def test_a_made_table_has_what_the_first_ones_have() -> None:
    new, old = table_of(month_ago(-2)), table_of(month_ago(-1))
    drop(month_ago(-2))
    ensure_partitions()
    columns = "SELECT attname, atttypid, attnotnull, pg_get_expr(adbin, adrelid) FROM pg_attribute a"
    columns += " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
    columns += " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"
    assert execute(columns, new) == execute(columns, old)
    indexes = "SELECT inhparent::regclass::text FROM pg_inherits i JOIN pg_index x ON x.indexrelid = i.inhrelid"
    indexes += " WHERE x.indrelid = %s::regclass ORDER BY 1"
    assert execute(indexes, new) == execute(indexes, old)
    checks = (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'"
    )
    assert sorted(execute(checks, new)) == sorted(execute(checks, old))
    assert len(execute(indexes, new)) > 10


def test_the_check_names_the_month_without_a_table_and_the_calls_astray(own: Connection) -> None:
    drop(month_ago(-1))
    call_of(own, month_ago(-1))
    state = check_partitions()
    assert (state.ahead, state.missing, state.stray_rows) == (0, (month_ago(-1),), 1)
    with pytest.raises(CommandError, match=f"{month_ago(-1):%Y-%m} has no table.\n1 calls are in the default table"):
        call_command("log_partitions", "--check", stdout=StringIO())
    told = StringIO()
    call_command("log_partitions", stdout=told)
    assert told.getvalue() == f"{table_of(month_ago(-1))} is made.\nTables are there for this month and 3 after it.\n"
    assert check_partitions().is_good


def test_a_late_table_takes_its_calls_out_of_the_default_one(own: Connection) -> None:
    drop(month_ago(0))
    here, past = call_of(own, month_ago(0), request_id="request-1"), call_of(own, month_ago(7), cost_aed="0.050001")
    assert {table_with(here), table_with(past)} == {DEFAULT}
    before = execute("SELECT * FROM integration_logs ORDER BY id")
    assert set(ensure_partitions()) == {table_of(month_ago(0)), table_of(month_ago(7))}
    assert (table_with(here), table_with(past)) == (table_of(month_ago(0)), table_of(month_ago(7)))
    assert execute("SELECT * FROM integration_logs ORDER BY id") == before
    with acting_for(own.organization_id):
        assert CallLog.objects.count() == 2
    with acting_for(ConnectionFactory().organization_id):
        assert CallLog.objects.count() == 0


def test_a_call_from_far_ahead_stays_in_the_default_table_and_is_told(
    own: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    call = call_of(own, month_ago(-30))
    assert ensure_partitions() == []
    assert table_with(call) == DEFAULT
    assert "1 calls are in the log's default table" in caplog.text
    execute(f"DELETE FROM {DEFAULT}")


def test_no_call_is_lost_or_doubled_while_its_month_is_made(own: Connection) -> None:
    """Writers fill the default table all the while, each call in a transaction of its own."""
    month = month_ago(-2)
    drop(month)
    stop, written, failed = threading.Event(), [], []

    def write() -> None:
        try:
            while not stop.is_set():
                write_down(None, finished_call(own, created_at=bounds(month)[0] + timedelta(days=1)))
                written.append(1)
        except DatabaseError as error:
            failed.append(error)
        connections.close_all()

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    try:
        wait_until(lambda: len(written) > 200 or failed)
        assert ensure_partitions() == [table_of(month)]
        more = len(written) + 100
        wait_until(lambda: len(written) > more or failed)
    finally:
        stop.set()
        for writer in writers:
            writer.join(20)
    assert failed == []
    assert execute(f"SELECT count(*) FROM {table_of(month)}") == [(len(written),)]
    assert execute(f"SELECT count(*) FROM {DEFAULT}") == [(0,)]


def test_two_at_once_make_each_table_once() -> None:
    drop(month_ago(-2))
    drop(month_ago(-3))
    made: list[str] = []

    def make() -> None:
        made.extend(ensure_partitions())
        connections.close_all()

    makers = [threading.Thread(target=make) for _ in range(4)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert sorted(made) == [table_of(month_ago(-2)), table_of(month_ago(-3))]


def test_who_reads_for_long_is_waited_for_without_holding_up_writers(own: Connection) -> None:
    drop(month_ago(-3))
    made: list[str] = []

    def make() -> None:
        made.extend(ensure_partitions())
        connections.close_all()

    with psycopg.connect(**{**database.get_connection_params(), "cursor_factory": psycopg.Cursor}) as reader:
        reader.execute("SELECT count(*) FROM integration_logs")  # holds every table until it ends
        maker = threading.Thread(target=make)
        maker.start()
        slowest = 0.0
        for _ in range(20):
            started = timezone.now()
            call_of(own, month_ago(0), id=uuid7())
            slowest = max(slowest, (timezone.now() - started).total_seconds())
        assert slowest < 1
        reader.rollback()
        maker.join()
    assert made == [table_of(month_ago(-3))]


def test_an_organization_sees_its_calls_in_a_new_table_only_through_the_log(own: Connection) -> None:
    drop(month_ago(-1))
    ensure_partitions()
    call_of(own, month_ago(-1))
    organization: Organization = own.organization
    with acting_for(organization.pk):
        assert CallLog.objects.count() == 1
        with pytest.raises(Exception, match="permission denied"):
            execute(f"SELECT count(*) FROM {table_of(month_ago(-1))}")
