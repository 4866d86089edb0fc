"""Views that go wrong in every way a view can, behind the real middleware."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

import config.urls


def _seen() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, count(*) FROM integration_connections")
        role, count = cursor.fetchone()
    return f"{role} {count};"


def count(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_seen())


def fails(request: HttpRequest) -> HttpResponse:
    _seen()
    raise ZeroDivisionError


def fails_in_sql(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT no_such_column")
    return HttpResponse()


def fails_in_a_transaction(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        return fails_in_sql(request)


def streams(request: HttpRequest) -> StreamingHttpResponse:
    def pieces() -> Iterator[str]:
        yield _seen()
        yield _seen()

    return StreamingHttpResponse(pieces())


urlpatterns = [
    *config.urls.urlpatterns,
    path("count/", count, name="count"),
    path("fails/", fails),
    path("fails-in-sql/", fails_in_sql),
    path("fails-in-a-transaction/", fails_in_a_transaction),
    path("streams/", streams),
]
