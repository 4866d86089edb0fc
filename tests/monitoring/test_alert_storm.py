"""When everything fails at once, a channel gets one message, and the database few statements."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.models import Connection, Organization
from monitoring.models import Alert, AlertNotification
from monitoring.tasks import send_notifications, watch_connections
from tests.factories import OrganizationFactory, catalogue_row
from tests.wire import WireAnswer, WireServer

from .alert_steps import become, channel_to, pass_time, send, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _open_loopback(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.1"]


def connections_of(organization: Organization, count: int) -> list[Connection]:
    provider = catalogue_row("stripe")
    return Connection.objects.bulk_create(
        Connection(
            organization=organization, provider=provider, provider_type="payment", connection_name=f"Shop {number:03}",
            status="active", environment="development",
        )
        for number in range(1, count + 1)
    )  # fmt: skip


def statements_of(work: Any) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        work()
    return len(captured)


def test_500_connections_down_at_once_are_one_message_a_channel_that_counts_and_names_the_first() -> None:
    organization = OrganizationFactory(name="Tailor")
    shops = connections_of(organization, 500)
    with WireServer(lambda request: WireAnswer(200)) as wire:
        for path in ("phone", "desk"):
            channel_to(wire, organization, path, path)
        become("down", *shops)
        assert statements_of(watch_connections) < 60
        assert (Alert.objects.count(), AlertNotification.objects.count()) == (500, 1000)
        assert statements_of(send) < 60
        assert sorted(request.path for request in wire.requests) == ["/desk", "/phone"]
        message = wire.requests[0].json()
        assert message["title"] == "[Tailor] 500 alerts (Opened: 500)"
        assert message["message"].count("is down") == 10
        assert "• Opened: Shop 001 (Stripe) is down." in message["message"]
        assert "… and 490 more." in message["message"]
        assert set(AlertNotification.objects.values_list("status", flat=True)) == {"sent"}
        assert AlertNotification.objects.values("batch").distinct().count() == 2
        become("healthy", *shops)
        assert statements_of(watch_connections) < 60
        pass_time(3)
        send()
        assert told(wire)[2:] == ["500 alerts (Resolved: 500)"] * 2


def test_a_gathered_message_is_short_enough_for_each_service() -> None:
    """An SMS of Twilio's has 1,600 characters, with the title; Discord takes 2,000, Telegram 4,096."""
    organization = OrganizationFactory(name="T" * 100)
    shops = connections_of(organization, 30)
    with WireServer(lambda request: WireAnswer(200)) as wire:
        channel_to(wire, organization)
        become("down", *shops, error="The provider has said a lot. " * 30)
        watch_connections()
        send()
        message = wire.requests[0].json()
        assert len(message["title"]) + len(message["message"]) < 1600
        assert message["message"].count("is down. The provider") == 10
        assert "… and 20 more." in message["message"]


def test_statements_grow_by_hundreds_of_alerts_not_by_each() -> None:
    organization = OrganizationFactory()
    shops = connections_of(organization, 200)
    become("down", *shops[:2])
    few = statements_of(watch_connections)
    become("down", *shops)
    assert statements_of(watch_connections) <= few + 6


def test_what_comes_in_after_a_storm_has_broken_is_gathered_too() -> None:
    organization = OrganizationFactory()
    shops = connections_of(organization, 12)
    with WireServer(lambda request: WireAnswer(200)) as wire:
        channel_to(wire, organization)
        become("down", *shops[:5])
        watch_connections()
        send()
        for shop in shops[5:]:
            become("down", shop)
            watch_connections()
            send_notifications()
        assert told(wire) == ["5 alerts (Opened: 5)"]
        pass_time(2)
        send()
        assert told(wire)[1:] == ["7 alerts (Opened: 7)"]


def test_what_comes_thick_one_by_one_is_gathered_after_the_fourth() -> None:
    organization = OrganizationFactory()
    with WireServer(lambda request: WireAnswer(200)) as wire:
        channel_to(wire, organization)
        for shop in connections_of(organization, 9):
            become("down", shop)
            watch_connections()
            send()
        assert told(wire) == ["Opened: Connection down"] * 4
        pass_time(2)
        send()
        assert told(wire)[4:] == ["5 alerts (Opened: 5)"]


def test_a_few_alerts_are_a_message_each() -> None:
    organization = OrganizationFactory()
    with WireServer(lambda request: WireAnswer(200)) as wire:
        channel_to(wire, organization)
        become("down", *connections_of(organization, 3))
        watch_connections()
        send()
        assert told(wire) == ["Opened: Connection down"] * 3


def test_an_organization_s_storm_is_not_told_to_another() -> None:
    ours, theirs = OrganizationFactory(), OrganizationFactory()
    with WireServer(lambda request: WireAnswer(200)) as wire:
        channel_to(wire, ours, path="ours")
        channel_to(wire, theirs, path="theirs")
        become("down", *connections_of(ours, 5))
        watch_connections()
        send()
        assert [request.path for request in wire.requests] == ["/ours"]
