"""Places in the log: where a page goes on, what somebody has seen of it, and when a row was written."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from integrations.models.base import first_uuid7

_LONGEST_WAY = timedelta(days=1)
_KEY_BEFORE_COMMIT = timedelta(seconds=3)


def around(pk: uuid.UUID) -> Q | None:
    """The time in which the row of this key is: a row is dated by its call's beginning and keyed at its end, so that
    one month's partition is looked into, or two. Nothing for a key that tells no time."""
    if pk.version != 7:
        return None
    try:
        made = moment_of(pk)
        return Q(created_at__range=(made - _LONGEST_WAY, made + _LONGEST_WAY))
    except (OverflowError, ValueError):
        return None


def moment_of(key: uuid.UUID) -> datetime:
    """When a version 7 UUID was made."""
    return datetime.fromtimestamp((key.int >> 80) / 1000, tz=UTC)


@dataclass(frozen=True)
class Position:
    """A place in the log: a row's time and id, as text `2026-11-20T10:00:00.123456+00:00~<uuid>`."""

    created_at: datetime
    pk: uuid.UUID

    @classmethod
    def of(cls, row: Any) -> Position:
        return cls(row.created_at, row.pk)

    @classmethod
    def parse(cls, text: str) -> Position | None:
        moment, _separator, key = text.partition("~")
        try:
            position = cls(datetime.fromisoformat(moment), uuid.UUID(key))
        except ValueError:
            return None
        return position if timezone.is_aware(position.created_at) else None

    def __str__(self) -> str:
        return f"{self.created_at.isoformat()}~{self.pk}"

    @property
    def older(self) -> Q:
        """Of rows up to its time those that come after it in the list."""
        return ~Q(created_at=self.created_at, pk__gte=self.pk)

    @property
    def newer(self) -> Q:
        """Of rows from its time on those that come before it."""
        return ~Q(created_at=self.created_at, pk__lte=self.pk)


@dataclass(frozen=True)
class Frontier:
    """What somebody has seen of a log that grows: all that was written before `moment`, and `seen` of what came since.

    As text `2026-11-20T10:00:00+00:00~<uuid>,<uuid>`. The moment lies a little back: a row's key is older than its
    commit.
    """

    moment: datetime
    seen: tuple[uuid.UUID, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Frontier | None:
        moment, _separator, keys = text.partition("~")
        try:
            frontier = cls(datetime.fromisoformat(moment), tuple(uuid.UUID(key) for key in keys.split(",") if key))
        except ValueError:
            return None
        return frontier if timezone.is_aware(frontier.moment) else None

    @classmethod
    def now(cls) -> Frontier:
        """To be taken before the rows are read."""
        return cls(timezone.now() - _KEY_BEFORE_COMMIT)

    def with_seen(self, keys: Iterable[uuid.UUID]) -> Frontier:
        first = first_uuid7(self.moment)
        return replace(self, seen=tuple(key for key in keys if key >= first))

    def __str__(self) -> str:
        return f"{self.moment.isoformat()}~{','.join(map(str, self.seen))}"
