"""`/metrics`: closed until HUB_METRICS_TOKEN or HUB_METRICS_NETWORKS says to whom it is open."""

from __future__ import annotations

import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.exposition import choose_encoder

from integrations.client_address import is_in, read_address
from integrations.request_id import current_origin

from .collector import REGISTRY

logger = logging.getLogger(__name__)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus's text, or OpenMetrics where that is asked for."""
    if not settings.METRICS_TOKEN and not settings.METRICS_NETWORKS:
        return _refused(404, "it is closed: set HUB_METRICS_TOKEN or HUB_METRICS_NETWORKS")
    if settings.METRICS_NETWORKS and not is_in(read_address(_caller()), settings.METRICS_NETWORKS):
        return _refused(403, "the caller is in none of HUB_METRICS_NETWORKS")
    if settings.METRICS_TOKEN and not _has_token(request):
        return _refused(403, "the bearer token is missing, or is not that of HUB_METRICS_TOKEN")
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(REGISTRY), content_type=content_type)


def _has_token(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and constant_time_compare(given.strip(), settings.METRICS_TOKEN)


def _refused(status: int, why: str) -> HttpResponse:
    logger.warning("/metrics was refused to %s: %s.", _caller(), why)
    response = HttpResponse(status=status)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django's own mark
    return response


def _caller() -> str | None:
    return current_origin().ip_address
