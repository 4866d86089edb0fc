"""The pages of this floor, under /integrations/."""

from __future__ import annotations

from django.urls import path

from . import endpoints, event_types, events

urlpatterns = [
    path("developers/events/", event_types.event_types, name="event-types"),
    path("webhooks/", events.webhooks, name="webhooks"),
    path("webhooks/endpoints/new/", endpoints.new_endpoint, name="webhook-endpoint-new"),
    path("webhooks/endpoints/<uuid:pk>/", endpoints.endpoint, name="webhook-endpoint"),
    path("webhooks/endpoints/<uuid:pk>/toggle/", endpoints.toggle_endpoint, name="webhook-endpoint-toggle"),
    path("webhooks/endpoints/<uuid:pk>/rotate/", endpoints.rotate_endpoint, name="webhook-endpoint-rotate"),
    path("webhooks/events/<uuid:pk>/", events.event, name="webhook-event"),
    path("webhooks/events/<uuid:pk>/replay/", events.replay, name="webhook-event-replay"),
]
