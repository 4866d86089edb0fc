from __future__ import annotations

from celery import shared_task

from . import limits
from .file_removal import remove_files
from .models import ProofToRemove
from .operations.credential_upkeep import look_after_credentials as look_after
from .operations.payment_reconciliation import reconcile_due_payments
from .operations.payment_recovery import give_up_on_unanswered_payments
from .operations.payment_recovery import resume_abandoned_payments as resume
from .operations.settlement_summaries import sum_up_recent_days
from .request_id import working_as


@shared_task
def flush_rate_limits() -> int:
    return limits.flush_usage()


@shared_task
def look_after_credentials() -> dict[str, int]:
    with working_as("policy"):
        return dict(look_after())


@shared_task
def resume_abandoned_payments() -> int:
    with working_as("recovery"):
        give_up_on_unanswered_payments()
        return resume()


@shared_task
def reconcile_payments() -> int:
    with working_as("reconciliation"):
        return reconcile_due_payments()


@shared_task
def sum_up_settlements() -> int:
    return sum_up_recent_days()


@shared_task
def remove_proofs() -> int:
    """The files of proofs of transfer that were deleted, by themselves or with their payment."""
    return remove_files(ProofToRemove)
