"""Replays in the browser: chosen, confirmed with their number, and watched."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection, Membership
from integrations.models.base import first_uuid7
from tests.factories import ConnectionFactory, MembershipFactory, PaymentFactory
from webhooks.endpoints import create_endpoint
from webhooks.models import WebhookEndpoint, WebhookEvent, WebhookReplay
from webhooks.replay import start_replay
from webhooks.replay_batches import BATCH
from webhooks.replay_selection import Selection

from .stripe_sender import SECRET, event

NEW = reverse("webhook-replay-new")


def store(endpoint: WebhookEndpoint, name: str, **fields: Any) -> WebhookEvent:
    own = {"event_type": "charge.captured", "processing_status": "failed", "raw_body": b"{}", "next_attempt_at": None}
    return WebhookEvent.objects.create(
        signature_verified=True,
        organization=endpoint.organization,
        webhook_endpoint=endpoint,
        event_id=name,
        **{**own, **fields},
    )


@pytest.fixture
def events(endpoint: WebhookEndpoint) -> list[WebhookEvent]:
    return [store(endpoint, "evt_a"), store(endpoint, "evt_b"), store(endpoint, "evt_c", processing_status="completed")]


def due() -> set[str]:
    return set(WebhookEvent.objects.filter(processing_status="pending").values_list("event_id", flat=True))


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_the_list_offers_to_select_and_keeps_its_filter(staff: Client, events: list[WebhookEvent]) -> None:
    text = text_of(staff.get(reverse("webhooks"), {"status": "failed"}))
    assert f'value="{events[0].pk}"' in text
    assert '<input type="hidden" name="status" value="failed">' in text
    assert NEW in text


def test_a_viewer_is_offered_nothing_to_select(viewer: Client, events: list[WebhookEvent]) -> None:
    text = text_of(viewer.get(reverse("webhooks")))
    assert NEW not in text
    assert 'type="checkbox"' not in text


def test_a_selection_is_counted_then_confirmed(staff: Client, events: list[WebhookEvent]) -> None:
    given = {"scope": "selected", "ids": [events[0].pk, events[2].pk]}
    text = text_of(staff.post(NEW, given))
    assert "2 events would be applied again" in text
    assert "Completed" in text
    assert "charge.captured" in text
    assert not due()
    assert not WebhookReplay.objects.exists()
    response = staff.post(NEW, {**given, "confirmed": "1"})
    run = WebhookReplay.objects.get()
    assert response["Location"] == reverse("webhook-replay", args=[run.pk])
    assert due() == {"evt_a", "evt_c"}
    assert str(run.user_id) == staff.session["_auth_user_id"]


def test_all_that_fit_a_filter_are_counted_then_confirmed(
    staff: Client, events: list[WebhookEvent], endpoint: WebhookEndpoint
) -> None:
    given = {"scope": "fitting", "status": "failed", "connection": endpoint.connection_id, "q": "charge"}
    text = text_of(staff.post(NEW, given))
    assert "2 events would be applied again" in text
    assert endpoint.connection.connection_name in text
    staff.post(NEW, {**given, "confirmed": "1"})
    assert due() == {"evt_a", "evt_b"}


def test_a_time_range_narrows_it_down(staff: Client, events: list[WebhookEvent]) -> None:
    typed = f"{timezone.localtime() - timedelta(hours=1):%d/%m/%Y %H:%M}"
    assert "No event fits" in text_of(staff.post(NEW, {"scope": "fitting", "until": typed}))
    text = text_of(staff.post(NEW, {"scope": "fitting", "since": typed}))
    assert "3 events would be applied again" in text
    assert f'name="since" value="{typed}"' in text
    assert 'type="datetime-local" tabindex="-1"' in text  # the calendar, which has no name of its own


def test_what_was_counted_is_replayed_to_the_second(staff: Client, endpoint: WebhookEndpoint) -> None:
    """A period that was chosen in the list has seconds, which the field does not show."""
    minute = timezone.now().replace(second=0, microsecond=0) - timedelta(hours=1)
    for name, second in (("evt_before", 10), ("evt_after", 40)):
        store(endpoint, name, id=first_uuid7(minute + timedelta(seconds=second)))
    since = (minute + timedelta(seconds=30)).isoformat()
    response = staff.post(NEW, {"scope": "fitting", "since": since})
    assert "1 event would be applied again" in text_of(response)
    (sent_on,) = re.findall(r'type="hidden"\s+name="since"\s+value="([^"]+)"', response.content.decode())
    staff.post(NEW, {"scope": "fitting", "since": sent_on, "confirmed": "1"})
    assert due() == {"evt_after"}


@pytest.mark.parametrize(
    "typed",
    ["soon", "13/31/2026 10:00", "31/02/2026 10:00", "01/02/26 10:00", "01/02/2026 25:00", "01/02/0001 10:00",
     "01/02/9999 10:00", "01/02/2026", "1 Feb 2026 10:00"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["since", "until"])
def test_a_wrong_time_is_told_beside_its_field_and_replays_nothing(
    staff: Client, events: list[WebhookEvent], name: str, typed: str
) -> None:
    response = staff.post(NEW, {"scope": "fitting", "status": "failed", name: typed, "confirmed": "1"})
    text = " ".join(response.content.decode().split())
    assert response.status_code == 400
    assert "Write the day and time as DD/MM/YYYY HH:MM" in text
    assert f'value="{typed}"' in text
    assert 'aria-invalid="true"' in text
    assert '<input type="hidden" name="status" value="failed">' in text
    assert "would be applied" not in text
    assert not WebhookReplay.objects.exists()


def test_an_end_before_the_beginning_is_refused(staff: Client, events: list[WebhookEvent]) -> None:
    times = {"since": "02/01/2026 10:00", "until": "02/01/2026 09:00"}
    response = staff.post(NEW, {"scope": "fitting", **times, "confirmed": "1"})
    assert response.status_code == 400
    assert "The end comes before the beginning." in response.content.decode()
    assert not WebhookReplay.objects.exists()


@pytest.mark.parametrize(
    "typed",
    ["01/02/2026 09:05", "1/2/2026 9:05", " 01/02/2026  09:05 ", "٠١/٠٢/٢٠٢٦ ٠٩:٠٥", "\u200f01/02/2026 09:05\u200f",
     "2026-02-01T09:05", "2026-02-01T05:05Z"],
)  # fmt: skip
def test_a_time_is_read_and_shown_as_it_is_written_here(staff: Client, endpoint: WebhookEndpoint, typed: str) -> None:
    """In the time zone that all times are shown in, four hours ahead of UTC."""
    moment = datetime(2026, 2, 1, 5, 5, tzinfo=UTC)
    store(endpoint, "evt_before", id=first_uuid7(moment - timedelta(minutes=1)))
    store(endpoint, "evt_after", id=first_uuid7(moment + timedelta(minutes=1)))
    text = text_of(staff.post(NEW, {"scope": "fitting", "since": typed}))
    assert "1 event would be applied again" in text
    assert 'name="since" value="01/02/2026 09:05"' in text


def test_a_run_tells_what_was_asked_for_in_words(
    staff: Client, events: list[WebhookEvent], endpoint: WebhookEndpoint
) -> None:
    moment = datetime(2026, 2, 1, 5, 5, 7, tzinfo=UTC)
    chosen = Selection(status="failed", event_type="charge.captured", connection=endpoint.connection_id, since=moment)
    run = start_replay(endpoint.organization, chosen)
    text = text_of(staff.get(reverse("webhook-replay", args=[run.pk])))
    for told in ("Status: <bdi>Failed<", "Event type: <bdi>charge.captured<", "From: <bdi>01/02/2026 09:05:07<"):
        assert told in text
    assert f"Connection: <bdi>{endpoint.connection}<" in text
    assert moment.isoformat() not in text


def test_an_event_alone_is_told_of_in_the_singular(staff: Client, events: list[WebhookEvent]) -> None:
    text = text_of(staff.post(NEW, {"scope": "selected", "ids": [events[0].pk]}))
    assert "1 event would be applied again." in text
    assert "Destinations that had it do not get it again." in text
    assert "They are" not in text
    assert "Destinations that had them do not" in text_of(staff.post(NEW, {"scope": "fitting"}))


def test_nothing_selected_is_not_everything_and_leads_back_to_what_was_shown(
    staff: Client, events: list[WebhookEvent]
) -> None:
    since = "2026-02-01T10:00:00+04:00"
    sent = {"scope": "selected", "confirmed": "1", "status": "failed", "since": since}
    answer = staff.post(NEW, sent, follow=True)
    assert "First select" in text_of(answer)
    assert parse_qs(urlsplit(answer.redirect_chain[-1][0]).query) == {"status": ["failed"], "since": [since]}
    assert not WebhookReplay.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [{}, {"scope": "all"}, {"scope": "selected", "ids": "x"}, {"scope": "fitting", "status": "lost"},
     {"scope": "fitting", "connection": "x"}, {"scope": "fitting", "q": "\x00"}],
)  # fmt: skip
def test_what_makes_no_sense_replays_nothing(staff: Client, events: list[WebhookEvent], wrong: dict[str, str]) -> None:
    assert staff.post(NEW, {**wrong, "confirmed": "1"}).status_code == 302
    assert not WebhookReplay.objects.exists()
    assert not due()


def test_a_run_shows_how_far_it_is(staff: Client, endpoint: WebhookEndpoint) -> None:
    for number in range(4):
        store(endpoint, f"evt_{number}")
    run = start_replay(endpoint.organization, Selection(status="failed"))
    address = reverse("webhook-replay", args=[run.pk])
    text = text_of(staff.get(address))
    assert '<progress class="hub-progress" id="replay-due" value="4" max="4">' in text
    assert f'hx-get="{address}"' in text
    WebhookEvent.objects.update(processing_status="failed")
    fragment = text_of(staff.get(address, headers={"HX-Request": "true"}))
    assert "<html" not in fragment
    assert '<progress class="hub-progress" id="replay-ended" value="4" max="4">' in fragment
    assert "hx-get" not in fragment
    failed = f"{reverse('webhooks')}?replay={run.pk}&amp;status=failed"
    assert failed in fragment
    listed = text_of(staff.get(reverse("webhooks"), {"replay": run.pk, "status": "failed"}))
    assert "evt_3" in listed


def test_a_run_is_stopped(staff: Client, endpoint: WebhookEndpoint) -> None:
    WebhookEvent.objects.bulk_create(
        WebhookEvent(signature_verified=True,
            organization=endpoint.organization, webhook_endpoint=endpoint, event_id=str(number), event_type="x",
            processing_status="failed",
        )
        for number in range(BATCH + 1)
    )  # fmt: skip
    run = start_replay(endpoint.organization, Selection(status="failed"))
    stop = reverse("webhook-replay-cancel", args=[run.pk])
    assert stop in text_of(staff.get(reverse("webhook-replay", args=[run.pk])))
    assert stop not in text_of(staff.post(stop, follow=True))
    run.refresh_from_db()
    assert (run.status, run.done) == ("cancelled", BATCH)
    assert "ended already" in text_of(staff.post(stop, follow=True))


def test_runs_are_listed(staff: Client, events: list[WebhookEvent]) -> None:
    assert "No replay yet" in text_of(staff.get(reverse("webhook-replays")))
    run = start_replay(events[0].organization, Selection(status="failed"))
    assert reverse("webhook-replay", args=[run.pk]) in text_of(staff.get(reverse("webhook-replays")))


def test_an_event_s_replay_shows_first_what_it_would_do(
    staff: Client, endpoint: WebhookEndpoint, connection: Connection
) -> None:
    received = store(endpoint, "evt_a", raw_body=event(), event_type="payment_intent.succeeded")
    PaymentFactory(connection=connection, provider_reference="pi_sample")
    address = reverse("webhook-event-rehearsal", args=[received.pk])
    assert address in text_of(staff.get(reverse("webhook-event", args=[received.pk])))
    text = text_of(staff.get(address))
    assert "payment.succeeded" in text
    assert "Captured" in text
    assert not due()
    assert staff.post(reverse("webhook-event-replay", args=[received.pk])).status_code == 302
    assert due() == {"evt_a"}
    run_less = text_of(staff.get(reverse("webhook-event", args=[received.pk])))
    assert "Replays" in run_less


@pytest.mark.parametrize("body", [b"\xff", b"[]", None, b"{}"])
def test_what_an_odd_event_would_do_is_shown_too(staff: Client, endpoint: WebhookEndpoint, body: bytes | None) -> None:
    received = store(endpoint, "evt_a", raw_body=body)
    text_of(staff.get(reverse("webhook-event-rehearsal", args=[received.pk])))


@pytest.fixture
def run(connection: Connection) -> WebhookReplay:
    return WebhookReplay.objects.create(organization=connection.organization, created_by="sara")


def test_a_viewer_may_look_and_change_nothing(viewer: Client, run: WebhookReplay, events: list[WebhookEvent]) -> None:
    assert viewer.post(NEW, {"scope": "fitting", "confirmed": "1"}).status_code == 403
    stop = reverse("webhook-replay-cancel", args=[run.pk])
    assert viewer.post(stop).status_code == 403
    assert stop not in text_of(viewer.get(reverse("webhook-replay", args=[run.pk])))
    rehearsal = text_of(viewer.get(reverse("webhook-event-rehearsal", args=[events[0].pk])))
    assert reverse("webhook-event-replay", args=[events[0].pk]) not in rehearsal
    run.refresh_from_db()
    assert run.is_open
    assert not due()


def test_what_is_another_organizations_is_not_found(staff: Client) -> None:
    endpoint, _ = create_endpoint(ConnectionFactory(), webhook_secret=SECRET)
    theirs = store(endpoint, "evt_theirs")
    run = WebhookReplay.objects.create(organization=endpoint.organization, created_by="sara")
    for name, key in (("webhook-replay", run.pk), ("webhook-event-rehearsal", theirs.pk)):
        assert staff.get(reverse(name, args=[key])).status_code == 404
        assert staff.get(reverse(name, args=[uuid4()])).status_code == 404
    assert staff.post(reverse("webhook-replay-cancel", args=[run.pk])).status_code == 404
    assert "No event fits" in text_of(staff.post(NEW, {"scope": "selected", "ids": [theirs.pk]}))
    assert staff.post(NEW, {"scope": "fitting", "connection": endpoint.connection_id}).status_code == 302
    assert "evt_theirs" not in due()


def test_nothing_changes_without_a_csrf_token(connection: Connection, events: list[WebhookEvent]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(MembershipFactory(organization=connection.organization, role=Membership.Role.ADMIN).user)
    assert client.post(NEW, {"scope": "fitting", "confirmed": "1"}).status_code == 403
    assert client.get(NEW, {"scope": "fitting", "confirmed": "1"}).status_code == 405
    assert not due()


def test_strangers_are_sent_to_sign_in(run: WebhookReplay) -> None:
    for name in ("webhook-replay", "webhook-replay-cancel"):
        call = Client().get if name == "webhook-replay" else Client().post
        assert "login" in call(reverse(name, args=[run.pk]))["Location"]
