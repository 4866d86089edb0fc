"""The order of events that concern one subject (a payment, a shipment) at one endpoint: the provider's.

An event waits for an earlier one of its subject that is still to be taken up, or is being processed. It does not wait
for one that failed and will be tried again: what carries the whole state must not stand a day behind a broken one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from .models import WebhookEvent

# What lies beyond is no time of an event, and near the end of what PostgreSQL, Python and pages can reckon with.
_YEARS = range(1970, 2200)


class Waiting(NamedTuple):
    """An event as a claim sees it. `moment` is the provider's time of it, or else when it was received."""

    organization_id: uuid.UUID
    id: uuid.UUID
    endpoint_id: uuid.UUID
    subject: str
    moment: datetime
    is_ready: bool = True

    @property
    def group(self) -> tuple[uuid.UUID, str]:
        return self.endpoint_id, self.subject or str(self.id)


def plausible(moment: datetime | None) -> datetime | None:
    """The provider's time of an event; None for one that cannot be. It would stop whoever reads it back."""
    return moment if moment is not None and moment.tzinfo is not None and moment.year in _YEARS else None


def in_turn(candidates: Sequence[Waiting], others: Iterable[Waiting]) -> list[Waiting]:
    """What may be taken up now, the candidates that are due longest first, each subject's events in their order.

    `others` are the first events of the candidates' subjects beside them. Those that are ready take their turn; at one
    that is not, its subject stops.
    """
    subjects: dict[tuple[uuid.UUID, str], list[Waiting]] = {}
    for one in candidates:
        subjects.setdefault(one.group, []).append(one)
    for one in others:
        subjects[one.group].append(one)
    return [one for events in subjects.values() for one in _until_held(events)]


def subject_of(event: WebhookEvent) -> tuple[uuid.UUID, str]:
    """What the event shares with others of its subject; one without a subject is alone."""
    return event.webhook_endpoint_id, event.subject or str(event.pk)


def in_order(events: Iterable[WebhookEvent]) -> list[WebhookEvent]:
    """By organization and subject, and within one in the provider's order."""
    return sorted(
        events,
        key=lambda event: (
            event.organization_id, *subject_of(event), event.occurred_at or event.received_at, event.pk
        ),
    )  # fmt: skip


def _until_held(events: list[Waiting]) -> Iterator[Waiting]:
    for one in sorted(events, key=lambda one: (one.moment, one.id)):
        if not one.is_ready:
            return
        yield one
