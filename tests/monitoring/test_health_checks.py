"""One connection's health: which probes are made, what is concluded, and what becomes of its status."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from integrations.models import Connection
from integrations.operations.connections import activate_connection, deactivate_connection
from integrations.signals import connection_changed
from monitoring.health import check_connection, check_due
from monitoring.health_settings import change_rule
from monitoring.models import AuditLog, HealthCheck, HourlyMetrics
from tests.factories import CredentialFactory
from tests.wire import WireAnswer, WireServer
from webhooks.models import WebhookEndpoint

from .health_wire import BROKEN, REFUSED, WELL, check, connect, fresh

pytestmark = pytest.mark.django_db(transaction=True)


def kinds(connection: Connection) -> list[str]:
    rows = HealthCheck.objects.filter(connection=connection).order_by("check_timestamp", "id")
    return list(rows.values_list("check_type", flat=True))


def test_a_check_makes_the_probes_that_its_provider_declares(provider: WireServer) -> None:
    connection = connect(provider)
    check(connection, WELL, provider=provider)
    assert [request.path.partition(str(connection.pk))[2] for request in provider.requests] == [
        "/v1/balance",
        "/v1/payment_intents",
    ]
    assert kinds(connection) == ["authentication", "api_call"]


def test_a_sweep_makes_each_probe_no_more_often_than_it_wants(provider: WireServer) -> None:
    connection = connect(provider)
    for _ in range(3):
        Connection.objects.update(next_health_check=None)
        check_due()
    assert kinds(connection) == ["authentication", "api_call", "authentication", "authentication"]


def test_whoever_is_not_let_in_is_not_asked_further(provider: WireServer) -> None:
    connection = connect(provider)
    check(connection, REFUSED, provider=provider)
    assert kinds(connection) == ["authentication"]


def test_of_a_ping_any_answer_is_a_good_one(provider: WireServer) -> None:
    """N-Genius: that somebody answers is asked each time, without credentials; for a token four times an hour."""
    connection = connect(provider, slug="network_international")
    CredentialFactory(connection=connection, credential_key="outlet_ref", value="outlet")
    well = {"/identity/auth/access-token": WireAnswer(200, {"access_token": "t", "expires_in": 300}), "/": REFUSED}
    prefix = f"/{connection.pk}"
    provider.answer = lambda request: well.get(request.path.removeprefix(prefix), WireAnswer(404, {}))
    check_connection(connection)
    Connection.objects.update(next_health_check=None)
    check_due()
    assert kinds(connection) == ["authentication", "ping", "ping"]
    assert fresh(connection).health_status == "healthy"
    pings = [request for request in provider.requests if request.path == f"{prefix}/"]
    assert len(pings) == 2
    assert all("authorization" not in request.headers for request in pings)


def test_credentials_that_may_not_do_all_leave_it_degraded_and_open(provider: WireServer) -> None:
    connection = connect(provider)
    provider.answer = lambda request: WELL if request.path.endswith("balance") else WireAnswer(403, {})
    for _ in range(3):
        check_connection(fresh(connection))
    found = fresh(connection)
    assert (found.health_status, found.status) == ("degraded", "active")


def test_a_connection_is_down_while_one_of_its_probes_is(provider: WireServer) -> None:
    connection = connect(provider)
    provider.answer = lambda request: WELL if request.path.endswith("balance") else BROKEN
    for _ in range(2):
        check_connection(fresh(connection))
    found = fresh(connection)
    assert (found.health_status, found.status) == ("down", "active")
    assert "something broke" in found.error_message


def test_refused_credentials_stop_it_and_good_ones_open_it_again(provider: WireServer) -> None:
    connection = connect(provider)
    assert check(connection, REFUSED, provider=provider).status == "active"
    stopped = check(connection, REFUSED, provider=provider)
    assert (stopped.status, stopped.health_status) == ("error", "down")
    assert stopped.error_message == "Stripe refuses the credentials."

    Connection.objects.update(next_health_check=None)
    assert check_due() == 1  # it is looked at still

    assert check(connection, WELL, provider=provider).status == "error"
    opened = check(connection, WELL, provider=provider)
    assert (opened.status, opened.health_status, opened.error_message) == ("active", "healthy", "")
    actions = AuditLog.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["connection.stopped_by_health", "connection.resumed_by_health"]


def test_a_providers_outage_leaves_it_active(provider: WireServer) -> None:
    found = check(connect(provider), BROKEN, BROKEN, BROKEN, provider=provider)
    assert (found.status, found.health_status) == ("active", "down")


def test_what_a_person_has_closed_is_not_opened_again(provider: WireServer) -> None:
    connection = connect(provider)
    check(connection, REFUSED, REFUSED, provider=provider)
    deactivate_connection(fresh(connection), reason="Not ours any more")
    found = check(connection, WELL, WELL, provider=provider)
    assert (found.status, found.error_message) == ("inactive", "Not ours any more")


def test_an_error_that_a_persons_test_found_stays_until_a_person_ends_it(provider: WireServer) -> None:
    connection = connect(provider)
    check(connection, REFUSED, REFUSED, provider=provider)
    with pytest.raises(Exception, match="refuses the credentials"):
        activate_connection(fresh(connection))
    assert check(connection, WELL, WELL, provider=provider).status == "error"
    Connection.objects.update(next_health_check=None)
    assert check_due() == 0


def test_the_rule_of_the_connection_decides(provider: WireServer) -> None:
    connection = connect(provider)
    change_rule(connection, failures_until_down=1, successes_until_recovery=1, interval_seconds=3600)
    assert check(connection, BROKEN, provider=provider).health_status == "down"
    well = check(connection, WELL, provider=provider)
    assert well.health_status == "healthy"
    assert well.next_health_check
    assert well.last_health_check
    assert timedelta(minutes=48) <= well.next_health_check - well.last_health_check <= timedelta(minutes=72)


def test_since_when_it_is_so_is_kept_and_changes_are_told_once(provider: WireServer) -> None:
    told: list[str] = []

    def listen(sender: object, connection: Connection, change: str, **kwargs: object) -> None:
        told.append(f"{change} {connection.health_status} {connection.status}")

    connection = connect(provider)
    connection_changed.connect(listen)
    try:
        first = check(connection, WELL, provider=provider).health_changed_at
        assert check(connection, WELL, provider=provider).health_changed_at == first
        down = check(connection, BROKEN, BROKEN, BROKEN, provider=provider)
    finally:
        connection_changed.disconnect(listen)
    assert first
    assert down.health_changed_at
    assert down.health_changed_at > first
    assert [one for one in told if one.startswith("health")] == [
        "health healthy active", "health degraded active", "health down active",
    ]  # fmt: skip


def hours_with_webhooks(connection: Connection, *hours_ago: int) -> WebhookEndpoint:
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    own = {"organization_id": connection.organization_id, "connection": connection}
    HourlyMetrics.objects.bulk_create(
        HourlyMetrics(**own, hour=now - timedelta(hours=ago), webhooks_received=3) for ago in hours_ago
    )
    last: datetime = now - timedelta(hours=min(hours_ago))
    return WebhookEndpoint.objects.create(
        **own, webhook_url="https://hub.example.com/webhooks/x/", webhook_secret="whsec_sample", last_triggered=last
    )


@pytest.mark.parametrize(
    ("hours_ago", "expected"),
    [
        (range(30, 90), "degraded"),
        (range(3, 60), "healthy"),
        ([*range(30, 60), *range(100, 140)], "healthy"),
        (range(30, 40), "healthy"),
    ],
    ids=["silent for more than a day", "not for long", "as at each weekend", "too few to tell"],
)
def test_webhooks_that_used_to_come_and_do_not_are_noticed(
    hours_ago: list[int], expected: str, provider: WireServer
) -> None:
    connection = connect(provider)
    hours_with_webhooks(connection, *hours_ago)
    found = check(connection, WELL, provider=provider)
    assert (found.health_status, found.status) == (expected, "active")
    assert ("No webhook has come since" in found.error_message) == (expected == "degraded")
    if expected == "degraded":
        assert kinds(connection)[0] == "webhook"
        WebhookEndpoint.objects.update(last_triggered=timezone.now())
        assert check(connection, WELL, provider=provider).health_status == "healthy"


def test_an_endpoint_that_is_paused_is_missed_by_nobody(provider: WireServer) -> None:
    connection = connect(provider)
    hours_with_webhooks(connection, *range(30, 90))
    WebhookEndpoint.objects.update(is_paused=True)
    assert check(connection, WELL, provider=provider).health_status == "healthy"
    assert "webhook" not in kinds(connection)


def test_the_calls_of_a_check_are_logged_as_health(provider: WireServer) -> None:
    from monitoring.models import CallLog

    connection = connect(provider)
    check(connection, WELL, provider=provider)
    assert set(CallLog.objects.values_list("operation", "connection_id")) == {("health", connection.pk)}
