"""What follows from checks: rows, the connections' health, their status where credentials are refused, the news.

Of many checks in a few statements. Interrupted after any of them it follows again from the next check.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from integrations import signals
from integrations.models import Connection
from integrations.operations.connection_health import resume_connection, stop_connection
from integrations.providers.registry import get_provider
from integrations.tenancy import acting_for

from .health_probing import Finding, Task, probes_of
from .health_rules import Outcome, Seen, Status, Verdict, conclude, pause_after, worst
from .models import HealthCheck

# Those that were checked again meanwhile, by a person say, are left as they are. In the order of their keys, so that
# two who update many at once do not wait for each other. What a person gave as the reason of closing it is not touched.
_UPDATE = """
WITH news AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(statuses)s::text[], %(moments)s::timestamptz[], %(nexts)s::timestamptz[],
                         %(errors)s::text[]) AS n(id, health, at, next, error)
), before AS (
    SELECT c.id, c.health_status FROM integration_connections c JOIN news USING (id)
    WHERE c.last_health_check IS NULL OR c.last_health_check <= news.at
    ORDER BY c.id FOR NO KEY UPDATE OF c
)
UPDATE integration_connections c SET
    health_status = news.health, last_health_check = news.at, next_health_check = news.next, updated_at = now(),
    health_changed_at = CASE WHEN before.health_status = news.health THEN coalesce(c.health_changed_at, news.at)
                             ELSE news.at END,
    error_message = CASE WHEN c.status = 'inactive' THEN c.error_message ELSE news.error END
FROM news JOIN before USING (id)
WHERE c.id = news.id
RETURNING c.id, before.health_status <> news.health
"""


@dataclass(frozen=True)
class Judged:
    """A connection's check, judged: a row for each probe, and what the connection is like after all of them."""

    task: Task
    rows: Sequence[HealthCheck]
    status: Status
    is_refused: bool
    error_message: str
    next_check: datetime

    @property
    def connection(self) -> Connection:
        return self.task.connection

    @property
    def checked_at(self) -> datetime:
        return max(row.check_timestamp for row in self.rows)


def judge(task: Task, findings: Sequence[Finding]) -> Judged:
    """What the findings say together with the checks before them. At least one is needed."""
    background = task.background
    verdicts = {finding.kind: _verdict(task, finding) for finding in findings}
    statuses = {kind: verdict.status for kind, verdict in verdicts.items()}
    for kind in _kinds(task) - verdicts.keys():
        if (last := background.last(kind)) is not None:
            statuses[kind] = last.status
    status = worst(list(statuses.values()))
    blamed = [finding for finding in findings if statuses[finding.kind] == status and finding.error_message]
    is_told_already = status != Status.HEALTHY and not any(statuses[f.kind] == status for f in findings)
    message = task.connection.error_message if is_told_already else "".join(f.error_message for f in blamed[:1])
    rows = [_row(task, finding, verdicts[finding.kind]) for finding in findings]
    return Judged(
        task=task,
        rows=rows,
        status=status,
        is_refused=any(verdict.is_refused for verdict in verdicts.values()),
        error_message=message,
        next_check=rows[-1].check_timestamp + pause_after(status, background.rule, random.random()),  # noqa: S311 - spreads load
    )


def write_down(judged: Sequence[Judged]) -> None:
    """Keep the checks and bring the connections up to date; tell of those whose health has changed."""
    with transaction.atomic():
        HealthCheck.objects.bulk_create([row for one in judged for row in one.rows])
        changed = _update(judged)
    for one in judged:
        if one.connection.pk not in changed:
            continue  # deleted, or checked again, meanwhile
        with acting_for(one.connection.organization_id):
            has_new_status = _follow(one)
            if changed[one.connection.pk] or has_new_status:
                signals.connection_changed.send_robust(sender=Connection, connection=one.connection, change="health")


def _verdict(task: Task, finding: Finding) -> Verdict:
    background = task.background
    newest = Seen(finding.at, finding.outcome, finding.took_ms, in_maintenance=background.in_maintenance)
    before = background.seen.get(finding.kind, ())
    is_main = finding.kind == get_provider(task.connection.provider.slug).probe.kind
    if not before and finding.outcome == Outcome.SKIPPED and task.connection.health_status in Status:
        return Verdict(Status(task.connection.health_status))
    verdict = conclude(newest, before, background.rule)
    if finding.outcome == Outcome.REFUSED and not is_main:
        # Good credentials that may not do all: business may go on with what they may.
        return Verdict(min(verdict.status, Status.DEGRADED, key=[*Status].index))
    return verdict


def _kinds(task: Task) -> set[str]:
    provider = get_provider(task.connection.provider.slug)
    return {HealthCheck.Type.WEBHOOK.value, *(probe.kind.value for probe in probes_of(provider))}


def _row(task: Task, finding: Finding, verdict: Verdict) -> HealthCheck:
    metadata = {"error_code": finding.error_code} if finding.error_code else {}
    if finding.outcome == Outcome.SKIPPED:
        metadata = {"skipped": "rate limited"}
    elif verdict.reason:
        metadata["reason"] = verdict.reason
    return HealthCheck(
        organization_id=task.connection.organization_id,
        connection=task.connection,
        check_timestamp=finding.at,
        check_type=finding.kind,
        status=verdict.status,
        outcome=finding.outcome,
        in_maintenance=task.background.in_maintenance,
        response_time_ms=finding.took_ms,
        http_status_code=finding.http_status,
        endpoint_tested=finding.endpoint,
        error_message=finding.error_message,
        metadata=metadata,
    )


def _update(judged: Sequence[Judged]) -> dict[object, bool]:
    """The connections that were brought up to date, each with whether its health is another than before."""
    columns: Iterator[tuple[object, ...]] = zip(
        *((o.connection.pk, str(o.status), o.checked_at, o.next_check, o.error_message) for o in judged), strict=True
    )
    names = ("ids", "statuses", "moments", "nexts", "errors")
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, {name: list(values) for name, values in zip(names, columns, strict=True)})
        changed = dict(cursor.fetchall())
    for one in judged:
        tested = one.connection
        if changed.get(tested.pk):
            tested.health_changed_at = one.checked_at
        tested.health_status = Connection.Health(one.status)
        tested.last_health_check, tested.next_health_check = one.checked_at, one.next_check
        tested.error_message = one.error_message
    return changed


def _follow(judged: Judged) -> bool:
    """Stop a connection whose credentials are refused; open one again that was stopped so. Whether it did either."""
    if judged.is_refused and not judged.task.background.in_maintenance:
        return stop_connection(judged.connection, judged.error_message)
    if judged.status != Status.DOWN and judged.connection.is_stopped_by_health:
        return resume_connection(judged.connection)
    return False
