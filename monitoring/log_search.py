"""What somebody looks for in the log, and the calls that fit, from a place in it onwards.

Every question has a beginning and an end in time, so that no more partitions are read than are meant.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from django.db.models.functions import JSONObject
from django.utils import timezone

from integrations.models import Connection, Organization
from integrations.models.base import first_uuid7

from .kept_statements import KeptStatement
from .log_places import Frontier, Position
from .log_text import Words
from .models import CallLog

STATUS_CLASSES = {"2xx": 200, "3xx": 300, "4xx": 400, "5xx": 500}
NO_ANSWER = "none"
# A row is dated by the beginning of its call and written at its end.
LONGEST_CALL = timedelta(minutes=10)
_CLOCKS_DIFFER_BY = timedelta(minutes=1)
_BY_VALUE = ("since", "connection", "log_type", "method", "user", "request_id")
HEAVY = ("request_headers", "request_body", "response_headers", "response_body")


@dataclass(frozen=True)
class LogSearch:
    """`until` is empty for a search that goes on: it is answered up to now."""

    since: datetime
    until: datetime | None = None
    connection: uuid.UUID | None = None
    provider: str = ""
    log_type: str = ""
    method: str = ""
    status: str = ""
    user: uuid.UUID | None = None
    request_id: str = ""
    text: str = ""

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> LogSearch:
        moments = {name: datetime.fromisoformat(given[name]) for name in ("since", "until") if given.get(name)}
        keys = {name: uuid.UUID(given[name]) for name in ("connection", "user") if given.get(name)}
        return cls(**{**given, **moments, **keys})

    def as_json(self) -> dict[str, Any]:
        """What is set of it, with the time at which it ends."""
        given = {**asdict(self), "until": self.end}
        return {
            name: value.isoformat() if isinstance(value, datetime) else str(value)
            for name, value in given.items()
            if value
        }

    @property
    def end(self) -> datetime:
        return self.until or timezone.now() + _CLOCKS_DIFFER_BY

    def but(self, **changed: Any) -> LogSearch:
        """The same search, otherwise in what is named."""
        return replace(self, **changed)

    @property
    def is_by_place_alone(self) -> bool:
        """Whether it asks for nothing but a time and connections: what hours add up to."""
        return not (self.log_type or self.method or self.status or self.user or self.request_id or self.text)

    def rows(self, organization: Organization) -> QuerySet[CallLog]:
        """The calls that fit, in no order, but for the words that must be in them."""
        rows = CallLog.objects.filter(organization=organization, created_at__gte=self.since, created_at__lt=self.end)
        for name in ("connection", "log_type", "method", "user", "request_id"):
            if value := getattr(self, name):
                rows = rows.filter(**{name: value})
        if self.status == NO_ANSWER:
            rows = rows.filter(response_status__isnull=True)
        elif self.status:
            low = STATUS_CLASSES[self.status]
            rows = rows.filter(response_status__gte=low, response_status__lt=low + 100)
        if self.provider:
            rows = rows.filter(connection__in=self._connections(organization))
        return rows.order_by()

    def calls(
        self, organization: Organization, place: Position | None = None, *, size: int, ascending: bool = False,
        whole: bool = False, columns: Sequence[str] = (),
    ) -> list[Any]:  # fmt: skip
        """The next `size` calls that fit, from `place` on: newest first, or oldest first with `ascending`.

        `whole`: with headers and bodies. `columns`: these alone, as named tuples, which cost a third of a model's row.
        Raises what the database does; see `integrations.bounded`.
        """
        search = self._from(place, ascending=ascending)
        if columns and not (self.text or self.provider):
            return search._listed(organization, place, size, tuple(columns), ascending=ascending)
        rows = _from_place(_with_columns(search.rows(organization), columns, whole=whole), place, ascending=ascending)
        return search._ordered(rows, organization, size, ascending=ascending)

    def written_since(
        self, organization: Organization, frontier: Frontier, *, size: int, columns: Sequence[str] = ()
    ) -> list[Any]:
        """The newest of the calls that fit and were written down after `frontier`, whenever they began."""
        recent = self.but(since=max(self.since, frontier.moment - LONGEST_CALL))
        rows = recent.rows(organization).filter(pk__gte=first_uuid7(frontier.moment)).exclude(pk__in=frontier.seen)
        return recent._ordered(_with_columns(rows, columns), organization, size)

    def _from(self, place: Position | None, *, ascending: bool) -> LogSearch:
        """Bounded in time by the place."""
        if place is None:
            return self
        if ascending:
            return self.but(since=max(self.since, place.created_at))
        return self.but(until=min(self.end, place.created_at + timedelta(microseconds=1)))

    def _ordered(
        self, rows: QuerySet[Any], organization: Organization, size: int, *, ascending: bool = False
    ) -> list[Any]:
        rows = _in_order(rows, ascending=ascending)
        if self.text:
            words = Words.of(self.text)
            return words.among(rows, self.since, self.end, size, ascending=ascending) if words else []
        if self.provider:
            rows = self._of_connections(rows, organization, size)
        return list(rows[:size])

    def _listed(
        self, organization: Organization, place: Position | None, size: int, columns: tuple[str, ...], *,
        ascending: bool,
    ) -> list[Any]:  # fmt: skip
        """By a statement that is kept: to have Django write it takes as long as to run it."""
        values = {name: value for name in _BY_VALUE if (value := getattr(self, name))}
        values |= {"organization": organization.pk, "until": self.end}
        if place:
            values |= {"moment": place.created_at, "key": place.pk}
        statement = _statement(frozenset(values), self.status, size, columns, ascending=ascending)
        return statement.read(values)

    def _of_connections(self, rows: QuerySet[Any], organization: Organization, size: int) -> QuerySet[Any]:
        """The newest of each connection, from its own index: a provider whose calls are few has not all looked through.

        What all of them have in common, the order, is that of `rows`.
        """
        of_one = rows.filter(connection=OuterRef("pk")).values(place=JSONObject(pk="pk", at="created_at"))[:size]
        places = self._connections(organization).annotate(places=ArraySubquery(of_one))
        found = [place for several in places.values_list("places", flat=True) for place in several]
        if not found:
            return rows.none()
        ordered = sorted(found, key=lambda place: (datetime.fromisoformat(place["at"]), place["pk"]))
        chosen = ordered[:size] if rows.query.order_by[0] == "created_at" else ordered[-size:]
        moments = [datetime.fromisoformat(place["at"]) for place in chosen]
        keys = [place["pk"] for place in chosen]
        return rows.filter(pk__in=keys, created_at__gte=moments[0], created_at__lte=moments[-1])

    def _connections(self, organization: Organization) -> QuerySet[Connection]:
        return Connection.objects.filter(organization=organization, provider__slug=self.provider).order_by()


@lru_cache(maxsize=512)
def _statement(
    names: frozenset[str], status: str, size: int, columns: tuple[str, ...], *, ascending: bool
) -> KeptStatement:
    """Of the searches that ask by these values, whatever they are, and by this status."""
    given: dict[str, Any] = {name: KeptStatement.value(name) for name in names}
    organization, moment, key = given.pop("organization"), given.pop("moment", None), given.pop("key", None)
    rows = _with_columns(LogSearch(status=status, **given).rows(organization), columns)
    rows = _from_place(rows, Position(moment, key) if moment else None, ascending=ascending)
    return KeptStatement.of(_in_order(rows, ascending=ascending)[:size])


def _from_place(rows: QuerySet[Any], place: Position | None, *, ascending: bool) -> QuerySet[Any]:
    return rows.filter(place.newer if ascending else place.older) if place else rows


def _in_order(rows: QuerySet[Any], *, ascending: bool) -> QuerySet[Any]:
    return rows.order_by(*(("created_at", "pk") if ascending else ("-created_at", "-pk")))


def _with_columns(rows: QuerySet[CallLog], columns: Sequence[str], *, whole: bool = False) -> QuerySet[Any]:
    if columns:
        return rows.values_list(*columns, named=True)
    return rows if whole else rows.defer(*HEAVY)
