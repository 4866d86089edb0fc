"""Events that come together are stored together; each is answered for itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import DatabaseError, DataError, IntegrityError
from django.db import connection as database

from integrations.providers.events import EventIdentity
from webhooks.models import WebhookEndpoint, WebhookEvent
from webhooks.store import ReceivedEvent, store_event

pytestmark = pytest.mark.django_db(transaction=True)


def received(endpoint: WebhookEndpoint, event_id: str, kind: str = "charge.captured") -> ReceivedEvent:
    identity = EventIdentity(event_id, kind)
    return ReceivedEvent(endpoint.organization_id, endpoint.pk, identity, event_id.encode(), {}, "")


def store_at_once(events: list[ReceivedEvent]) -> list[type[DatabaseError] | None]:
    """What became of each, all of them stored by a thread of their own at the same moment."""
    together = Barrier(len(events))

    def store(event: ReceivedEvent) -> type[DatabaseError] | None:
        together.wait()
        try:
            store_event(event)
        except DatabaseError as error:
            return type(error)
        finally:
            database.close()
        return None

    with ThreadPoolExecutor(len(events)) as threads:
        return list(threads.map(store, events))


def stored() -> list[str]:
    return sorted(WebhookEvent.objects.values_list("event_id", flat=True))


def test_events_that_come_together_are_all_stored(endpoint: WebhookEndpoint) -> None:
    names = sorted(f"evt_{number:02}" for number in range(20))
    assert store_at_once([received(endpoint, name) for name in names]) == [None] * 20
    assert stored() == names
    assert {bytes(event.raw_body or b"").decode() for event in WebhookEvent.objects.all()} == set(names)


def test_a_burst_costs_fewer_commits_than_events(endpoint: WebhookEndpoint) -> None:
    assert store_at_once([received(endpoint, f"evt_{number:02}") for number in range(60)]) == [None] * 60
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT xmin::text) FROM webhook_events")
        events, commits = cursor.fetchone()
    assert events == 60
    assert commits <= events / 3


def test_an_event_that_cannot_be_stored_spoils_none_that_came_with_it(endpoint: WebhookEndpoint) -> None:
    good = [received(endpoint, f"evt_{number:02}") for number in range(12)]
    too_long = received(endpoint, "evt_long", kind="x" * 101)
    of_no_endpoint = ReceivedEvent(endpoint.organization_id, uuid4(), EventIdentity("evt_stray", "a"), b"", {}, "")
    outcomes = store_at_once([*good[:6], too_long, of_no_endpoint, *good[6:]])
    assert outcomes == [None] * 6 + [DataError, IntegrityError] + [None] * 6
    assert stored() == [event.identity.event_id for event in good]


def test_the_same_events_at_once_are_stored_once(endpoint: WebhookEndpoint) -> None:
    names = [f"evt_{number:02}" for number in range(10)]
    events = [received(endpoint, name) for name in [*names, *reversed(names)]]
    for _ in range(5):
        assert store_at_once(events) == [None] * 20
    assert stored() == names


def test_events_larger_together_than_one_statement_takes_are_all_stored(endpoint: WebhookEndpoint) -> None:
    large = [
        ReceivedEvent(endpoint.organization_id, endpoint.pk, EventIdentity(f"evt_{n}", "a"), b"x" * 1_000_000, {}, "")
        for n in range(8)
    ]
    assert store_at_once(large) == [None] * 8
    assert len(stored()) == 8
