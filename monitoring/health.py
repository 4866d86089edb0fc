"""Is each connection's provider there, and does it take our credentials?

probe answered, fast enough            → healthy
answered, but slow                     → degraded
failed once                            → degraded (a single failure is often chance)
failed twice in a row, or more         → down
limited by ourselves                   → nothing is concluded
"""

from __future__ import annotations

import logging
import random
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from django.db import close_old_connections, connection, transaction
from django.utils import timezone

from integrations import signals
from integrations.errors import IntegrationError, RateLimited
from integrations.gateway import client_for
from integrations.hints import hint
from integrations.models import Connection
from integrations.models.base import uuid7
from integrations.operations.locks import AdvisoryLock
from integrations.providers.registry import get_provider
from integrations.request_id import Origin, originating
from integrations.tenancy import acting_for

from .models import HealthCheck

logger = logging.getLogger(__name__)

CHECK_SECONDS = 10.0
INTERVAL = timedelta(minutes=5)
INTERVAL_UNWELL = timedelta(minutes=1)
SLOW_MS = 2000
SLOWER_THAN_USUAL = 3  # times the median of the last checks
FAILURES_UNTIL_DOWN = 2
_USUAL_OF = 20
_CLAIM_AT_MOST = 500
_THREADS = 16


def check_due() -> int:
    """Check the active connections that are due, several at a time; returns how many. Never overlaps itself."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [AdvisoryLock.HEALTH_SWEEP])
        if not cursor.fetchone()[0]:
            return 0
        try:
            due = _claim_due()
            with ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="health") as pool:
                list(pool.map(_check_in_thread, due))
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [AdvisoryLock.HEALTH_SWEEP])
    return len(due)


def check_connection(tested: Connection) -> HealthCheck:
    """Probe the provider with the connection's credentials, write down what came of it, and update the connection."""
    check = _probe(tested)
    check.save()
    _update(tested, check)
    return check


def check_soon(sender: object, connection: Connection, change: str, **kwargs: object) -> None:
    """Receiver of `connection_changed`: one that was just switched on is checked at once, by a worker."""
    if change == "activated":
        hint("monitoring.tasks.check_connection", str(connection.pk))


def _claim_due() -> list[Connection]:
    """Due connections, marked as taken so that another sweep, should this one die, comes back to them only later."""
    now = timezone.now()
    due = Connection.objects.usable().exclude(next_health_check__gt=now).filter(organization__is_active=True)
    with transaction.atomic():
        locked = due.select_for_update(skip_locked=True, of=("self",)).order_by("next_health_check")
        claimed = Connection.objects.filter(pk__in=[one.pk for one in locked[:_CLAIM_AT_MOST]])
        claimed.update(next_health_check=now + INTERVAL_UNWELL)
    return list(claimed.select_related("provider", "organization"))


def _check_in_thread(tested: Connection) -> None:
    try:
        with acting_for(tested.organization_id), originating(Origin(str(uuid7()), actor="health check")):
            check_connection(tested)
    except Exception:  # one connection's trouble must not end the sweep of the others
        logger.exception("The health check of connection %s failed.", tested.pk)
    finally:
        close_old_connections()
        connection.close()


def _probe(tested: Connection) -> HealthCheck:
    provider = get_provider(tested.provider.slug)
    check = HealthCheck(
        organization_id=tested.organization_id,
        connection=tested,
        check_timestamp=timezone.now(),
        check_type=HealthCheck.Type.AUTHENTICATION,
        endpoint_tested=provider.probe.path,
    )
    started = time.monotonic()
    try:
        client = client_for(tested, operation="health", any_status=True, probes=True, timeout_seconds=CHECK_SECONDS)
        answer = provider.check(client)
    except RateLimited as limited:
        known = tested.health_status in HealthCheck.Status
        check.status = HealthCheck.Status(tested.health_status) if known else HealthCheck.Status.HEALTHY
        check.error_message = limited.message
        check.metadata = {"skipped": "rate limited"}
        return check
    except IntegrationError as error:
        check.status = _after_failure(tested)
        check.error_message = error.message
        check.metadata = {"error_code": error.code}
        check.http_status_code = getattr(error, "provider_status", None) or None
        return check
    finally:
        check.response_time_ms = round((time.monotonic() - started) * 1000)
    check.http_status_code = answer.status
    check.status = _after_answer(tested, check.response_time_ms)
    return check


def _after_failure(tested: Connection) -> HealthCheck.Status:
    recent = _recent(tested, FAILURES_UNTIL_DOWN - 1)
    failed_before = [check for check in recent if check["metadata"].get("error_code")]
    enough = len(failed_before) >= FAILURES_UNTIL_DOWN - 1
    return HealthCheck.Status.DOWN if enough else HealthCheck.Status.DEGRADED


def _after_answer(tested: Connection, elapsed_ms: int) -> HealthCheck.Status:
    usual = [c["response_time_ms"] for c in _recent(tested, _USUAL_OF) if not c["metadata"] and c["response_time_ms"]]
    slower = len(usual) >= 5 and elapsed_ms > max(200.0, SLOWER_THAN_USUAL * statistics.median(usual))
    return HealthCheck.Status.DEGRADED if slower or elapsed_ms > SLOW_MS else HealthCheck.Status.HEALTHY


def _recent(tested: Connection, count: int) -> Sequence[dict[str, Any]]:
    checks = HealthCheck.objects.filter(connection_id=tested.pk).order_by("-check_timestamp")
    return [dict(check) for check in checks.values("metadata", "response_time_ms")[:count]]


def _update(tested: Connection, check: HealthCheck) -> None:
    before = tested.health_status
    well = check.status == HealthCheck.Status.HEALTHY
    # Shaken, so that connections made together are not checked together for ever.
    pause = (INTERVAL if well else INTERVAL_UNWELL) * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
    tested.health_status = Connection.Health(check.status)
    tested.last_health_check = check.check_timestamp
    tested.next_health_check = check.check_timestamp + pause
    tested.error_message = check.error_message
    tested.save(
        update_fields=["health_status", "last_health_check", "next_health_check", "error_message", "updated_at"]
    )
    if before != tested.health_status:
        signals.connection_changed.send_robust(sender=Connection, connection=tested, change="health")
