"""Whatever comes when, late or committed late, is in the sums once: they are a recount of all rows at any moment."""

from __future__ import annotations

import random
import threading
import time
from contextlib import ExitStack
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.models import Connection
from integrations.tenancy import acting_for
from monitoring import rollup as rollups
from monitoring.models import CallLog, DailyAnalytics, HourlyMetrics, RollupWatermark
from monitoring.partitions import ensure_partitions
from monitoring.rollup import rollup, steps
from monitoring.transactions import look, new_rows
from tests.factories import ConnectionFactory, OrganizationFactory
from tests.monitoring.recount import check_sums
from tests.monitoring.writers import Writer
from webhooks.models import WebhookEndpoint, WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)

LATE = [timedelta(0), timedelta(seconds=40), timedelta(minutes=7), timedelta(hours=5), timedelta(days=3, hours=2)]


def endpoint_of(target: Connection) -> WebhookEndpoint:
    return WebhookEndpoint.objects.create(
        organization_id=target.organization_id, connection=target, webhook_url="https://x/", webhook_secret="whsec_test"
    )


def event_of(endpoint: WebhookEndpoint) -> WebhookEvent:
    number = WebhookEvent.objects.count()
    return WebhookEvent.objects.create(
        organization_id=endpoint.organization_id, webhook_endpoint=endpoint, event_id=f"evt_{number}",
        event_type="charge.succeeded", signature_verified=number % 3 > 0, is_test=True,
    )  # fmt: skip


def set_status(event: WebhookEvent, status: str) -> None:
    WebhookEvent.objects.filter(pk=event.pk).update(processing_status=status)


def figures() -> list[Any]:
    left_out = {"created_at"}
    rows: list[Any] = []
    for model, order in ((HourlyMetrics, "hour"), (DailyAnalytics, "date")):
        names = [field.name for field in model._meta.fields if field.name not in left_out]
        rows.append(list(model.objects.order_by("connection", order).values_list(*names)))
    return rows


class Traffic:
    """Writers with open transactions, runs of the rollup and changes of events, in whichever order they are drawn."""

    def __init__(self, stack: ExitStack, seed: int) -> None:
        self.chance = random.Random(seed)
        zones = ("Asia/Dubai", "Asia/Kolkata")
        self.targets = [ConnectionFactory(organization=OrganizationFactory(timezone=zone)) for zone in zones]
        self.endpoints = [endpoint_of(target) for target in self.targets]
        self.events: list[WebhookEvent] = []
        self.writers = [stack.enter_context(Writer()) for _ in range(3)]

    def write(self, number: int) -> None:
        at = timezone.now() - LATE[number % len(LATE)] - timedelta(seconds=self.chance.uniform(0, 3600))
        for _ in range(self.chance.randrange(1, 5)):
            self.writers[number % 3].write(self.chance.choice(self.targets), at, self.chance)

    def commit(self, number: int) -> None:
        self.writers[number % 3].commit()

    def roll_back(self, number: int) -> None:
        self.writers[number % 3].roll_back()

    def roll_up(self, number: int) -> None:
        rollup()

    def count_again(self, number: int) -> None:
        rollup(timezone.now() - timedelta(hours=number * 5), timezone.now() - timedelta(hours=number * 3 - 1))

    def receive(self, number: int) -> None:
        self.events.append(event_of(self.endpoints[number % 2]))

    def fail(self, number: int) -> None:
        for event in self.events[number % 3 :: 3]:
            set_status(event, "failed")

    def heal(self, number: int) -> None:
        for event in self.events[number % 2 :: 2]:
            set_status(event, "completed")


actions = st.lists(
    st.tuples(
        st.sampled_from(["write"] * 4 + ["commit"] * 3 + ["roll_up"] * 3)
        | st.sampled_from(["roll_back", "count_again", "receive", "fail", "heal"]),
        st.integers(0, 14),
    ),
    min_size=4,
    max_size=25,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=actions, seed=st.integers(0, 2**32))
def test_runs_at_any_moment_come_to_a_full_recount(drawn: list[tuple[str, int]], seed: int) -> None:
    with ExitStack() as stack:
        traffic = Traffic(stack, seed)
        rollup()
        for action, number in drawn:
            getattr(traffic, action)(number)
        for writer in traffic.writers:
            writer.commit()
        rollup()
        check_sums(traffic.targets)
    before = figures()
    rollup()
    rollup(timezone.now() - timedelta(days=10))
    assert figures() == before


def test_a_row_whose_transaction_ends_after_a_later_rows_is_counted() -> None:
    target = ConnectionFactory()
    rollup()
    with Writer() as slow, Writer() as quick:
        slow.write(target, timezone.now() - timedelta(seconds=5))
        quick.write(target, timezone.now())
        quick.commit()
        rollup()
        assert sum(HourlyMetrics.objects.values_list("requests", flat=True)) == 1
        slow.commit()
        rollup()
    assert sum(HourlyMetrics.objects.values_list("requests", flat=True)) == 2
    check_sums([target])


def test_a_row_that_is_not_yet_read_is_left_out_of_a_recount_until_it_is_read() -> None:
    target = ConnectionFactory()
    with Writer() as writer:
        for _ in range(4):
            writer.write(target, timezone.now())
            writer.commit()
        rollup()
        run = steps(timezone.now() - timedelta(hours=3))
        next(run)
        writer.write(target, timezone.now())
        writer.commit()
        list(run)  # counts anew, after the row has come
        assert sum(HourlyMetrics.objects.values_list("requests", flat=True)) == 4
        rollup()
    check_sums([target])


