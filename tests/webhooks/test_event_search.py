"""A search of the events, which no index serves: how far it goes, and that the page says so."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations.models.base import first_uuid7, moment_of
from webhooks.models import WebhookEndpoint, WebhookEvent, WebhookReplay
from webhooks.pages import events as page

from .event_pages import store

FIRST = datetime(2026, 2, 1, 6, 0, tzinfo=UTC)  # 10:00 in Dubai


@pytest.fixture(autouse=True)
def six_events(endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour apart, three of which failed; and a search goes through three."""
    monkeypatch.setattr(page, "LOOKED_THROUGH", 3)
    for hour in range(6):
        moment = FIRST + timedelta(hours=hour, seconds=30)
        status = "failed" if hour % 2 else "completed"
        own = {"id": first_uuid7(moment), "received_at": moment, "subject": "pi_1", "processing_status": status}
        store(endpoint, f"evt_{hour}", **own)


def found(client: Client, **query: Any) -> tuple[list[str], str]:
    """The ids of the events that are shown, and the page."""
    response = client.get(reverse("webhooks"), query, headers={"HX-Request": "true"})
    assert response.status_code == 200
    text = " ".join(response.text.split())
    return re.findall(r'title="(evt_\d)"', text), text


@pytest.mark.parametrize("query", [{"q": "pi_1"}, {"type": "charge.captured"}])
def test_a_search_without_a_time_goes_through_the_newest_and_says_how_far(staff: Client, query: dict[str, str]) -> None:
    events, text = found(staff, **query)
    assert events == ["evt_5", "evt_4", "evt_3", "evt_2"]  # to the minute, as a time is written
    assert "The newest 3 events were looked through, those since 01/02/2026 12:00." in text
    older = f"{first_uuid7(FIRST + timedelta(hours=3))}"
    assert found(staff, **query, before=older)[0] == ["evt_2"]


def test_what_is_replayed_is_what_was_looked_through(staff: Client) -> None:
    assert 'name="since" value="2026-02-01T08:00:00+00:00"' in found(staff, q="pi_1")[1]


def test_a_search_that_finds_nothing_says_how_far_it_went(staff: Client) -> None:
    events, text = found(staff, q="evt_0")
    assert events == []
    assert "those since 01/02/2026 12:00" in text


def test_a_search_goes_as_far_as_it_is_told(staff: Client) -> None:
    for time in ({"since": "01/02/2026 10:00"}, {"since": "01/02/2026 10:00", "until": "01/02/2026 11:00"}):
        events, text = found(staff, q="evt_0", **time)
        assert events == ["evt_0"]
        assert "looked through" not in text
    events, text = found(staff, q="pi_1", until="01/02/2026 15:00")
    assert events == ["evt_4", "evt_3", "evt_2", "evt_1"]
    assert "those since 01/02/2026 11:00" in text


def test_it_does_not_go_farther_for_another_filter(staff: Client) -> None:
    events, text = found(staff, q="pi_1", status="failed")
    assert events == ["evt_5", "evt_3"]
    assert "looked through" in text


def test_all_events_of_a_replay_are_searched(staff: Client, endpoint: WebhookEndpoint) -> None:
    run = WebhookReplay.objects.create(organization=endpoint.organization, created_by="somebody", total=1)
    WebhookEvent.objects.filter(event_id="evt_0").update(replay=run)
    events, text = found(staff, q="pi_1", replay=run.pk)
    assert events == ["evt_0"]
    assert "looked through" not in text


def test_without_a_search_all_events_are_listed(staff: Client) -> None:
    events, text = found(staff)
    assert len(events) == 6
    assert "looked through" not in text


def test_a_search_that_takes_too_long_says_so(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "SECONDS", 0)
    assert "The search took too long" in found(staff, q="pi_1", since="01/02/2026 10:00")[1]


def test_the_list_is_read_without_what_the_events_belong_to(staff: Client) -> None:
    """Whose tables are too small to have statistics: joined, all events would be read and sorted for the first page."""
    with CaptureQueriesContext(database) as captured:
        found(staff, q="pi_1")
    asked = [one["sql"] for one in captured.captured_queries if 'FROM "webhook_events"' in one["sql"]]
    assert asked
    assert not [sql for sql in asked if "JOIN" in sql]


def test_a_key_tells_its_time() -> None:
    assert moment_of(first_uuid7(FIRST)) == FIRST
