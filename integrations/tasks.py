from __future__ import annotations

from celery import shared_task

from . import limits


@shared_task
def flush_rate_limits() -> int:
    return limits.flush_usage()
