"""The REST resources of this floor, under /api/v1/."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from .endpoints import EndpointViewSet
from .event_types import EventTypesView
from .events import EventViewSet
from .replays import ReplayViewSet

router = SimpleRouter(use_regex_path=False)
router.register("webhook-endpoints", EndpointViewSet, basename="api-webhook-endpoint")
router.register("webhook-events", EventViewSet, basename="api-webhook-event")
router.register("webhook-replays", ReplayViewSet, basename="api-webhook-replay")

urlpatterns = [path("event-types/", EventTypesView.as_view(), name="api-event-types"), *router.urls]
