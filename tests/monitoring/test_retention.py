"""Checks and what was sent of alerts are kept for a while; the uptime and the alerts for good."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from integrations.models import Connection, Organization
from integrations.models.base import first_uuid7
from monitoring import retention
from monitoring.health_overview import today_of
from monitoring.models import Alert, AlertNotification, DailyAnalytics, HealthCheck, UptimeDay
from monitoring.rollup import rollup
from monitoring.tasks import purge_watch
from tests.factories import ConnectionFactory, OrganizationFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Connection:
    made: Connection = ConnectionFactory(organization=OrganizationFactory(slug="tailor"))
    return made


def checked(shop: Connection, moment: datetime, status: str = "healthy") -> HealthCheck:
    return HealthCheck.objects.create(
        pk=first_uuid7(moment + timedelta(seconds=1)), organization=shop.organization, connection=shop,
        check_timestamp=moment, status=status,
    )  # fmt: skip


def midnight(organization: Organization, days_ago: int) -> datetime:
    now = timezone.now().astimezone(timezone.zoneinfo.ZoneInfo(organization.timezone))
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)


def told(shop: Connection, days_ago: int, status: str = "sent", alert: Alert | None = None) -> AlertNotification:
    moment = timezone.now() - timedelta(days=days_ago, seconds=AlertNotification.objects.count())
    return AlertNotification.objects.create(
        pk=first_uuid7(moment), organization=shop.organization, alert=alert, channel_name="On call", kind="opened",
        status=status,
    )  # fmt: skip


def alert_of(shop: Connection, **fields: Any) -> Alert:
    return Alert.objects.create(
        organization=shop.organization, kind="health_down", subject_id=shop.pk, message="It is down.", **fields
    )


def test_checks_go_by_whole_days_and_leave_the_uptime(shop: Connection) -> None:
    begin = midnight(shop.organization, 100)
    old = [checked(shop, begin - timedelta(hours=3)), checked(shop, begin - timedelta(seconds=1), "down")]
    kept = checked(shop, begin)
    rollup(since=begin - timedelta(days=2))
    days = dict(UptimeDay.objects.values_list("date", "up_seconds"))
    figures = list(DailyAnalytics.objects.order_by("date").values_list("date", "uptime_percent"))
    purge_watch()
    assert set(HealthCheck.objects.values_list("pk", flat=True)) == {kept.pk}
    rollup(since=begin - timedelta(days=2))  # counts anew, without them
    yesterday = today_of(shop.organization, old[0].check_timestamp)
    assert UptimeDay.objects.get(date=yesterday).up_seconds == days[yesterday] == 3 * 3600 - 1
    assert list(DailyAnalytics.objects.order_by("date").values_list("date", "uptime_percent")) == figures


def test_what_was_sent_goes_after_a_year_and_the_alert_stays(shop: Connection) -> None:
    over, open_one = alert_of(shop, resolved_at=timezone.now()), alert_of(shop)
    gone = [told(shop, 366, alert=over), told(shop, 366, status="failed", alert=over), told(shop, 366)]
    stay = [
        told(shop, 364, alert=over),
        told(shop, 366, alert=open_one),  # whoever was told that it is open is told of its end
        told(shop, 366, status="retrying", alert=over),
    ]
    purge_watch()
    assert set(AlertNotification.objects.values_list("pk", flat=True)) == {one.pk for one in stay}
    assert len(gone) == Alert.objects.count() + 1


def test_the_command_counts_and_deletes_them_too(shop: Connection) -> None:
    checked(shop, midnight(shop.organization, 101))
    told(shop, 366)
    counted, done = StringIO(), StringIO()
    call_command("purge", dry_run=True, stdout=counted)
    assert counted.getvalue() == "tailor: 0 bodies, 0 summaries, 1 health checks and 1 notifications are too old.\n"
    call_command("purge", organization="tailor", stdout=done, stderr=StringIO())
    assert not HealthCheck.objects.exists()
    assert not AlertNotification.objects.exists()


def test_more_than_a_batch_is_deleted_and_a_run_ends_in_time(shop: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(5):
        checked(shop, midnight(shop.organization, 101) + timedelta(seconds=number))
    assert retention.purge_all(seconds=0) is False
    assert HealthCheck.objects.count() == 3
    assert sum(retention.purge(shop.organization)) == 3
    assert retention.purge_all() is True