def test_a_gap_is_worked_off_in_steps_that_are_each_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    target = ConnectionFactory()
    rollup()
    with Writer() as writer:
        for hour in range(12):
            writer.write(target, timezone.now() - timedelta(hours=hour))
            writer.commit()
    monkeypatch.setattr(rollups, "TRANSACTIONS_A_STEP", 3)
    run = steps()
    first = next(run)
    run.close()
    assert first.left >= 3
    # Of the three transactions some may be those of other databases on this server.
    assert sum(HourlyMetrics.objects.values_list("requests", flat=True)) <= 3
    assert len(list(steps())) >= 3
    check_sums([target])


def test_two_runs_at_once_take_turns() -> None:
    target = ConnectionFactory()
    rollup()
    with Writer() as writer:
        for _ in range(30):
            writer.write(target, timezone.now())
            writer.commit()
    runs = [threading.Thread(target=in_own_session, args=(rollup,)) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    check_sums([target])


def test_a_run_that_dies_midway_leaves_nothing_half() -> None:
    target = ConnectionFactory()
    rollup()
    watermark = RollupWatermark.objects.values().get()
    with Writer() as writer, Writer() as blocker:
        writer.write(target, timezone.now())
        writer.commit()
        blocker.session.execute("LOCK TABLE integration_analytics IN ACCESS EXCLUSIVE MODE")
        errors: list[Exception] = []
        run = threading.Thread(target=in_own_session, args=(rollup, errors))
        run.start()
        end_session_that_waits()
        run.join()
    assert [type(error) for error in errors] == [OperationalError]
    assert not HourlyMetrics.objects.exists()
    assert RollupWatermark.objects.values().get() == watermark
    rollup()
    check_sums([target])


def test_what_was_restored_into_another_server_is_counted_once() -> None:
    target = ConnectionFactory()
    with Writer() as writer:
        for day in range(3):
            writer.write(target, timezone.now() - timedelta(days=day))
        writer.commit()
        rollup()
        writer.write(target, timezone.now())  # by the other server, after its last run
        writer.commit()
        number_rows("4000000000")
        RollupWatermark.objects.update(server="1", upcoming_transaction=4_000_000_000)
        writer.write(target, timezone.now())  # by this one
        writer.commit()
        rollup()
        check_sums([target])
        writer.write(target, timezone.now())
        writer.commit()
    rollup()
    check_sums([target])


def test_restored_rows_without_a_watermark_are_counted_once() -> None:
    target = ConnectionFactory()
    with Writer() as writer:
        writer.write(target, timezone.now())
        writer.commit()
        number_rows("4000000000")
        rollup()
        check_sums([target])
        writer.write(target, timezone.now())
        writer.commit()
    rollup()
    check_sums([target])


def test_the_first_run_counts_a_call_whose_clock_was_ahead() -> None:
    target = ConnectionFactory()
    with Writer() as writer:
        writer.write(target, timezone.now() + timedelta(hours=5))
        writer.commit()
    rollup()
    rollup()
    check_sums([target])


def test_a_call_that_comes_later_than_the_reach_waits_for_a_recount() -> None:
    target = ConnectionFactory()
    rollup()
    long_ago = timezone.now() - timedelta(days=120)
    with Writer() as writer:
        writer.write(target, long_ago)
        writer.commit()
    rollup()
    assert not HourlyMetrics.objects.exists()
    rollup(long_ago - timedelta(hours=1), long_ago + timedelta(hours=1))
    check_sums([target])


def test_an_event_that_its_organization_sees_fail_is_counted_anew() -> None:
    target = ConnectionFactory()
    event = event_of(endpoint_of(target))
    rollup()
    with acting_for(target.organization_id):
        set_status(event, "failed")
    rollup()
    assert HourlyMetrics.objects.get().webhooks_failed == 1
    check_sums([target])


def test_a_run_reads_no_month_beyond_its_reach() -> None:
    ensure_partitions(date(2024, 1, 1))
    rollup()
    with CaptureQueriesContext(connection) as captured:
        rollup()
    statement = next(query["sql"] for query in captured if "INSERT INTO integration_metrics_hourly" in query["sql"])
    plan = plan_of(statement)
    assert "integration_logs_default" in plan
    assert "integration_logs_2024" not in plan


def test_new_rows_are_found_by_their_transactions_alone() -> None:
    """Of several indexes a small table may be read by any: with nothing else to go by, there is but the one."""
    read = look().ended
    own = {"connection": (one := ConnectionFactory()), "organization": one.organization}
    CallLog.objects.create(**own, log_type="api_response", created_at=timezone.now())
    condition, params = new_rows(read, look().ended)
    plan = plan_of(f"SELECT count(*) FROM integration_logs WHERE {condition}", params)
    assert "written_in_idx" in plan
    assert "Seq Scan" not in plan


def plan_of(statement: str, params: Any = None) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        try:
            cursor.execute(f"EXPLAIN {statement}", params)
            return "\n".join(line for (line,) in cursor.fetchall())
        finally:
            cursor.execute("RESET enable_seqscan")


def number_rows(number: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE integration_logs SET written_in = %s::xid8", [number])


def in_own_session(work: Any, errors: list[Exception] | None = None) -> None:
    try:
        work()
    except OperationalError as error:
        if errors is None:
            raise
        errors.append(error)
    finally:
        connections.close_all()


def end_session_that_waits() -> None:
    """The rollup's, which has written hours and waits to write days."""
    waiting = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database() AND query LIKE '%WITH days AS%'"
    )
    deadline = time.monotonic() + 20
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(waiting)
            if cursor.fetchall():
                return
            time.sleep(0.02)
    raise AssertionError("The rollup did not come to its days.")
