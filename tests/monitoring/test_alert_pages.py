"""Viewers see alerts, staff acknowledge them, admins manage rules, channels and silences."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone, translation

from integrations.models import Connection
from monitoring.models import Alert, AlertChannel, AlertNotification, AlertRule, AlertSilence, AuditLog
from tests.factories import ConnectionFactory, MembershipFactory, OrganizationFactory
from tests.wire import WireAnswer, WireServer

from .alert_steps import become, channel_to, look, rule_of, send

pytestmark = pytest.mark.django_db(transaction=True)
ALERTS = "/integrations/alerts/"


@pytest.fixture(autouse=True)
def _open_loopback(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.1"]


@pytest.fixture
def wire() -> Iterator[WireServer]:
    with WireServer(lambda request: WireAnswer(200)) as server:
        yield server


@pytest.fixture
def shop() -> Connection:
    made: Connection = ConnectionFactory(organization=OrganizationFactory(), connection_name="Shop")
    return made


def signed_in(shop: Connection, role: str) -> Client:
    client = Client()
    client.force_login(MembershipFactory(organization=shop.organization, role=role, user__username=f"a-{role}").user)
    return client


def text(client: Client, path: str = "", **query: str) -> str:
    response = client.get(f"{ALERTS}{path}", query)
    assert response.status_code == 200, response.content
    return response.content.decode()


def test_an_alert_goes_from_open_to_acknowledged_to_resolved_in_the_browser(shop: Connection, wire: WireServer) -> None:
    channel_to(wire, shop.organization, "On call")
    become("down", shop)
    look()
    send()
    alert = Alert.objects.get()
    staff = signed_in(shop, "staff")
    assert "Shop (Stripe) is down. No answer." in text(staff)
    assert 'class="hub-badge hub-badge--danger">1<' in text(staff)
    page = text(staff, f"{alert.pk}/")
    assert "On call" in page
    assert "Sent" in page
    assert staff.post(f"{ALERTS}{alert.pk}/acknowledge/").status_code == 302
    assert "Shop (Stripe) is down" not in text(staff)
    assert "a-staff" in text(staff, state="acknowledged")
    assert "Acknowledged by a-staff" in text(staff, f"{alert.pk}/")
    assert 'class="hub-badge hub-badge--danger">1<' not in text(staff)
    assert AuditLog.objects.get(action="alert.acknowledged").actor == "a-staff"
    become("healthy", shop)
    look()
    assert "Shop (Stripe) is down" in text(staff, state="resolved")


def test_the_chosen_are_acknowledged_together(shop: Connection) -> None:
    till = ConnectionFactory(organization=shop.organization)
    become("down", shop, till)
    look()
    staff = signed_in(shop, "staff")
    keys = [str(alert.pk) for alert in Alert.objects.all()]
    staff.post(f"{ALERTS}acknowledge/", {"alert": [*keys, "no-key"]})
    assert Alert.objects.filter(acknowledged_name="a-staff").count() == 2


def test_why_a_channel_and_a_connection_fail_is_said_in_the_readers_language(
    shop: Connection, wire: WireServer
) -> None:
    wire.answer = lambda request: WireAnswer(403)
    channel = channel_to(wire, shop.organization)
    become("down", shop, error="The provider did not answer in time.")
    look()
    send()
    admin = signed_in(shop, "admin")
    admin.cookies["django_language"] = "ar"
    answer = admin.post(f"{ALERTS}channels/{channel.pk}/test/", follow=True)
    assert answer.status_code == 200
    pages = [text(admin, path) for path in ("", f"{Alert.objects.get().pk}/", "channels/", f"channels/{channel.pk}/")]
    for page in (answer.content.decode(), *pages):
        assert "The service answered" not in page
        assert "did not answer" not in page
    assert all("403" in page for page in pages[1:])


def test_the_list_is_filtered_by_kind_and_connection(shop: Connection) -> None:
    till = ConnectionFactory(organization=shop.organization, connection_name="Till")
    become("down", shop, till)
    look()
    viewer = signed_in(shop, "viewer")
    assert "Till (Stripe)" not in text(viewer, connection=str(shop.pk))
    assert "Shop (Stripe)" in text(viewer, connection=str(shop.pk))
    assert "Shop (Stripe)" not in text(viewer, kind="budget")
    assert "Shop (Stripe)" in text(viewer, kind="nonsense", connection="nonsense", before="nonsense")


def test_a_viewer_sees_everything_and_changes_nothing(shop: Connection, wire: WireServer) -> None:
    channel = channel_to(wire, shop.organization)
    become("down", shop)
    look()
    alert, rule = Alert.objects.get(), rule_of(shop.organization, "health_down")
    viewer, staff = signed_in(shop, "viewer"), signed_in(shop, "staff")
    for path in (f"{alert.pk}/", "rules/", "channels/", f"channels/{channel.pk}/", "silences/"):
        assert 'method="post" action="/integrations/alerts/' not in " ".join(text(viewer, path).split())
    assert viewer.post(f"{ALERTS}{alert.pk}/acknowledge/").status_code == 403
    assert viewer.post(f"{ALERTS}acknowledge/", {"alert": [str(alert.pk)]}).status_code == 403
    for person in (viewer, staff):
        changes = (
            "rules/new/",
            f"rules/{rule.pk}/",
            "channels/new/",
            f"channels/{channel.pk}/change/",
            "silences/new/",
        )
        for path in changes:
            assert person.get(f"{ALERTS}{path}").status_code == 403
        for path in ("test", "toggle", "delete"):
            assert person.post(f"{ALERTS}channels/{channel.pk}/{path}/").status_code == 403
        assert person.post(f"{ALERTS}rules/{rule.pk}/delete/").status_code == 403


def test_another_organization_s_are_not_there(shop: Connection, wire: WireServer) -> None:
    channel = channel_to(wire, shop.organization)
    become("down", shop)
    look()
    stranger = signed_in(ConnectionFactory(), "admin")
    assert "Shop (Stripe)" not in text(stranger)
    for path in (f"{Alert.objects.get().pk}/", f"channels/{channel.pk}/"):
        assert stranger.get(f"{ALERTS}{path}").status_code == 404


def test_a_channel_is_added_tested_changed_and_deleted(shop: Connection, wire: WireServer) -> None:
    admin = signed_in(shop, "admin")
    url = f"json://user:sample-secret@127.0.0.1:{wire.port}/sample-path"
    assert "hooks.slack.com" in text(admin, "channels/new/")
    made = admin.post(f"{ALERTS}channels/new/", {"name": "Desk", "url": url}, follow=True).content.decode()
    channel = AlertChannel.objects.get()
    assert f"json://127.0.0.1:{wire.port}…" in made
    tested = admin.post(f"{ALERTS}channels/{channel.pk}/test/", follow=True).content.decode()
    assert "The test message was sent" in tested
    assert wire.requests[0].json()["title"].endswith("Test message")
    admin.post(f"{ALERTS}channels/{channel.pk}/change/", {"name": "Counter", "url": ""})
    admin.post(f"{ALERTS}channels/{channel.pk}/toggle/")
    channel.refresh_from_db()
    assert (channel.name, channel.is_active, channel.url.reveal()) == ("Counter", False, url)
    for page in (made, tested, text(admin, "channels/"), text(admin, f"channels/{channel.pk}/change/")):
        assert "sample-secret" not in page
        assert "sample-path" not in page
    admin.post(f"{ALERTS}channels/{channel.pk}/delete/")
    assert not AlertChannel.objects.exists()
    assert not AuditLog.objects.filter(changes__icontains="sample-secret").exists()


def test_a_failed_test_and_a_refused_address_are_told(shop: Connection, wire: WireServer, settings: Any) -> None:
    wire.answer = lambda request: WireAnswer(403)
    channel = channel_to(wire, shop.organization)
    admin = signed_in(shop, "admin")
    tested = admin.post(f"{ALERTS}channels/{channel.pk}/test/", follow=True).content.decode()
    assert "The test message was not sent: The service answered 403." in tested
    assert "The service answered 403." in text(admin, "channels/")
    refused = admin.post(f"{ALERTS}channels/new/", {"name": "In", "url": "jsons://169.254.169.254/sample-secret"})
    assert refused.status_code == 400
    assert "169.254.169.254 is an address inside a network" in refused.content.decode()
    assert "sample-secret" not in refused.content.decode()


def test_a_rule_is_made_changed_and_deleted(shop: Connection, wire: WireServer) -> None:
    channel = channel_to(wire, shop.organization)
    admin = signed_in(shop, "admin")
    assert "What calls cost in a month" in text(admin, "rules/new/")
    given = {
        "name": "Month", "threshold": "250", "for_minutes": "0", "repeat_minutes": "60",
        "repeat_at_most_minutes": "1440", "escalate_after_minutes": "30", "is_active": "on",
        "escalation_channels": [str(channel.pk)],
    }  # fmt: skip
    assert admin.post(f"{ALERTS}rules/new/?kind=budget", {**given, "threshold": "0"}).status_code == 400
    assert admin.post(f"{ALERTS}rules/new/?kind=budget", given).status_code == 302
    rule = AlertRule.objects.get(name="Month")
    assert (rule.threshold, rule.tells_all_channels, list(rule.channels.all())) == (250, False, [channel])
    assert "80 % and 100 % of AED" in text(admin, "rules/")
    assert "250.00" in text(admin, f"rules/{rule.pk}/")
    assert admin.post(f"{ALERTS}rules/{rule.pk}/", {**given, "channels": [str(channel.pk)]}).status_code == 400
    assert admin.post(f"{ALERTS}rules/{rule.pk}/", {**given, "threshold": "300"}).status_code == 302
    admin.post(f"{ALERTS}rules/{rule.pk}/delete/")
    assert not AlertRule.objects.filter(name="Month").exists()


def test_silences_are_planned_by_the_organization_s_clock(shop: Connection) -> None:
    type(shop.organization).objects.update(timezone="Europe/Berlin")
    admin = signed_in(shop, "admin")
    once = {"name": "Move", "starts_at": "2031-07-01T10:00", "ends_at": "2031-07-01T12:00", "is_active": "on"}
    assert admin.post(f"{ALERTS}silences/new/", {**once, "ends_at": "2031-07-01T09:00"}).status_code == 400
    assert admin.post(f"{ALERTS}silences/new/", once).status_code == 302
    weekly = {"name": "Nights", "weekdays": ["0", "4"], "start_time": "22:00", "end_time": "06:00", "is_active": "on"}
    assert admin.post(f"{ALERTS}silences/new/?every=week", weekly).status_code == 302
    move = AlertSilence.objects.get(name="Move")
    assert move.starts_at is not None
    assert move.starts_at.isoformat() == "2031-07-01T08:00:00+00:00"
    listed = text(admin, "silences/")
    assert "01/07/2031 10:00" in listed
    assert "Monday, Friday" in listed
    assert "01/07/2031 10:00" in text(admin, f"silences/{move.pk}/")
    admin.post(f"{ALERTS}silences/{move.pk}/delete/")
    assert AlertSilence.objects.get().name == "Nights"


def test_what_is_silenced_says_so(shop: Connection) -> None:
    from monitoring.alerting.silence_input import create_silence

    now = timezone.now()
    create_silence(shop.organization, name="Work", starts_at=now, ends_at=now.replace(year=now.year + 1))
    become("down", shop)
    look()
    viewer = signed_in(shop, "viewer")
    assert "Silenced" in text(viewer)
    assert "Silent until" in text(viewer, f"{Alert.objects.get().pk}/")


def test_the_list_asks_as_often_however_many_there_are(shop: Connection, django_assert_max_num_queries: Any) -> None:
    become("down", *[ConnectionFactory(organization=shop.organization) for _ in range(30)])
    look()
    viewer = signed_in(shop, "viewer")
    text(viewer)
    with django_assert_max_num_queries(20):
        text(viewer)
    assert not AlertNotification.objects.exists()


def test_all_that_is_wrong_with_a_rule_is_said_at_once(shop: Connection) -> None:
    given = {"threshold": "-3", "window_minutes": "99", "minimum_calls": "0", "for_minutes": "5", "repeat_minutes": "1"}
    answer = signed_in(shop, "admin").post(
        f"{ALERTS}rules/new/?kind=error_rate", {**given, "repeat_at_most_minutes": "60"}
    )
    assert answer.status_code == 400
    assert set(answer.context["form"].errors) == {"threshold", "window_minutes", "minimum_calls", "repeat_minutes"}


def test_a_name_from_the_other_side_keeps_what_stands_beside_it_in_place(shop: Connection) -> None:
    name = "بوابة الدفع"
    alert = Alert(message="{connection}: {spent} is spent.", message_values={"connection": name, "spent": "95 %"})
    assert alert.told == f"\u2068{name}\u2069: 95 % is spent."
    with translation.override("ar"):
        assert name in alert.told
        assert f"\u2068{name}" not in alert.told
        alert.message_values["connection"] = "Stripe (UAE)"
        assert "\u2068Stripe (UAE)\u2069" in alert.told


def test_an_attempt_that_is_due_is_not_said_to_lie_behind(shop: Connection, wire: WireServer) -> None:
    channel = channel_to(wire, shop.organization)
    AlertNotification.objects.create(
        organization=shop.organization, channel=channel, channel_name=channel.name, kind="test", status="retrying",
        next_attempt_at=timezone.now() - timedelta(minutes=1),
    )  # fmt: skip
    page = text(signed_in(shop, "admin"), f"channels/{channel.pk}/")
    assert "The next attempt is due" in page
    assert "Next attempt" not in page
