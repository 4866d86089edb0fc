"""A paused endpoint takes in and holds; a resumed one lets go of what it held."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.utils import timezone

from monitoring.models import AuditLog
from webhooks.endpoints import create_endpoint, pause, resume, update_endpoint
from webhooks.models import WebhookEndpoint, WebhookEvent

from .stripe_sender import SECRET, event, post

Status = WebhookEvent.Status


def held(endpoint: WebhookEndpoint, status: str = "pending") -> WebhookEvent:
    """An event that the inbox has set aside."""
    assert post(urlsplit(endpoint.webhook_url).path, event()).status_code == 200
    newest = WebhookEvent.objects.latest("id")
    WebhookEvent.objects.filter(pk=newest.pk).update(next_attempt_at=None, processing_status=status)
    return newest


def is_due(one: WebhookEvent) -> bool:
    one.refresh_from_db()
    return one.next_attempt_at is not None and one.next_attempt_at <= timezone.now()


def test_a_paused_endpoint_still_verifies_and_stores(endpoint: WebhookEndpoint) -> None:
    pause(endpoint)
    assert post(urlsplit(endpoint.webhook_url).path, event()).status_code == 200
    assert post(urlsplit(endpoint.webhook_url).path, event(), "t=1,v1=00").status_code == 401
    assert WebhookEvent.objects.count() == 1


def test_what_was_held_is_due_when_the_pause_ends(endpoint: WebhookEndpoint) -> None:
    pause(endpoint)
    waiting = [held(endpoint), held(endpoint, "retrying")]
    over = [held(endpoint, "completed"), held(endpoint, "failed")]
    resume(endpoint)
    assert [is_due(one) for one in waiting] == [True, True]
    assert [is_due(one) for one in over] == [False, False]


def test_another_endpoint_s_events_stay_held(endpoint: WebhookEndpoint) -> None:
    neighbour, _ = create_endpoint(endpoint.connection, webhook_secret=SECRET)
    waiting = held(neighbour)
    resume(endpoint)
    assert not is_due(waiting)


def test_a_pause_and_its_end_are_audited(endpoint: WebhookEndpoint) -> None:
    pause(endpoint)
    resume(endpoint)
    written = AuditLog.objects.filter(action="webhook_endpoint.updated").order_by("id")
    assert [one.changes for one in written] == [{"is_paused": [False, True]}, {"is_paused": [True, False]}]


def test_a_change_of_something_else_lets_go_of_nothing(endpoint: WebhookEndpoint) -> None:
    pause(endpoint)
    waiting = held(endpoint)
    update_endpoint(endpoint, max_per_minute=10)
    assert not is_due(waiting)
