"""All that is known of one payment, in the order of time: what was done, the calls that did it, the events about it.

The call log and the webhook events know no payments, and neither has an index that would find one's rows among all.
What leads to them is kept beside the payment, so that little is read however much there is:

- The audit log knows, by an index, under which request id the payment was created, captured, voided, refunded or
  looked up, and when. The calls of that request are the payment's, unless it was about other payments too.
- Work that nobody asked for (a sweep, an event's look) shares its request id with other payments': there the gateway's
  reference must stand in what was called.

Both are looked for around those moments alone, on the payment's own connections, which is what the log's index and its
partitions are made for. An event is looked for around the moments too, by the gateway's reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from integrations.models import Payment, PaymentOperation
from integrations.models.base import first_uuid7
from webhooks.models import WebhookEndpoint, WebhookEvent

from .models import AuditLog, CallLog

MOST = 200  # of each kind, the newest
_WINDOWS = 24
_AROUND_REQUEST = timedelta(minutes=2)  # no call lasts longer, with all its retries
_AROUND_WORK = timedelta(minutes=1)
_BEFORE_APPLIED = timedelta(hours=1)  # an event may wait, and be tried again
_AFTER_CREATION = timedelta(hours=1)
_SHORTEST_REFERENCE = 6  # a shorter one would be found in others' calls
_UNATTENDED = "system"

Window = tuple[datetime, datetime]


@dataclass(frozen=True)
class Step:
    """`kind` is operation, call or event; `row` is its model's; `by` is who asked for it, where that is known."""

    at: datetime
    kind: str
    row: Any
    by: str = ""


@dataclass(frozen=True)
class Trail:
    """Newest first. `is_cut`: there is more than is shown."""

    steps: Sequence[Step]
    is_cut: bool


def trail_of(payment: Payment, *, calls: bool, events: bool, actors: bool) -> Trail:
    """What is told apart by permission is left out where the argument says so. At most six statements."""
    operations = list(payment.operations.order_by("-pk").defer("payment_token")[: MOST + 1])
    entries = list(_entries_of(payment)[: MOST + 1])
    by = _actors(entries, operations) if actors else {}
    steps = [Step(row.created_at, "operation", row, by.get(row.pk, "")) for row in operations[:MOST]]
    found = [operations, entries]
    if calls:
        found.append(called := _calls(payment, entries, operations))
        steps += [Step(row.created_at, "call", row) for row in called[:MOST]]
    if events:
        found.append(told := _events(payment, operations))
        steps += [Step(row.received_at, "event", row) for row in told[:MOST]]
    return Trail(sorted(steps, key=lambda step: step.at, reverse=True), any(len(rows) > MOST for rows in found))


def _entries_of(payment: Payment) -> Any:
    """Served by audit_object."""
    entries = AuditLog.objects.filter(object=f"{payment._meta.label_lower}:{payment.pk}").order_by("-pk")
    return entries.only("created_at", "action", "actor", "request_id", "changes")


def _actors(entries: Iterable[AuditLog], operations: Iterable[PaymentOperation]) -> Mapping[UUID, str]:
    asked = {str(entry.changes.get("operation", "")): entry.actor for entry in entries}
    creator = next((entry.actor for entry in entries if entry.action == "payment.created"), "")
    named = {row.pk: asked.get(str(row.pk), "") for row in operations}
    return named | {row.pk: creator for row in operations if row.kind == PaymentOperation.Kind.CREATE}


def _calls(payment: Payment, entries: Sequence[AuditLog], operations: Sequence[PaymentOperation]) -> list[CallLog]:
    """Served by logs_connection, in the partitions of the windows."""
    attended = [entry for entry in entries if entry.actor != _UNATTENDED and entry.request_id]
    windows = _merged([
        *((entry.created_at - _AROUND_REQUEST, entry.created_at + _AROUND_REQUEST) for entry in entries),
        *((row.created_at - _AROUND_WORK, row.created_at + _AROUND_WORK) for row in operations),
    ])  # fmt: skip
    is_ours = Q(request_id__in={entry.request_id for entry in attended} - _shared(payment, attended))
    if len(payment.provider_reference) >= _SHORTEST_REFERENCE:
        reference = payment.provider_reference
        is_ours |= Q(endpoint__contains=reference) | Q(request_body__contains=reference)
    rows = CallLog.objects.filter(
        _within(windows, "created_at"),
        is_ours,
        organization=payment.organization_id,
        connection__in=_connections(payment),
    )
    without_bodies = rows.defer("request_headers", "request_body", "response_headers", "response_body")
    return list(without_bodies.order_by("-created_at", "-id")[: MOST + 1])


def _shared(payment: Payment, attended: Sequence[AuditLog]) -> set[str]:
    """The request ids that other payments were worked on under as well: callers may choose theirs. Served by
    audit_org_newest."""
    if not attended:
        return set()
    around = [(entry.created_at - _AROUND_REQUEST, entry.created_at + _AROUND_REQUEST) for entry in attended]
    others = AuditLog.objects.filter(
        _within(_merged(around), "pk"),
        organization=payment.organization_id,
        request_id__in={entry.request_id for entry in attended},
        object__startswith=f"{payment._meta.label_lower}:",
    )
    different = others.exclude(object=f"{payment._meta.label_lower}:{payment.pk}").order_by()
    return set(different.values_list("request_id", flat=True).distinct())


def _events(payment: Payment, operations: Sequence[PaymentOperation]) -> list[WebhookEvent]:
    """Served by webhook_events_endpoint."""
    if not payment.provider_reference:
        return []
    endpoints = list(
        WebhookEndpoint.objects.filter(connection__in=_connections(payment)).values_list("pk", flat=True)[:50]
    )
    windows = _merged([
        (payment.created_at - _AROUND_WORK, payment.created_at + _AFTER_CREATION),
        *((row.created_at - _BEFORE_APPLIED, row.created_at + _AROUND_WORK) for row in operations),
    ])  # fmt: skip
    events = WebhookEvent.objects.filter(
        _within(windows, "pk"), webhook_endpoint__in=endpoints, subject=payment.provider_reference, is_test=False
    )
    without_bodies = events.select_related("webhook_endpoint").defer(
        "raw_body", "payload", "headers", "body_key", "attempts", "webhook_endpoint__webhook_secret"
    )
    return list(without_bodies.order_by("-pk")[: MOST + 1])


def _connections(payment: Payment) -> set[UUID]:
    """That which took it, and those that were tried before."""
    tried = {UUID(attempt["connection"]) for attempt in payment.attempts if attempt.get("connection")}
    return tried | ({payment.connection_id} if payment.connection_id else set())


def _merged(windows: Iterable[Window]) -> list[Window]:
    """Those that overlap as one; of more than `_WINDOWS` the newest."""
    merged: list[Window] = []
    for start, end in sorted(windows):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged[-_WINDOWS:]


def _within(windows: Sequence[Window], column: str) -> Q:
    """In any of the windows; by the key, which is ordered by time, where that is the column."""
    condition = Q(pk__in=[])
    for start, end in windows:
        bounds = (first_uuid7(start), first_uuid7(end)) if column == "pk" else (start, end)
        condition |= Q(**{f"{column}__gte": bounds[0], f"{column}__lt": bounds[1]})
    return condition
