"""Lists by cursor, newest first: it costs the same on every page, and rows that come meanwhile shift nothing."""

from __future__ import annotations

from typing import Any

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


class NewestByTime(NewestFirst):
    """For what is kept by time, such as partitioned logs."""

    ordering: Any = ("-created_at", "-id")
