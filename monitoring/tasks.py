from __future__ import annotations

from celery import shared_task

from . import health, partitions
from . import rollup as rollups


@shared_task
def check_due_connections() -> int:
    return health.check_due()


@shared_task
def rollup() -> int:
    return rollups.rollup().hours


@shared_task
def ensure_partitions() -> list[str]:
    return partitions.ensure_partitions()
