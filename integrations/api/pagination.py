"""Lists by cursor, newest first: it costs the same on every page, and rows that come meanwhile shift nothing."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError
from rest_framework.exceptions import NotFound
from rest_framework.exceptions import ValidationError as Invalid
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class NewestFirst(CursorPagination):
    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """A cursor is opaque, but nothing keeps a caller from making one up."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValidationError, DataError, ValueError) as error:
            raise NotFound(self.invalid_cursor_message) from error

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get("page_size", "")
        if not text:
            return self.page_size
        if not (text.isascii() and text.isdecimal() and int(text[:9])):
            raise Invalid({"page_size": [f"A page has 1 to {self.max_page_size} rows."]})
        return min(int(text[:9]), self.max_page_size)


class NewestByTime(NewestFirst):
    """For what is kept by time, such as partitioned logs."""

    ordering: Any = ("-created_at", "-id")
