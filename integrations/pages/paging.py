"""Lists that are too long to count: newest first, a page at a time, from a row's key."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

PAGE_SIZE = 50


@dataclass(frozen=True)
class Stretch:
    """Some rows, and the key to go on from, empty at the end."""

    rows: list[Any]
    older: str


def newest(queryset: QuerySet[Any], before: str = "", *, size: int = PAGE_SIZE) -> Stretch:
    """The rows older than the key `before` (all, when it is none), by a key that is ordered by time."""
    try:
        rows = queryset.filter(pk__lt=uuid.UUID(before)) if before else queryset
    except ValueError:
        rows = queryset
    found = list(rows.order_by("-pk")[: size + 1])
    return Stretch(found[:size], str(found[size - 1].pk) if len(found) > size else "")
