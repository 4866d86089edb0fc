"""The pages of this floor, under /integrations/."""

from __future__ import annotations

from django.urls import path

from . import deliveries, destinations, endpoint_actions, endpoints, event_types, events, replays, setup

urlpatterns = [
    path("developers/events/", event_types.event_types, name="event-types"),
    path("connections/<uuid:connection_id>/webhooks/", setup.connection_webhooks, name="connection-webhooks"),
    path("webhooks/", events.webhooks, name="webhooks"),
    path("webhooks/endpoints/new/", endpoints.new_endpoint, name="webhook-endpoint-new"),
    path("webhooks/endpoints/new/events/", endpoints.event_choices, name="webhook-event-choices"),
    path("webhooks/endpoints/<uuid:pk>/", endpoints.endpoint, name="webhook-endpoint"),
    path("webhooks/endpoints/<uuid:pk>/edit/", endpoints.edit_endpoint, name="webhook-endpoint-edit"),
    path("webhooks/endpoints/<uuid:pk>/toggle/", endpoint_actions.toggle_endpoint, name="webhook-endpoint-toggle"),
    path("webhooks/endpoints/<uuid:pk>/pause/", endpoint_actions.pause_endpoint, name="webhook-endpoint-pause"),
    path("webhooks/endpoints/<uuid:pk>/test/", endpoint_actions.test_endpoint, name="webhook-endpoint-test"),
    path("webhooks/endpoints/<uuid:pk>/rotate/", endpoints.rotate_endpoint, name="webhook-endpoint-rotate"),
    path("webhooks/destinations/", destinations.destinations, name="webhook-destinations"),
    path("webhooks/destinations/new/", destinations.new_destination, name="webhook-destination-new"),
    path("webhooks/destinations/<uuid:pk>/", destinations.destination, name="webhook-destination"),
    path("webhooks/destinations/<uuid:pk>/change/", destinations.change_destination, name="webhook-destination-change"),
    path("webhooks/destinations/<uuid:pk>/rotate/", destinations.rotate_destination, name="webhook-destination-rotate"),
    path("webhooks/destinations/<uuid:pk>/toggle/", destinations.toggle_destination, name="webhook-destination-toggle"),
    path("webhooks/destinations/<uuid:pk>/test/", destinations.test_destination, name="webhook-destination-test"),
    path("webhooks/destinations/<uuid:pk>/delete/", destinations.remove_destination, name="webhook-destination-delete"),
    path("webhooks/destinations/<uuid:pk>/retry/", deliveries.retry_many, name="webhook-destination-retry"),
    path("webhooks/deliveries/<uuid:pk>/", deliveries.delivery, name="webhook-delivery"),
    path("webhooks/deliveries/<uuid:pk>/retry/", deliveries.retry, name="webhook-delivery-retry"),
    path("webhooks/events/<uuid:pk>/", events.event, name="webhook-event"),
    path("webhooks/events/<uuid:pk>/rehearsal/", replays.rehearsal, name="webhook-event-rehearsal"),
    path("webhooks/events/<uuid:pk>/replay/", replays.replay_one, name="webhook-event-replay"),
    path("webhooks/replays/", replays.replays, name="webhook-replays"),
    path("webhooks/replays/new/", replays.new_replay, name="webhook-replay-new"),
    path("webhooks/replays/<uuid:pk>/", replays.replay, name="webhook-replay"),
    path("webhooks/replays/<uuid:pk>/cancel/", replays.cancel, name="webhook-replay-cancel"),
    path("webhooks/events/<uuid:pk>/body/", events.body, name="webhook-event-body"),
]
