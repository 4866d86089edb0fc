"""Nothing that is to be told is lost, nothing goes where it may not, and no token comes to light."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections as databases
from django.utils import timezone

from integrations.errors import IntegrationError
from integrations.models import Connection
from monitoring.alerting import queue
from monitoring.alerting.channels import create_channel, delete_channel
from monitoring.alerting.courier import Courier, Message
from monitoring.alerting.deliver import send_test
from monitoring.models import Alert, AlertChannel, AlertNotification
from monitoring.tasks import send_notifications
from tests.factories import ConnectionFactory, OrganizationFactory
from tests.smtp import SmtpServer
from tests.wire import WireAnswer, WireServer

from .alert_steps import become, channel_to, look, minutes_until, pass_time, send, statuses, tell_again, told

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "sample-token-9f3e"


@pytest.fixture(autouse=True)
def _open_loopback(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.1"]


@pytest.fixture
def shop() -> Connection:
    made: Connection = ConnectionFactory(organization=OrganizationFactory(name="Tailor"), connection_name="Shop")
    become("down", made)
    return made


def taking(request: Any) -> WireAnswer:
    return WireAnswer(200)


def test_a_mail_goes_through_a_real_mail_server(shop: Connection) -> None:
    with SmtpServer() as mail:
        create_channel(
            shop.organization, name="Mail",
            url=f"mailto://sender:{TOKEN}@example.com:{mail.port}?smtp=127.0.0.1&to=ops@example.com",
        )  # fmt: skip
        channel = AlertChannel.objects.get()
        assert (channel.service, channel.shown) == ("mailtos", "ops@example.com (127.0.0.1)")
        test = send_test(channel)
        assert (test.status, test.error) == ("sent", "")
        (message,) = mail.messages
    assert "To: ops@example.com" in message
    assert "Subject: [Tailor] Test message" in message


def test_a_mail_server_s_refusal_is_told_by_its_status_alone(shop: Connection) -> None:
    with SmtpServer(refuses=f"550 {TOKEN} is not welcome") as mail:
        url = f"mailto://sender:{TOKEN}@example.com:{mail.port}?smtp=127.0.0.1&to=ops@example.com"
        test = send_test(create_channel(shop.organization, name="Mail", url=url))
    assert test.status == "failed"
    assert TOKEN not in test.error
    assert test.error == "The mail server answered 550."


def test_a_test_says_what_came_of_it_and_the_channel_shows_its_failure(shop: Connection) -> None:
    with WireServer(lambda request: WireAnswer(403)) as wire:
        channel = channel_to(wire, shop.organization)
        test = send_test(channel)
        assert (test.kind, test.status, test.error) == ("test", "failed", "The service answered 403.")
        channel.refresh_from_db()
        assert channel.error == "The service answered 403."
        wire.answer = taking
        assert send_test(channel).status == "sent"
        channel.refresh_from_db()
        assert (channel.error, minutes_until(channel.delivered_at)) == ("", 0)


def test_what_fails_is_tried_again_after_growing_pauses_and_given_up_at_last(shop: Connection) -> None:
    with WireServer(lambda request: WireAnswer(500)) as wire:
        channel_to(wire, shop.organization)
        look()
        pauses = []
        for _ in range(len(queue.RETRY_AFTER)):
            send()
            notification = AlertNotification.objects.get()
            assert (notification.status, notification.error) == ("retrying", "The service answered 500.")
            pauses.append(minutes_until(notification.next_attempt_at))
            send_notifications()
            pass_time(pauses[-1])
        send()
        assert (pauses, statuses()) == ([1, 5, 15, 60, 180], [("opened", "failed")])
        assert len(wire.requests) == 6
        send()
        assert len(wire.requests) == 6


def test_a_channel_that_comes_back_is_told_what_it_missed(shop: Connection) -> None:
    with WireServer(lambda request: WireAnswer(500)) as wire:
        channel_to(wire, shop.organization)
        look()
        send()
        wire.answer = taking
        pass_time(1)
        send()
        assert (told(wire)[1:], statuses()) == (["Opened: Connection down"], [("opened", "sent")])


def die_while_sending() -> None:
    """A worker claims what is due and is gone before it has written down what came of it."""
    assert queue.claim()


def test_a_worker_that_dies_loses_nothing_and_it_is_sent_once_more_at_the_most(shop: Connection) -> None:
    with WireServer(taking) as wire:
        channel_to(wire, shop.organization)
        look()
        pass_time(0.25)
        die_while_sending()
        send_notifications()
        assert (told(wire), statuses()) == ([], [("opened", "sending")])
        pass_time(queue.LEASE_SECONDS / 60)
        send()
        assert (told(wire), statuses()) == (["Opened: Connection down"], [("opened", "sent")])


def test_what_is_interrupted_twice_is_given_up_and_says_so(shop: Connection) -> None:
    with WireServer(taking) as wire:
        channel_to(wire, shop.organization)
        look()
        pass_time(0.25)
        for _ in range(2):
            die_while_sending()
            pass_time(queue.LEASE_SECONDS / 60)
        send()
        notification = AlertNotification.objects.get()
        assert (notification.status, notification.error) == ("failed", queue.INTERRUPTED)
        assert told(wire) == []


def test_one_who_comes_back_after_the_lease_has_ended_changes_nothing(shop: Connection) -> None:
    with WireServer(taking) as wire:
        channel_to(wire, shop.organization)
        look()
        pass_time(0.25)
        late = queue.claim()
        pass_time(queue.LEASE_SECONDS / 60)
        send()
        queue.mark_failed(late, "too late", for_good=True)
        assert (len(wire.requests), statuses()) == (1, [("opened", "sent")])


def test_six_workers_at_once_send_it_once(shop: Connection) -> None:
    with WireServer(lambda request: WireAnswer(200, delay_seconds=0.3)) as wire:
        channel_to(wire, shop.organization)
        look()
        pass_time(0.25)

        def work() -> None:
            try:
                send_notifications()
            finally:
                databases.close_all()

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert told(wire) == ["Opened: Connection down"]


def test_one_channel_that_hangs_is_ended_and_holds_up_no_other(shop: Connection, monkeypatch: Any) -> None:
    monkeypatch.setattr("monitoring.alerting.courier.SECONDS", 2.0)
    slow = WireServer(lambda request: WireAnswer(200, delay_seconds=30))
    with WireServer(taking) as wire, slow:
        create_channel(shop.organization, name="Slow", url=f"json://127.0.0.1:{slow.port}/")
        channel_to(wire, shop.organization)
        look()
        send()
        assert told(wire) == ["Opened: Connection down"]
        failed = AlertNotification.objects.get(channel_name="Slow")
        assert (failed.status, failed.error) == ("retrying", "The service did not answer in time.")


def test_a_deleted_channel_leaves_what_it_was_told(shop: Connection) -> None:
    with WireServer(taking) as wire:
        channel = channel_to(wire, shop.organization)
        look()
        send()
        delete_channel(channel)
    assert AlertNotification.objects.values_list("channel", "channel_name", "status").get() == (None, "On call", "sent")


def test_a_channel_whose_host_is_closed_later_is_refused_when_it_is_sent(shop: Connection, settings: Any) -> None:
    with WireServer(taking) as wire:
        channel_to(wire, shop.organization)
        look()
        settings.EGRESS_ALLOW = []
        send()
        assert wire.connections == 0
    notification = AlertNotification.objects.get()
    assert (notification.status, notification.attempts) == ("failed", 1)
    assert "Only https addresses" in notification.error


def test_a_redirect_leads_nowhere(shop: Connection) -> None:
    with WireServer(taking) as inside:
        away = WireAnswer(302, headers={"Location": f"{inside.url}/stolen"})
        with WireServer(lambda request: away) as wire:
            test = send_test(channel_to(wire, shop.organization))
        assert (test.status, test.error) == ("failed", "The service answered 302.")
        assert inside.connections == 0


def test_no_log_error_or_row_holds_a_token(shop: Connection, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with WireServer(lambda request: WireAnswer(401, {"error": request.path})) as wire:
        url = f"json://user:{TOKEN}@127.0.0.1:{wire.port}/{TOKEN}?+X-Key={TOKEN}"
        channel = create_channel(shop.organization, name="Token", url=url)
        look()
        send()
        assert wire.requests[0].headers["x-key"] == TOKEN
    channel.refresh_from_db()
    rows = [channel.shown, channel.error, repr(channel.url), AlertNotification.objects.get().error]
    assert not [text for text in [*rows, caplog.text] if TOKEN in text]
    assert channel.url.reveal() == url


def test_a_fault_in_the_courier_says_its_kind_alone() -> None:
    with Courier() as courier, pytest.raises(IntegrationError) as failed:
        courier.send(f"jsons://127.0.0.1:1/{TOKEN}", Message("title", "body"))
    assert TOKEN not in str(failed.value)
    assert failed.value.__traceback__ is not None
    names = []
    step = failed.value.__traceback__
    while step is not None:
        names.append(step.tb_frame.f_code.co_name)
        step = step.tb_next
    assert "_ask" not in names


def test_notifications_of_the_day_before_yesterday_cost_the_next_claim_nothing(shop: Connection) -> None:
    channel = AlertChannel(organization=shop.organization, name="Old", service="jsons", shown="jsons://…")
    channel.url = "jsons://example.com/"
    channel.save()
    AlertNotification.objects.bulk_create(
        AlertNotification(
            organization=shop.organization, channel=channel, channel_name="Old", kind="opened", status="sent",
            next_attempt_at=None, sent_at=timezone.now() - timedelta(days=2),
        )
        for _ in range(2000)
    )  # fmt: skip
    with databases["default"].cursor() as cursor:
        cursor.execute("ANALYZE alert_notifications")
        cursor.execute("EXPLAIN (FORMAT TEXT) " + queue._CLAIM % {"lease": 180})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on alert_notifications" not in plan
    assert plan.count("alert_notifications_due") >= 2


def test_what_waits_for_a_channel_that_is_deleted_is_not_needed_any_more(shop: Connection) -> None:
    with WireServer(taking) as wire:
        channel = channel_to(wire, shop.organization)
        look()
        pass_time(0.25)
        claimed = queue.claim()
        delete_channel(channel)
        queue.mark_failed(claimed, "it hung", for_good=False)
        send()
        assert (wire.requests, statuses()) == ([], [("opened", "skipped")])


def test_a_channel_that_is_away_is_owed_one_message_an_alert(shop: Connection) -> None:
    with WireServer(lambda request: WireAnswer(500)) as wire:
        channel_to(wire, shop.organization)
        look()
        send()
        Alert.objects.update(next_notification_at=timezone.now())
        tell_again()
        wire.answer = taking
        pass_time(2)
        send()
        assert told(wire)[1:] == ["Repeated: Connection down"]
        assert statuses() == [("opened", "skipped"), ("repeated", "sent")]
