from __future__ import annotations

from io import StringIO
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from integrations.models import Connection
from monitoring.models import AuditLog
from webhooks.endpoints import create_endpoint
from webhooks.models import WebhookEndpoint, WebhookEvent

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
    logged = AuditLog.objects.filter(action="webhook_event.replayed")
    assert {entry.actor for entry in logged} == {"replay_webhooks"}
    assert logged.count() == 2


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
