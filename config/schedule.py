"""What happens by itself, and how often. By these names the schedule is edited in admin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any


def _every(task: str, **interval: float) -> dict[str, Any]:
    """A run that has not begun when the next is due is left out: each finds what there is to do."""
    pause = timedelta(**interval)
    return {"task": task, "schedule": pause, "options": {"expires": int(pause.total_seconds())}}


CELERY_BEAT_SCHEDULE = {
    "sweep the webhook inbox": _every("webhooks.tasks.sweep_inbox", seconds=5),
    "advance webhook replays": _every("webhooks.tasks.advance_replays", seconds=3),
    "archive webhook bodies": _every("webhooks.tasks.archive_bodies", minutes=1),
    "delete webhook bodies that are too old": _every("webhooks.tasks.purge_bodies", days=1),
    "delete health checks and notifications that are too old": _every("monitoring.tasks.purge_watch", days=1),
    "remove files of deleted webhooks": _every("webhooks.tasks.remove_files", minutes=1),
    "remove files of deleted proofs": _every("integrations.tasks.remove_proofs", minutes=1),
    "sweep webhook deliveries": _every("webhooks.tasks.sweep_deliveries", seconds=5),
    "check due connections": _every("monitoring.tasks.check_due_connections", seconds=30),
    "roll up metrics": _every("monitoring.tasks.rollup", minutes=1),
    "write rate limit usage": _every("integrations.tasks.flush_rate_limits", seconds=5),
    "resume abandoned payments": _every("integrations.tasks.resume_abandoned_payments", minutes=1),
    "reconcile payments": _every("integrations.tasks.reconcile_payments", minutes=1),
    "sum up settlements": _every("integrations.tasks.sum_up_settlements", minutes=5),
    "look after credentials": _every("integrations.tasks.look_after_credentials", hours=1),
    "bring alerts up to date": _every("monitoring.tasks.watch_credentials", minutes=1),
    "bring alerts of payments up to date": _every("monitoring.tasks.watch_payments", minutes=1),
    "bring alerts of webhook destinations up to date": _every("monitoring.tasks.watch_destinations", minutes=1),
    "bring alerts of connections up to date": _every("monitoring.tasks.watch_connections", seconds=30),
    "bring alerts of budgets up to date": _every("monitoring.tasks.watch_budgets", minutes=1),
    "repeat and escalate alerts": _every("monitoring.tasks.tell_due_alerts", seconds=30),
    "send alert notifications": _every("monitoring.tasks.send_notifications", seconds=5),
    "advance log exports": _every("monitoring.tasks.advance_log_exports", seconds=5),
    "delete log exports that are too old": _every("monitoring.tasks.delete_expired_log_exports", hours=1),
    "make log partitions ahead": _every("monitoring.tasks.ensure_partitions", hours=1),
    "archive old logs": _every("monitoring.tasks.archive_logs", hours=1),
}
