"""What is wrong opens an alert by each rule that it falls under: once, after as long as the rule wants."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from time import monotonic, sleep
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connections as databases
from django.utils import timezone

from integrations import signals
from integrations.errors import InvalidRequest
from integrations.models import Connection, Organization
from integrations.operations.credential_upkeep import look_after_credentials
from monitoring.alerting.rules import create_rule, delete_rule, update_rule
from monitoring.daily_totals import add_up_days
from monitoring.models import Alert, AlertRule, AlertWait, CallLog, DailyAnalytics
from monitoring.tasks import watch_budgets, watch_connections, watch_credentials
from tests.factories import ConnectionFactory, CredentialFactory, OrganizationFactory, RateLimitFactory

from .alert_steps import become, look, pass_time, rule_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def organization() -> Organization:
    made: Organization = OrganizationFactory()
    return made


@pytest.fixture
def shop(organization: Organization) -> Connection:
    made: Connection = ConnectionFactory(organization=organization, connection_name="Shop")
    return made


def open_alerts() -> list[str]:
    return [alert.told for alert in Alert.objects.unresolved().order_by("pk")]


def test_a_new_organization_has_a_rule_of_every_kind_but_the_budget(organization: Organization) -> None:
    rules = AlertRule.objects.filter(organization=organization, is_active=True)
    assert set(rules.values_list("kind", flat=True)) == set(Alert.Kind.values) - {"budget"}


def test_a_connection_that_is_down_is_one_alert_until_it_is_up(shop: Connection) -> None:
    become("down", shop)
    look()
    assert open_alerts() == ["Shop (Stripe) is down. No answer."]
    become("healthy", shop)
    look()
    assert (open_alerts(), Alert.objects.count()) == ([], 1)


def test_what_must_last_opens_only_when_it_has(shop: Connection) -> None:
    become("degraded", shop)  # 15 minutes, by the default rule
    look()
    assert open_alerts() == []
    pass_time(14)
    look()
    assert open_alerts() == []
    pass_time(1)
    look()
    assert open_alerts() == ["Shop (Stripe) is slow or unreliable. No answer."]
    assert not AlertWait.objects.exists()


def test_what_was_well_meanwhile_begins_to_wait_anew(shop: Connection) -> None:
    become("degraded", shop)
    look()
    pass_time(14)
    become("healthy", shop)
    look()
    become("degraded", shop)
    pass_time(14)
    look()
    assert open_alerts() == []


def test_what_goes_from_bad_to_worse_is_not_told_to_be_well(shop: Connection) -> None:
    update_rule(rule_of(shop.organization, "health_degraded"), for_minutes=0)
    become("degraded", shop)
    look()
    become("down", shop)
    look()
    assert sorted(Alert.objects.unresolved().values_list("kind", flat=True)) == ["health_degraded", "health_down"]


def test_one_that_goes_down_at_once_is_not_slow_as_well(shop: Connection) -> None:
    update_rule(rule_of(shop.organization, "health_degraded"), for_minutes=0)
    become("down", shop)
    look()
    assert list(Alert.objects.values_list("kind", flat=True)) == ["health_down"]


def test_each_rule_opens_its_own_and_one_of_a_connection_that_alone(
    organization: Organization, shop: Connection
) -> None:
    other = ConnectionFactory(organization=organization, connection_name="Till")
    mine = create_rule(organization, kind="health_down", connection=other, for_minutes=30)
    become("down", shop, other)
    look()
    pass_time(30)
    look()
    assert Alert.objects.filter(rule=mine).values_list("connection", flat=True).get() == other.pk
    assert Alert.objects.exclude(rule=mine).count() == 2


def test_ten_workers_at_once_open_one(shop: Connection) -> None:
    become("down", shop)
    together = threading.Barrier(10)
    found: list[tuple[int, int]] = []

    def work() -> None:
        together.wait()
        try:
            found.append(watch_connections())
        finally:
            databases.close_all()

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(opened for opened, _ in found) == 1
    assert Alert.objects.count() == 1


@pytest.mark.parametrize("end", [lambda rule: update_rule(rule, is_active=False), delete_rule])
def test_a_rule_that_goes_closes_what_it_opened_and_opens_no_more(shop: Connection, end: Any) -> None:
    become("down", shop)
    look()
    end(rule_of(shop.organization, "health_down"))
    assert open_alerts() == []
    look()
    assert Alert.objects.count() == 1


def test_an_organization_that_has_left_is_not_watched(shop: Connection) -> None:
    become("down", shop)
    Organization.objects.update(is_active=False)
    look()
    assert not Alert.objects.exists()


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"kind": "weather"}, "kind"),
        ({"kind": "budget"}, "threshold"),
        ({"kind": "error_rate", "threshold": 101}, "threshold"),
        ({"kind": "credential_expiring", "threshold": 31}, "threshold"),
        ({"kind": "health_down", "repeat_minutes": 1}, "repeat_minutes"),
        ({"kind": "error_rate", "threshold": 5, "window_minutes": 61}, "window_minutes"),
    ],
)
def test_a_rule_that_cannot_be_names_its_field(
    organization: Organization, settings: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create_rule(organization, **settings)
    assert refused.value.field == field


def test_a_rule_of_another_s_connection_or_channel_cannot_be(organization: Organization) -> None:
    with pytest.raises(InvalidRequest, match="There is no such connection"):
        create_rule(organization, kind="health_down", connection=ConnectionFactory())


def test_a_limit_that_is_used_up_stays_open_while_traffic_keeps_on(shop: Connection) -> None:
    limit = RateLimitFactory(connection=shop, is_exceeded=True, reset_at=timezone.now() + timedelta(seconds=30))
    look()
    (told,) = open_alerts()
    assert told.startswith("Shop has used up its limit of 60 calls a minute until ")
    type(limit).objects.update(is_exceeded=False)
    look()
    assert open_alerts() == [told]
    Alert.objects.update(message_values={"reset_at": (timezone.now() - timedelta(minutes=5)).isoformat()})
    look()
    assert not Alert.objects.unresolved().exists()


def calls(shop: Connection, count: int, *, status: int | None, minutes_ago: float = 1) -> None:
    CallLog.objects.bulk_create(
        CallLog(
            organization_id=shop.organization_id, connection=shop, log_type="api_response" if status else "error",
            response_status=status, created_at=timezone.now() - timedelta(minutes=minutes_ago),
        )
        for _ in range(count)
    )  # fmt: skip


def test_failing_calls_open_an_alert_from_a_floor_of_calls_and_within_the_last_minutes(shop: Connection) -> None:
    update_rule(rule_of(shop.organization, "error_rate"), for_minutes=0, threshold=50, minimum_calls=10)
    calls(shop, 9, status=503)
    calls(shop, 50, status=None, minutes_ago=11)
    look()
    assert open_alerts() == []
    calls(shop, 9, status=200)
    look()
    assert open_alerts() == ["Shop: 50 per cent of 18 calls in 10 minutes have failed."]
    calls(shop, 1, status=200)
    look()
    assert open_alerts() == []


def test_failing_health_checks_are_no_failing_calls(shop: Connection) -> None:
    update_rule(rule_of(shop.organization, "error_rate"), for_minutes=0, threshold=50, minimum_calls=10)
    calls(shop, 30, status=503)
    CallLog.objects.update(operation="health")
    look()
    assert open_alerts() == []


def spend(connection: Connection, aed: str, days_ago: int = 0) -> None:
    day = timezone.localdate() - timedelta(days=days_ago)
    DailyAnalytics.objects.update_or_create(
        organization_id=connection.organization_id, connection=connection, date=day,
        defaults={"total_cost_aed": Decimal(aed)},
    )  # fmt: skip
    add_up_days([(connection.organization_id, day)])


def test_a_budget_is_warned_of_at_80_and_at_100_percent(organization: Organization, shop: Connection) -> None:
    till = ConnectionFactory(organization=organization, connection_name="Till")
    create_rule(organization, kind="budget", threshold=100)
    create_rule(organization, kind="budget", threshold=50, connection=till)
    spend(shop, "500", days_ago=31)  # of a month that is over
    spend(shop, "45")
    spend(till, "34.99")
    assert watch_budgets() == (0, 0)
    spend(till, "40")
    assert watch_budgets() == (2, 0)
    assert open_alerts() == [
        "85 per cent of the month's budget is spent: AED 85.00 of AED 100.00.",
        "Till: 80 per cent of the month's budget is spent: AED 40.00 of AED 50.00.",
    ]
    Alert.objects.update(acknowledged_at=timezone.now(), acknowledged_name="somebody")
    spend(shop, "59")
    assert watch_budgets() == (0, 0)
    assert not Alert.objects.filter(acknowledged_at=None).exists()
    spend(shop, "60")
    watch_budgets()
    whole = Alert.objects.get(connection=None)
    assert (whole.stage, whole.acknowledged_at, whole.notified) == (2, None, 2)
    for connection in (shop, till):
        spend(connection, "0")  # as on the next month's first day
    assert watch_budgets() == (0, 2)


def test_a_credential_is_told_of_30_7_and_1_days_ahead(shop: Connection) -> None:
    credential = CredentialFactory(connection=shop)
    seen = []
    for hours in (31 * 24, 29 * 24, 8 * 24, 7 * 24 - 1, 2 * 24, 23, -1):
        type(credential).objects.update(expires_at=timezone.now() + timedelta(hours=hours))
        look_after_credentials()
        watch_credentials()
        watch_credentials()
        seen.append(Alert.objects.values_list("notified", flat=True).first() or 0)
        Alert.objects.update(acknowledged_at=timezone.now())
    assert seen == [0, 1, 1, 2, 2, 3, 3]


def test_a_rule_may_want_to_hear_of_a_credential_only_a_week_ahead(shop: Connection) -> None:
    update_rule(rule_of(shop.organization, "credential_expiring"), threshold=7)
    credential = CredentialFactory(connection=shop, expires_at=timezone.now() + timedelta(days=20))
    look_after_credentials()
    watch_credentials()
    assert open_alerts() == []
    type(credential).objects.update(expires_at=timezone.now() + timedelta(days=6))
    watch_credentials()
    assert len(open_alerts()) == 1


@pytest.mark.parametrize(
    ("signal", "told"),
    [
        (signals.connection_changed, {"change": "health"}),
        (signals.rate_limit_exceeded, {"window": "per_minute", "reset_at": timezone.now()}),
        (signals.rate_limit_recovered, {"window": "per_minute"}),
    ],
    ids=["health", "exceeded", "recovered"],
)
def test_a_change_wakes_a_worker_before_the_next_round(shop: Connection, signal: Any, told: dict[str, Any]) -> None:
    signal.send_robust(sender=Connection, connection=shop, **told)
    with redis.Redis.from_url(django_settings.REDIS_URL) as broker:
        deadline = monotonic() + 10
        while monotonic() < deadline and not broker.llen("celery"):
            sleep(0.05)
        assert any(b"monitoring.tasks.watch_connections" in message for message in broker.lrange("celery", 0, -1))
