from __future__ import annotations

from celery import shared_task

from integrations.models import Connection
from integrations.request_id import working_as
from integrations.tenancy import acting_for

from . import (
    budget_alerts,
    credential_alerts,
    destination_alerts,
    health,
    health_alerts,
    log_export_work,
    log_exports,
    log_keeping,
    partitions,
    payment_alerts,
    retention,
)
from . import rollup as rollups
from .alerting.deliver import send_due
from .alerting.telling import tell_what_is_due


@shared_task
def check_due_connections() -> int:
    return health.check_due()


@shared_task
def rollup() -> int:
    return rollups.rollup().hours


@shared_task
def watch_credentials() -> tuple[int, int]:
    return credential_alerts.watch_credentials()


@shared_task
def watch_payments() -> tuple[int, int]:
    return payment_alerts.watch_payments()


@shared_task
def watch_destinations() -> tuple[int, int]:
    return destination_alerts.watch_destinations()


@shared_task
def watch_connections() -> tuple[int, int]:
    """Woken when a connection's health changes or a limit is used up, and every half minute."""
    return health_alerts.watch_connections()


@shared_task
def watch_budgets() -> tuple[int, int]:
    return budget_alerts.watch_budgets()


@shared_task
def tell_due_alerts() -> tuple[int, int]:
    """What is to be repeated or escalated."""
    return tell_what_is_due()


@shared_task
def send_notifications() -> int:
    """Woken when there is something to tell, and every few seconds."""
    with working_as("alerts"):
        return send_due()


@shared_task
def ensure_partitions() -> list[str]:
    return partitions.ensure_partitions()


@shared_task
def advance_log_exports() -> int:
    """Woken when an export is asked for, and every few seconds for those that were left."""
    return log_export_work.advance_all()


@shared_task
def delete_expired_log_exports() -> int:
    return log_exports.delete_expired()


@shared_task
def purge_watch() -> None:
    """Daily; with more to do than fits into a task, it goes on in another."""
    if not retention.purge_all():
        purge_watch.delay()


@shared_task
def check_connection(connection_id: str) -> str:
    """The first check of a connection that has just been switched on: nobody should wait for the sweep to see it."""
    found = Connection.objects.watched().filter(pk=connection_id).select_related("provider", "organization").first()
    if found is None:
        return ""
    with acting_for(found.organization_id):
        return str(health.check_connection(found).status)


@shared_task
def archive_logs() -> int:
    """Every hour, for as long as a task may take: a month goes on where it was left."""
    return log_keeping.keep_in_order()
