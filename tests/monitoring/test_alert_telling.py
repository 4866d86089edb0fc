"""An alert is told, told again at growing intervals, escalated, acknowledged, silenced, and told to be over once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from integrations.errors import Conflict
from integrations.models import Connection, Organization
from integrations.operations.credential_upkeep import look_after_credentials
from monitoring.alerting.acknowledge import acknowledge_alert
from monitoring.alerting.channels import update_channel
from monitoring.alerting.rules import update_rule
from monitoring.alerting.silence_input import create_silence, delete_silence
from monitoring.alerting.silences import silent_until
from monitoring.maintenance import end_window, schedule_window
from monitoring.models import Alert, AlertNotification, AlertSilence
from tests.factories import ConnectionFactory, CredentialFactory, OrganizationFactory, UserFactory
from tests.wire import WireAnswer, WireServer

from .alert_steps import (
    become,
    channel_to,
    look,
    minutes_until,
    pass_time,
    rule_of,
    send,
    statuses,
    tell_again,
    told,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _open_loopback(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.1"]


@pytest.fixture
def wire() -> Iterator[WireServer]:
    with WireServer(lambda request: WireAnswer(200)) as server:
        yield server


@pytest.fixture
def shop() -> Connection:
    made: Connection = ConnectionFactory(organization=OrganizationFactory(name="Tailor"), connection_name="Shop")
    return made


def down(shop: Connection) -> Alert:
    become("down", shop)
    look()
    return Alert.objects.get(connection_id=shop.pk)


def test_it_is_told_with_what_and_where_to_look(wire: WireServer, shop: Connection, settings: Any) -> None:
    settings.PUBLIC_URL = "https://hub.example.com"
    channel_to(wire, shop.organization)
    alert = down(shop)
    send()
    (request,) = wire.requests
    message = request.json()
    assert message["title"] == "[Tailor] Opened: Connection down"
    assert message["type"] == "failure"
    assert message["message"].startswith("Shop (Stripe) is down. No answer.\n\nOpen since ")
    assert message["message"].endswith(f"https://hub.example.com/integrations/alerts/{alert.pk}/")


def test_it_is_told_in_the_organization_s_language(wire: WireServer, shop: Connection) -> None:
    Organization.objects.update(locale="ar")
    channel_to(wire, shop.organization)
    CredentialFactory(connection=shop, expires_at=timezone.now() + timedelta(days=3))
    look_after_credentials()
    send()
    english = Alert.objects.get().told
    with translation.override("ar"):
        arabic = Alert.objects.get().told
    assert arabic != english
    assert wire.requests[0].json()["message"].startswith(arabic)


def test_it_is_told_again_after_pauses_that_double_up_to_the_longest(wire: WireServer, shop: Connection) -> None:
    channel_to(wire, shop.organization)
    update_rule(rule_of(shop.organization, "health_down"), repeat_minutes=60, repeat_at_most_minutes=300)
    alert = down(shop)
    pauses = []
    for _ in range(5):
        alert.refresh_from_db()
        pauses.append(minutes_until(alert.next_notification_at))
        assert tell_again() == (0, 0)
        pass_time(pauses[-1])
        send()
        assert (tell_again(), tell_again()) == ((1, 0), (0, 0))
    assert pauses == [60, 120, 240, 300, 300]
    send()
    assert told(wire) == ["Opened: Connection down", *["Repeated: Connection down"] * 5]


def test_a_rule_without_repeats_tells_once(wire: WireServer, shop: Connection) -> None:
    channel_to(wire, shop.organization)
    update_rule(rule_of(shop.organization, "health_down"), repeat_minutes=None)
    down(shop)
    pass_time(60 * 24 * 30)
    assert tell_again() == (0, 0)


def test_its_end_is_told_once_with_how_long_it_was(wire: WireServer, shop: Connection) -> None:
    channel_to(wire, shop.organization)
    down(shop)
    send()
    pass_time(200)
    become("healthy", shop)
    look()
    look()
    send()
    assert told(wire) == ["Opened: Connection down", "Resolved: Connection down"]
    assert "after 3 h 20 min." in wire.requests[1].json()["message"]
    assert wire.requests[1].json()["type"] == "success"


def test_its_end_still_says_what_was_wrong(wire: WireServer, shop: Connection) -> None:
    channel_to(wire, shop.organization)
    down(shop)
    send()
    become("down", shop, error="")  # it has answered once: down until it does so again
    look()
    become("healthy", shop, error="")
    look()
    send()
    assert wire.requests[1].json()["message"].startswith("Shop (Stripe) is down. No answer.\n\nResolved at ")


def test_what_was_over_before_anybody_was_told_is_told_to_nobody(wire: WireServer, shop: Connection) -> None:
    channel_to(wire, shop.organization)
    down(shop)
    become("healthy", shop)
    look()
    send()
    assert (told(wire), statuses()) == ([], [("opened", "skipped")])


def test_an_acknowledgement_ends_repeats_and_escalation_and_says_who_and_when(
    wire: WireServer, shop: Connection
) -> None:
    channel_to(wire, shop.organization)
    further = channel_to(wire, shop.organization, "Boss")
    rule = rule_of(shop.organization, "health_down")
    update_rule(rule, escalate_after_minutes=10, escalation_channels=[further])
    alert, person = down(shop), UserFactory(username="sara")
    send()
    acknowledged = acknowledge_alert(alert, person)
    assert (acknowledged.acknowledged_by, acknowledged.acknowledged_name) == (person, "sara")
    assert minutes_until(acknowledged.acknowledged_at) == 0
    later = acknowledge_alert(alert, UserFactory())
    assert later.acknowledged_by == person
    pass_time(60 * 24)
    assert tell_again() == (0, 0)
    become("healthy", shop)
    look()
    send()
    assert told(wire) == ["Opened: Connection down", "Resolved: Connection down"]
    with pytest.raises(Conflict):
        acknowledge_alert(alert, person)


def test_a_repeat_that_waits_while_somebody_acknowledges_is_not_sent(wire: WireServer, shop: Connection) -> None:
    channel_to(wire, shop.organization)
    alert = down(shop)
    send()
    pass_time(61)
    tell_again()
    acknowledge_alert(alert, UserFactory())
    send()
    assert told(wire) == ["Opened: Connection down"]


def test_it_escalates_once_to_further_channels_when_nobody_acknowledges(wire: WireServer, shop: Connection) -> None:
    channel_to(wire, shop.organization, path="first")
    further = channel_to(wire, shop.organization, "Boss", path="further")
    update_rule(rule_of(shop.organization, "health_down"), escalate_after_minutes=10, escalation_channels=[further])
    down(shop)
    send()
    pass_time(9)
    assert tell_again() == (0, 0)
    pass_time(1)
    assert (tell_again(), tell_again()) == ((0, 1), (0, 0))
    send()
    assert [(request.path, title) for request, title in zip(wire.requests, told(wire), strict=True)] == [
        ("/first", "Opened: Connection down"),
        ("/further", "Escalated: Connection down"),
    ]
    pass_time(60)
    tell_again()
    send()
    assert sorted(request.path for request in wire.requests[2:]) == ["/first", "/further"]


def test_only_the_chosen_channels_are_told(wire: WireServer, shop: Connection) -> None:
    channel_to(wire, shop.organization, path="other")
    mine = channel_to(wire, shop.organization, "Mine", path="mine")
    update_rule(rule_of(shop.organization, "health_down"), tells_all_channels=False, channels=[mine])
    down(shop)
    send()
    assert [request.path for request in wire.requests] == ["/mine"]


def test_a_channel_that_is_off_is_told_nothing_and_what_waited_for_it_is_dropped(
    wire: WireServer, shop: Connection
) -> None:
    channel = channel_to(wire, shop.organization)
    down(shop)
    update_channel(channel, is_active=False)
    send()
    pass_time(61)
    tell_again()
    assert (told(wire), statuses()) == ([], [("opened", "skipped")])


def silence(shop: Connection, **settings: Any) -> AlertSilence:
    now = timezone.now()
    once = {"starts_at": now - timedelta(hours=1), "ends_at": now + timedelta(hours=1)}
    return create_silence(shop.organization, **{"name": "Work", **once, **settings})


def test_in_a_silence_nobody_is_told_and_at_its_end_what_is_still_so(wire: WireServer, shop: Connection) -> None:
    channel_to(wire, shop.organization)
    quiet = silence(shop)
    alert = down(shop)
    pass_time(2)
    tell_again()
    send()
    alert.refresh_from_db()
    assert (told(wire), alert.notified, alert.state) == ([], 0, "open")
    delete_silence(quiet)
    pass_time(2)
    tell_again()
    send()
    assert told(wire) == ["Opened: Connection down"]


def test_an_end_within_a_silence_is_told_when_it_is_over(wire: WireServer, shop: Connection) -> None:
    channel_to(wire, shop.organization)
    down(shop)
    send()
    silence(shop)
    become("healthy", shop)
    look()
    send()
    assert told(wire) == ["Opened: Connection down"]
    pass_time(61)
    send()
    assert told(wire)[1:] == ["Resolved: Connection down"]


def test_while_work_is_announced_nobody_is_told_again(wire: WireServer, shop: Connection) -> None:
    channel_to(wire, shop.organization)
    boss = channel_to(wire, shop.organization, "Boss")
    update_rule(rule_of(shop.organization, "health_down"), escalate_after_minutes=10, escalation_channels=[boss])
    down(shop)
    send()
    now = timezone.now()
    window = schedule_window(
        shop.organization, connection=shop, starts_at=now, ends_at=now + timedelta(hours=1), reason="New keys"
    )
    pass_time(61)
    tell_again()
    send()
    assert told(wire) == ["Opened: Connection down"]
    end_window(window)
    pass_time(2)
    tell_again()
    send()
    assert sorted(told(wire)[1:]) == ["Escalated: Connection down", "Repeated: Connection down"]


@pytest.mark.parametrize("about", [{"kind": "budget"}, {"connection": "another"}, {"is_active": False}], ids=str)
def test_a_silence_about_something_else_silences_nothing(
    wire: WireServer, shop: Connection, about: dict[str, Any]
) -> None:
    channel_to(wire, shop.organization)
    if about.get("connection"):
        about = {"connection": ConnectionFactory(organization=shop.organization)}
    silence(shop, **about)
    down(shop)
    send()
    assert told(wire) == ["Opened: Connection down"]


# 01/06/2026 is a Monday. Dubai is four hours ahead; in Berlin the clocks go back on 25/10/2026.
@pytest.mark.parametrize(
    ("zone", "weekdays", "start", "end", "moment", "until"),
    [
        ("Asia/Dubai", [0], time(22), time(6), (2026, 6, 1, 18, 0), (2026, 6, 2, 2, 0)),
        ("Asia/Dubai", [0], time(22), time(6), (2026, 6, 1, 17, 59), None),
        ("Asia/Dubai", [0], time(22), time(6), (2026, 6, 2, 1, 59), (2026, 6, 2, 2, 0)),
        ("Asia/Dubai", [0], time(22), time(6), (2026, 6, 2, 2, 0), None),
        ("Asia/Dubai", [0], time(22), time(6), (2026, 6, 2, 18, 0), None),
        ("Asia/Dubai", [5], time(0), time(0), (2026, 6, 6, 12, 0), (2026, 6, 6, 20, 0)),
        ("Asia/Dubai", [6], time(9), time(17), (2026, 6, 7, 5, 0), (2026, 6, 7, 13, 0)),
        ("Europe/Berlin", [5], time(22), time(6), (2026, 10, 25, 4, 30), (2026, 10, 25, 5, 0)),
    ],
)
def test_a_weekly_silence_goes_by_the_organization_s_clock(
    zone: str, weekdays: list[int], start: time, end: time, moment: tuple[int, ...], until: tuple[int, ...] | None
) -> None:
    organization = OrganizationFactory(timezone=zone)
    weekly = create_silence(organization, name="Nights", weekdays=weekdays, start_time=start, end_time=end)
    found = silent_until(weekly, datetime(*moment, tzinfo=UTC))  # type: ignore[misc, arg-type]
    assert found == (datetime(*until, tzinfo=UTC) if until else None)  # type: ignore[misc, arg-type]


def test_a_silence_that_goes_once_has_its_start_and_not_its_end() -> None:
    begin = timezone.now()
    once = create_silence(OrganizationFactory(), name="Work", starts_at=begin, ends_at=begin + timedelta(hours=1))
    moments = (begin - timedelta(seconds=1), begin, begin + timedelta(minutes=59), begin + timedelta(hours=1))
    assert [silent_until(once, moment) is not None for moment in moments] == [False, True, True, False]


def test_what_is_told_is_written_with_the_change_or_not_at_all(shop: Connection, wire: WireServer) -> None:
    channel_to(wire, shop.organization)
    alert = down(shop)
    assert list(AlertNotification.objects.values_list("alert", "kind")) == [(alert.pk, "opened")]
