"""The list of events and the page of one, under /integrations/webhooks/."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models.base import first_uuid7
from monitoring.models import AuditLog
from webhooks.models import WebhookAccessLog, WebhookEndpoint, WebhookEvent

from .event_pages import shown, store
from .stripe_sender import SECRET


def test_the_list_shows_addresses_and_events_of_ours_alone(
    staff: Client, endpoint: WebhookEndpoint, received: WebhookEvent, theirs: WebhookEvent
) -> None:
    text = shown(staff)
    assert endpoint.connection.connection_name in text
    assert "evt_ours" in text
    assert "evt_theirs" not in text
    assert "Theirs" not in text
    assert SECRET not in text


def test_the_empty_list_says_what_to_do(staff: Client) -> None:
    assert "No webhook address yet" in shown(staff)


def test_events_are_found_by_what_is_known_of_them(
    staff: Client, endpoint: WebhookEndpoint, received: WebhookEvent
) -> None:
    store(endpoint, "evt_failed", "payment_intent.canceled", processing_status="failed")
    WebhookEvent.objects.filter(event_id="evt_failed").update(subject="pi_1", error_message="It was declined.")
    by_text = ({"q": "evt_failed"}, {"q": "payment_intent"}, {"q": "pi_1"}, {"q": "declined"})
    for query in (*by_text, {"status": "failed"}, {"type": "payment_intent.canceled"}):
        text = shown(staff, **query)
        assert ("evt_failed" in text, "evt_ours" in text) == (True, False)
    both = shown(staff, endpoint=endpoint.pk, connection=endpoint.connection_id)
    assert "evt_failed" in both
    assert "evt_ours" in both
    assert "evt_ours" in shown(staff, period="1h")


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"status": "nonsense"}, "Status: Select a valid choice."),
        ({"q": "\x00"}, "Event id, subject or error: Null characters are not allowed."),
        ({"q": "x" * 300}, "Event id, subject or error: Ensure this value has at most 255 characters"),
        ({"endpoint": "'"}, "Address: “&#x27;” is not a valid UUID."),
        ({"endpoint": str(UUID(int=0))}, "Address: Select a valid choice."),
        ({"connection": "1"}, "Connection: Enter a valid UUID."),
        ({"replay": "1"}, "Replay: Enter a valid UUID."),
        ({"type": "x" * 101}, "Event type: Ensure this value has at most 100 characters"),
        ({"period": "1y"}, "Period: Select a valid choice."),
        ({"since": "31/02/2026 10:00"}, "From: Write the day and time as DD/MM/YYYY HH:MM"),
        ({"until": "31/02/2026 10:00"}, "Until: Write the day and time as DD/MM/YYYY HH:MM"),
        ({"since": "01/02/2026 10:00", "until": "01/02/2026 10:00"}, "The end comes before the beginning."),
    ],
)
def test_a_filter_that_makes_no_sense_shows_no_events_and_says_why(
    staff: Client, received: WebhookEvent, query: dict[str, str], why: str
) -> None:
    for headers, status in (({}, 400), ({"HX-Request": "true"}, 200)):  # htmx shows no answer that is an error
        response = staff.get(reverse("webhooks"), query, headers=headers)
        assert response.status_code == status
        assert f"<li>{why}" in response.text
        assert "evt_ours" not in response.text
        assert reverse("webhook-replay-new") not in response.text


def test_a_filter_that_fits_nothing_is_no_mistake(staff: Client, received: WebhookEvent) -> None:
    text = shown(staff, q="%")
    assert "No events" in text
    assert "evt_ours" not in text
    assert 'role="alert"' not in text


def test_a_place_in_the_list_that_is_none_is_its_beginning(staff: Client, received: WebhookEvent) -> None:
    assert "evt_ours" in shown(staff, before="nonsense")


def test_events_are_found_by_the_time_of_their_arrival(staff: Client, endpoint: WebhookEndpoint) -> None:
    for hour in (5, 6, 7):
        moment = datetime(2026, 2, 1, hour, 5, tzinfo=UTC)
        store(endpoint, f"evt_at_{hour}", id=first_uuid7(moment), received_at=moment)
    text = shown(staff, since="01/02/2026 10:00", until="01/02/2026 11:05")
    assert [f"evt_at_{hour}" in text for hour in (5, 6, 7)] == [False, True, False]
    replayed = re.search(r'id="replay".*?</form>', text, re.DOTALL)
    assert replayed
    assert 'name="since" value="2026-02-01T10:00:00+04:00"' in replayed[0]
    assert 'name="until" value="2026-02-01T11:05:00+04:00"' in replayed[0]


def test_older_events_are_a_link_away(staff: Client, endpoint: WebhookEndpoint) -> None:
    for number in range(60):
        store(endpoint, f"evt_{number:02}")
    first = staff.get(reverse("webhooks"))
    assert "evt_59" in first.content.decode()
    assert "evt_09" not in first.content.decode()
    older = shown(staff, before=first.context["stretch"].older)
    assert "evt_09" in older
    assert "evt_59" not in older


def test_htmx_gets_the_events_alone(staff: Client, received: WebhookEvent) -> None:
    response = staff.get(reverse("webhooks"), headers={"HX-Request": "true"})
    text = response.content.decode()
    assert "evt_ours" in text
    assert text.lstrip().startswith("<section")
    assert "<html" not in text


def test_the_event_s_page_shows_an_outline_which_is_no_reading(staff: Client, received: WebhookEvent) -> None:
    text = staff.get(reverse("webhook-event", args=[received.pk])).content.decode()
    assert "evt_ours" in text
    assert "[13 characters]" in text
    assert "&gt;bold&lt;" not in text
    assert not WebhookAccessLog.objects.exists()


def test_a_compressed_body_is_shown_as_text(staff: Client, endpoint: WebhookEndpoint) -> None:
    packed = store(
        endpoint, "evt_packed", raw_body=gzip.compress(b'{"name": "Mariam"}'), headers={"content-encoding": "gzip"}
    )
    asked = {"reason": "a complaint", "action": "read"}
    assert "Mariam" in staff.post(reverse("webhook-event-body", args=[packed.pk]), asked).text


@pytest.mark.parametrize("body", [b"\xff\x00not json", b"", None, b"[" * 5000, b"9" * 5000, b'{"name": "a\\ud800b"}'])
def test_a_body_of_any_kind_can_be_shown(staff: Client, endpoint: WebhookEndpoint, body: bytes | None) -> None:
    event = store(endpoint, "evt_odd", raw_body=body)
    assert staff.get(reverse("webhook-event", args=[event.pk])).status_code == 200


def test_the_list_and_the_replay_read_no_body(staff: Client, received: WebhookEvent) -> None:
    shown(staff)
    staff.post(reverse("webhook-event-replay", args=[received.pk]))
    assert not WebhookAccessLog.objects.exists()


def test_an_event_is_replayed(staff: Client, received: WebhookEvent) -> None:
    WebhookEvent.objects.update(processing_status="failed", next_attempt_at=None, error_message="No.", retry_count=8)
    response = staff.post(reverse("webhook-event-replay", args=[received.pk]))
    assert (response.status_code, response["Location"]) == (302, reverse("webhook-event", args=[received.pk]))
    received.refresh_from_db()
    assert (received.processing_status, received.retry_count, received.error_message) == ("pending", 0, "")
    assert received.next_attempt_at is not None
    assert AuditLog.objects.get(action="webhook_event.replayed").actor


def test_attempts_are_told_to_the_second(staff: Client, endpoint: WebhookEndpoint) -> None:
    attempts = [
        {"at": f"2026-11-26T20:53:{second}+00:00", "status": "retrying", "error": "Not yet.", "duration_ms": 4}
        for second in ("27", "56")
    ]
    event = store(endpoint, "evt_tried", attempts=attempts)
    shown = staff.get(reverse("webhook-event", args=[event.pk])).content.decode()
    assert [moment in shown for moment in ("27/11/2026 00:53:27<", "27/11/2026 00:53:56<")] == [True, True]
