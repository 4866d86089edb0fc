"""An event that came in is worked on at once, not only when the next sweep comes by."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings

from integrations.hints import hint
from webhooks.models import WebhookEndpoint

from .stripe_sender import event, post


def waiting_tasks() -> list[str]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        messages: Any = client.lrange("celery", 0, -1)
    return [json.loads(message)["headers"]["task"] for message in messages]


def within(seconds: float, count: int) -> list[str]:
    deadline = time.monotonic() + seconds
    while len(waiting_tasks()) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    return waiting_tasks()


def test_the_door_wakes_a_worker(endpoint: WebhookEndpoint) -> None:
    assert post(urlsplit(endpoint.webhook_url).path, event()).status_code == 200
    assert within(3, 1)[0] == "webhooks.tasks.drain_inbox"


def test_a_refused_event_wakes_nobody(endpoint: WebhookEndpoint) -> None:
    time.sleep(0.6)  # a hint of an earlier test may be on its way
    before = len(waiting_tasks())
    assert post(urlsplit(endpoint.webhook_url).path, event(), "t=1,v1=0").status_code == 401
    time.sleep(0.5)
    assert len(waiting_tasks()) == before


@pytest.mark.django_db
def test_a_burst_wakes_few() -> None:
    started = time.monotonic()
    for _ in range(5000):
        hint("webhooks.tasks.drain_inbox")
    assert time.monotonic() - started < 1
    assert 1 <= len(within(3, 1)) <= 5
