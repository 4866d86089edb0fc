"""The REST resources of this floor, under /api/v1/."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from .deliveries import DeliveryViewSet
from .destinations import DestinationViewSet
from .endpoints import EndpointViewSet
from .event_types import EventTypesView
from .events import EventViewSet
from .replays import ReplayViewSet

router = SimpleRouter(use_regex_path=False)
router.register("webhook-endpoints", EndpointViewSet, basename="api-webhook-endpoint")
router.register("webhook-events", EventViewSet, basename="api-webhook-event")
router.register("webhook-replays", ReplayViewSet, basename="api-webhook-replay")
router.register("webhook-destinations", DestinationViewSet, basename="api-webhook-destination")
router.register("webhook-deliveries", DeliveryViewSet, basename="api-webhook-delivery")

urlpatterns = [path("event-types/", EventTypesView.as_view(), name="api-event-types"), *router.urls]
