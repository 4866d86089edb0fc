"""Which events are to be replayed: those that somebody named, or all that fit a filter and a time range."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet

from integrations.models.base import first_uuid7, moment_of

from .models import WebhookEvent, WebhookReplay

_TYPES_TOLD = 50


@dataclass(frozen=True)
class Selection:
    """With `ids` those alone, whatever else is given. Times are those of arrival, the end not included.

    `event_type` is the provider's name or ours.
    """

    ids: tuple[uuid.UUID, ...] = ()
    endpoint: uuid.UUID | None = None
    connection: uuid.UUID | None = None
    replay: uuid.UUID | None = None
    status: str = ""
    event_type: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def of(cls, run: WebhookReplay) -> Selection:
        filters: dict[str, Any] = dict(run.filters)
        for name in ("endpoint", "connection", "replay"):
            filters[name] = uuid.UUID(filters[name]) if name in filters else None
        for name in ("since", "until"):
            filters[name] = datetime.fromisoformat(filters[name]) if name in filters else None
        return cls(ids=tuple(run.event_ids), **filters)

    @property
    def filters(self) -> dict[str, str]:
        """What is asked for beside the ids, as JSON holds it."""
        given = {name: value for name, value in vars(self).items() if name != "ids" and value}
        return {name: value.isoformat() if isinstance(value, datetime) else str(value) for name, value in given.items()}

    def among(self, events: QuerySet[WebhookEvent]) -> QuerySet[WebhookEvent]:
        """Those of `events` that are meant, oldest first."""
        if self.ids:
            return events.filter(pk__in=self.ids).order_by("pk")
        given = {
            "webhook_endpoint": self.endpoint,
            "webhook_endpoint__connection": self.connection,
            "replay": self.replay,
            "processing_status": self.status,
            "pk__gte": self.since and first_uuid7(self.since),
            "pk__lt": self.until and first_uuid7(self.until),
        }
        fitting = events.filter(**{name: value for name, value in given.items() if value}).order_by("pk")
        if self.event_type:
            fitting = fitting.filter(Q(event_type=self.event_type) | Q(normalized_type=self.event_type))
        return fitting.filter(known_by(self.text)) if self.text else fitting

    def among_newest(self, events: QuerySet[WebhookEvent], most: int) -> Selection:
        """The same with a beginning, where it has none and looks for what no index knows: a text or a type.

        The newest `most` of all the events up to its end come after it, to the minute, as people write times.
        """
        if self.since or self.replay or not (self.text or self.event_type):
            return self
        newest = Selection(until=self.until).among(events).order_by("-pk").values_list("pk", flat=True)
        beyond = newest[most : most + 1]
        return replace(self, since=moment_of(beyond[0]).replace(second=0, microsecond=0)) if beyond else self


@dataclass(frozen=True)
class Summary:
    """How many events are meant, of which states and types (the commonest), and from when to when they came."""

    count: int = 0
    by_status: Mapping[str, int] = field(default_factory=dict)
    by_type: Mapping[str, int] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None


def known_by(text: str) -> Q:
    """By what people have at hand of an event: id, beginning of its type, what it concerns, words of an error."""
    return Q(event_id=text) | Q(event_type__startswith=text) | Q(subject=text) | Q(error_message__icontains=text)


def summarize(events: QuerySet[WebhookEvent]) -> Summary:
    found = events.order_by()
    whole = found.aggregate(count=Count("pk"), first=Min("received_at"), last=Max("received_at"))
    statuses = found.values_list("processing_status").annotate(Count("pk")).order_by("processing_status")
    types = found.values_list("event_type").annotate(many=Count("pk")).order_by("-many", "event_type")
    return Summary(by_status=dict(statuses), by_type=dict(types[:_TYPES_TOLD]), **whole)
