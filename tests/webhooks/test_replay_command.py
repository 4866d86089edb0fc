from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from integrations.models import Connection
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory
from webhooks.endpoints import create_endpoint
from webhooks.models import WebhookEndpoint, WebhookEvent, WebhookReplay

from .stripe_sender import SECRET, event, post


@pytest.fixture
def events(endpoint: WebhookEndpoint, connection: Connection) -> list[WebhookEvent]:
    """Two that are completed, of two types, and a third one of another endpoint."""
    other, _ = create_endpoint(connection, webhook_secret=SECRET)
    for one, kind in [
        (endpoint, "payment_intent.succeeded"),
        (endpoint, "charge.captured"),
        (other, "charge.captured"),
    ]:
        assert post(urlsplit(one.webhook_url).path, event(kind)).status_code == 200
    WebhookEvent.objects.update(processing_status=WebhookEvent.Status.COMPLETED, next_attempt_at=None)
    return list(WebhookEvent.objects.order_by("pk"))


def replay(*arguments: Any) -> str:
    output = StringIO()
    call_command("replay_webhooks", *map(str, arguments), stdout=output)
    return output.getvalue().strip()


def due() -> list[WebhookEvent]:
    return list(WebhookEvent.objects.filter(processing_status="pending", next_attempt_at__isnull=False).order_by("pk"))


def test_events_are_replayed_by_id(events: list[WebhookEvent]) -> None:
    assert replay(events[0].pk, events[2].pk) == "2 events are due again."
    assert due() == [events[0], events[2]]
    logged = AuditLog.objects.filter(action="webhook_replay.started")
    assert [(entry.actor, entry.changes) for entry in logged] == [("replay_webhooks", {"named": 2, "count": 2})]
    assert {one.replay for one in due()} == {WebhookReplay.objects.get()}


def test_events_are_replayed_by_filter(events: list[WebhookEvent]) -> None:
    arguments = ["--endpoint", events[0].webhook_endpoint_id, "--type", "charge.captured", "--status", "completed"]
    assert replay(*arguments) == "1 events are due again."
    assert due() == [events[1]]


def test_events_are_replayed_by_time(events: list[WebhookEvent], connection: Connection) -> None:
    assert replay("--until", "2020-01-01") == "0 events are due again."
    assert replay("--connection", connection.pk, "--since", "2020-01-01T00:00") == "3 events are due again."
    assert due() == events


def test_a_dry_run_only_counts(events: list[WebhookEvent]) -> None:
    assert replay("--since", "2020-01-01", "--dry-run") == "3 events would be replayed."
    assert not due()


@pytest.mark.parametrize(
    "arguments",
    [[], ["--dry-run"], ["--since", "yesterday"], ["--since", "2026-13-01"], ["--status", "lost"], ["one"], [uuid4()]],
)
@pytest.mark.django_db
def test_what_makes_no_sense_is_refused(arguments: list[Any]) -> None:
    with pytest.raises(CommandError):
        replay(*arguments)


def test_ids_and_filters_are_not_mixed(events: list[WebhookEvent]) -> None:
    with pytest.raises(CommandError):
        replay(events[0].pk, "--type", "charge.captured")
    assert not due()


def test_each_organization_has_a_run_of_its_own(events: list[WebhookEvent]) -> None:
    endpoint, _ = create_endpoint(ConnectionFactory(), webhook_secret=SECRET)
    assert post(urlsplit(endpoint.webhook_url).path, event()).status_code == 200
    theirs = WebhookEvent.objects.latest("pk")
    WebhookEvent.objects.filter(pk=theirs.pk).update(processing_status="failed", next_attempt_at=None)
    assert replay(events[0].pk, theirs.pk) == "2 events are due again."
    assert due() == [events[0], theirs]
    runs = WebhookReplay.objects.order_by("organization")
    assert {(run.organization, run.total, run.done) for run in runs} == {
        (events[0].organization, 1, 1),
        (theirs.organization, 1, 1),
    }


def test_a_long_replay_is_worked_through_here(events: list[WebhookEvent]) -> None:
    own = {"organization": events[0].organization, "webhook_endpoint": events[0].webhook_endpoint}
    many = [
        WebhookEvent(signature_verified=True, **own, event_id=f"evt_{n}", event_type="x", processing_status="failed")
        for n in range(1100)
    ]
    WebhookEvent.objects.bulk_create(many)
    assert replay("--status", "failed") == "1100 events are due again."
    assert WebhookReplay.objects.get().status == "completed"


def test_what_waited_anyway_is_told(events: list[WebhookEvent]) -> None:
    WebhookEvent.objects.filter(pk=events[0].pk).update(processing_status="pending", next_attempt_at=timezone.now())
    told = replay("--since", "2020-01-01").splitlines()
    assert told == ["2 events are due again.", "1 were waiting anyway, or fitted no longer in their turn."]


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, typed: str) -> Iterator[None]:
    """Somebody at a terminal, who types this."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        os.write(ours, typed.encode())
        try:
            yield
        finally:
            os.close(ours)


@pytest.mark.parametrize(("typed", "replayed"), [("y\n", 3), ("yes\n", 3), ("\n", 0), ("n\n", 0)])
def test_on_a_terminal_the_number_is_confirmed_first(
    events: list[WebhookEvent], monkeypatch: pytest.MonkeyPatch, capfd: Any, typed: str, replayed: int
) -> None:
    output = StringIO()
    with terminal(monkeypatch, typed):
        if replayed:
            call_command("replay_webhooks", "--since", "2020-01-01", stdout=output)
        else:
            with pytest.raises(CommandError, match="Nothing was replayed"):
                call_command("replay_webhooks", "--since", "2020-01-01", stdout=output)
    assert "3 completed" in output.getvalue()
    assert len(due()) == replayed


def test_nobody_is_asked_who_said_yes_before(events: list[WebhookEvent], monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch, ""):
        assert replay("--since", "2020-01-01", "--yes") == "3 events are due again."
