"""No question to the log reads more months than it is about."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import Connection, Membership, Organization
from monitoring.health import check_due
from monitoring.log_months import DEFAULT, table_of
from monitoring.log_search import LogSearch
from monitoring.log_statistics import figures_of
from monitoring.models import CallLog
from monitoring.partitions import ensure_partitions
from monitoring.payment_trail import trail_of
from monitoring.rollup import rollup
from tests.factories import ConnectionFactory, MembershipFactory, PaymentFactory, UserFactory
from tests.log_bounds import is_unbounded

from .calls import write_call
from .months import call_of, month_ago

pytestmark = pytest.mark.django_db

OLD = 14


@pytest.fixture
def own() -> Connection:
    return ConnectionFactory()


@pytest.fixture
def call(own: Connection) -> CallLog:
    """And one long ago, whose month is in the log."""
    call_of(own, month_ago(OLD), request_id="request-1")
    ensure_partitions()
    return write_call(own, minutes_ago=1, request_id="request-1")


@pytest.fixture
def client(own: Connection) -> Client:
    client = Client()
    role = Membership.Role.ADMIN
    client.force_login(MembershipFactory(organization=own.organization, role=role).user)
    return client


def months_read(work: Callable[[], Any]) -> list[set[str]]:
    """The tables of the log that each statement of `work` would read."""
    with CaptureQueriesContext(database) as captured:
        work()
    read = []
    for statement in [one["sql"] for one in captured.captured_queries if '"integration_logs"' in one["sql"]]:
        if not statement.startswith("SELECT"):
            continue
        with database.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {statement.replace('%', '%%')}", [])
            plan = cursor.fetchone()[0]
        text = plan if isinstance(plan, str) else json.dumps(plan)
        read.append({name for name in _tables() if f'"{name}"' in text})
    return read


def _tables() -> set[str]:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'integration_logs'::regclass"
        )
        return {name for (name,) in cursor.fetchall()}


PAGES = (
    "/integrations/", "/integrations/logs/", "/integrations/logs/?status=4xx", "/integrations/logs/?q=charges",
    "/integrations/logs/?provider=stripe", "/integrations/logs/?period=7d&method=GET", "/integrations/logs/{pk}/",
    "/integrations/logs/{pk}/?period=7d", "/integrations/analytics/", "/api/v1/logs/", "/api/v1/logs/?since=",
    "/api/v1/logs/?request_id=request-1", "/api/v1/logs/{pk}/", "/admin/monitoring/calllog/",
    "/admin/monitoring/calllog/?q=request-1", "/admin/monitoring/calllog/{pk}/change/",
)  # fmt: skip


@pytest.mark.parametrize("address", PAGES)
def test_a_page_does_not_look_into_a_month_that_it_is_not_about(address: str, client: Client, call: CallLog) -> None:
    def visit() -> None:
        assert client.get(address.replace("{pk}", str(call.pk))).status_code == 200

    for tables in months_read(visit):
        assert table_of(month_ago(OLD)) not in tables
        assert tables <= {DEFAULT, *(table_of(month_ago(ago)) for ago in (-3, -2, -1, 0, 1, 2, 3))}


def test_a_super_admins_list_has_a_bound_too(call: CallLog) -> None:
    client = Client()
    client.force_login(UserFactory(is_superuser=True, is_staff=True))
    read = months_read(lambda: client.get("/admin/monitoring/calllog/"))
    assert read
    assert all(table_of(month_ago(OLD)) not in tables for tables in read)


def test_an_old_call_is_read_from_its_own_month_alone(client: Client, call: CallLog) -> None:
    old = CallLog.objects.get(created_at__lt=timezone.now() - timedelta(days=60))
    for address in (f"/integrations/logs/{old.pk}/", f"/api/v1/logs/{old.pk}/"):
        read = months_read(lambda address=address: client.get(address))  # type: ignore[misc]
        assert {table_of(month_ago(OLD))} in [tables - {DEFAULT} for tables in read]
        assert all(table_of(month_ago(0)) not in tables for tables in read)


def test_what_works_in_the_background_has_its_bounds(own: Connection, call: CallLog) -> None:
    organization: Organization = own.organization
    payment = PaymentFactory(connection=own, provider_reference="pi_sample_1")
    search = LogSearch(since=timezone.now() - timedelta(days=7))
    rollup()  # the first counts all there is
    for work in (
        rollup, check_due, lambda: trail_of(payment, calls=True, events=True, actors=True),
        lambda: figures_of(search, organization), lambda: call_command("rollup", stdout=StringIO()),
    ):  # fmt: skip
        for tables in months_read(work):
            assert table_of(month_ago(OLD)) not in tables


def test_the_first_rollup_begins_after_what_was_archived(call: CallLog, own: Connection) -> None:
    from monitoring.log_archive import oldest_call
    from monitoring.models import LogArchive

    assert oldest_call() == CallLog.objects.order_by("created_at").values_list("created_at", flat=True)[0]
    LogArchive.objects.create(
        organization=own.organization, month=month_ago(OLD), part=0, status="archived", file="ae/logs/x", file_key="x"
    )
    assert oldest_call() == call.created_at


@pytest.mark.parametrize(
    ("sql", "unbounded"),
    [
        ('SELECT * FROM "integration_logs" WHERE "integration_logs"."id" = 1', True),
        ('SELECT * FROM "integration_logs" WHERE "integration_logs"."created_at" >= now()', False),
        ('SELECT created_at FROM integration_logs ORDER BY "created_at"', True),
        ('SELECT * FROM "organizations" JOIN integration_logs l ON true', True),
        ("DELETE FROM integration_logs", True),
        ("SELECT * FROM integration_logs_2026_01", False),
        (
            "INSERT INTO integration_logs (id) SELECT id FROM json_populate_recordset(NULL::integration_logs, '[]')",
            False,
        ),
        ('SELECT * FROM "integration_logs" WHERE "integration_logs"."created_at" BETWEEN 1 AND 2', False),
    ],
)
def test_the_watch_over_all_tests_knows_a_bound_when_it_sees_one(sql: str, unbounded: bool) -> None:
    assert is_unbounded(sql) is unbounded
