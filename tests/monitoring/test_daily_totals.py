"""Totals of an organization's days are the sums of its connections' days, whatever happened to the connections."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from integrations.models import Connection, Organization
from integrations.operations.connections import delete_connection
from monitoring.daily_totals import add_up_days
from monitoring.histograms import added
from monitoring.models import CallLog, DailyAnalytics, DailyTotals
from monitoring.rollup import rollup
from tests.factories import ConnectionFactory, OrganizationFactory

from .measured import measured_day

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 2)


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory()


def totals(organization: Organization, level: str) -> list[DailyTotals]:
    rows = DailyTotals.objects.filter(organization=organization, level=level)
    return list(rows.order_by("date", "provider", "environment"))


def test_totals_are_a_recount_of_the_days(organization: Organization) -> None:
    chance = random.Random(20260302)
    connections = [
        ConnectionFactory(organization=organization, slug=slug, environment=environment)
        for slug in ("stripe", "tap") for environment in ("production", "staging", "production")
    ]  # fmt: skip
    for connection in connections:
        for back in range(3):
            times = [round(chance.lognormvariate(5, 1)) for _ in range(chance.randrange(1, 30))]
            measured_day(
                connection, DAY - timedelta(days=back), times=times, errors={chance.choice(["4xx", "5xx"]): 1},
                cost=str(chance.randrange(100)), uptime="99.5", webhooks=(9, 1),
            )  # fmt: skip
    for row in DailyTotals.objects.all():
        days = DailyAnalytics.objects.filter(organization=row.organization_id, date=row.date)
        if row.level != "all":
            days = days.filter(connection__environment=row.environment)
        if row.level == "provider":
            days = days.filter(connection__provider=row.provider_id)
        found = list(days)
        errors = sum((Counter(day.metadata["errors"]) for day in found), Counter())
        assert row.requests == sum(day.total_requests for day in found)
        assert row.response_time_sum_ms == sum(day.response_time_sum_ms for day in found)
        histogram = added(day.response_time_histogram for day in found)
        assert added([row.response_time_histogram])[: len(histogram)] == histogram
        assert sum(row.response_time_histogram) == sum(histogram)
        assert row.error_classes == errors
        assert row.cost_aed == sum(day.total_cost_aed for day in found)
        assert (row.uptime_sum, row.uptime_count) == (Decimal("99.5") * len(found), len(found))
        assert (row.webhooks_received, row.webhooks_failed) == (9 * len(found), len(found))
    assert [len(totals(organization, level)) for level in ("all", "environment", "provider")] == [3, 6, 12]


def test_to_add_up_again_changes_nothing(organization: Organization) -> None:
    measured_day(ConnectionFactory(organization=organization), DAY, times=[5, 7], errors={"4xx": 1}, cost="3")
    before = list(DailyTotals.objects.order_by("level").values())
    add_up_days([(organization.pk, DAY), (organization.pk, DAY)])
    assert list(DailyTotals.objects.order_by("level").values()) == before


def test_a_connection_that_moved_is_counted_where_it_is(organization: Organization) -> None:
    connection = ConnectionFactory(organization=organization, environment="staging")
    measured_day(connection, DAY, times=[5])
    Connection.objects.filter(pk=connection.pk).update(environment="production")
    add_up_days([(organization.pk, DAY)])
    assert [row.environment for row in totals(organization, "environment")] == ["production"]
    assert [row.requests for row in totals(organization, "provider")] == [1]


def test_a_day_counted_anew_after_a_connection_was_deleted_keeps_its_calls(organization: Organization) -> None:
    connection = ConnectionFactory(organization=organization)
    measured_day(connection, DAY, times=[5])
    delete_connection(connection)
    add_up_days([(organization.pk, DAY)])
    assert [(row.provider_id, row.requests) for row in totals(organization, "provider")] == [(None, 1)]
    assert [row.requests for row in totals(organization, "all")] == [1]


def test_a_day_that_has_come_to_have_nothing_loses_its_totals(organization: Organization) -> None:
    measured_day(ConnectionFactory(organization=organization), DAY, times=[5])
    DailyAnalytics.objects.all().delete()
    add_up_days([(organization.pk, DAY)])
    assert DailyTotals.objects.count() == 0


def test_the_rollup_adds_up_the_days_that_it_touches(organization: Organization) -> None:
    connection = ConnectionFactory(organization=organization)
    for status in (200, 500):
        CallLog.objects.create(
            organization=organization, connection=connection, log_type="api_response", response_status=status,
            response_time_ms=12, cost_aed="0.5", created_at=timezone.now(),
        )  # fmt: skip
    rollup()
    (row,) = totals(organization, "all")
    assert (row.requests, row.failures, row.cost_aed, row.error_classes) == (2, 1, 1, {"5xx": 1})
    rollup(timezone.now() - timedelta(hours=2))
    assert [again.requests for again in totals(organization, "all")] == [2]
