"""When beat last sent a task: one that lives and sends nothing is as good as dead."""

from __future__ import annotations

import logging
import time
from typing import Any

import redis
from celery.signals import after_task_publish, beat_embedded_init, beat_init
from django.conf import settings

from integrations.redis_client import redis_client

logger = logging.getLogger(__name__)

KEY = "hub:metrics:beat"


def watch() -> None:
    """Have beat's own process, and no other, write down when the broker took a task of it."""
    beat_init.connect(_begin, dispatch_uid="hub.metrics.beat")
    beat_embedded_init.connect(_begin, dispatch_uid="hub.metrics.beat.embedded")


def _begin(**kwargs: Any) -> None:
    after_task_publish.connect(_note, dispatch_uid="hub.metrics.beat.sent")


def _note(**kwargs: Any) -> None:
    try:
        redis_client(settings.REDIS_URL).set(KEY, round(time.time(), 3))
    except redis.RedisError as error:
        logger.warning("When beat sent a task could not be noted: %s", type(error).__name__)
