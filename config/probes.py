"""`/healthz`: the process lives. `/readyz`: what it stands on answers."""

from __future__ import annotations

import psycopg
import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when PostgreSQL and Redis answer, else 503 with what does not. Reasons name no address and no secret."""
    reasons = {"postgresql": _postgresql(), "redis": _redis()}
    failing = {name: reason for name, reason in reasons.items() if reason}
    return JsonResponse(
        {"status": "unavailable" if failing else "ok", "checks": {n: r or "ok" for n, r in reasons.items()}},
        status=503 if failing else 200,
    )


def _postgresql() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, psycopg.Error) as error:
        return f"no answer ({type(error).__name__})"
    return ""


def _redis() -> str:
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1) as client:
            client.ping()
    except redis.RedisError as error:
        return f"no answer ({type(error).__name__})"
    return ""
