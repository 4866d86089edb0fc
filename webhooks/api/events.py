"""What providers sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.serializers import OwnRow, StrictSerializer
from integrations.api.viewsets import OrganizationViewSet
from integrations.errors import InvalidRequest
from integrations.models import Connection
from integrations.models.base import first_uuid7

from ..access import LONGEST_REASON, download_of, read_body
from ..archive import summary_for
from ..inbox import replay_event
from ..models import WebhookAccessLog, WebhookEndpoint, WebhookEvent
from ..replay import replay_events, select_events
from .permissions import MayReadBodies

REPLAY_AT_MOST = 1000
_WHY = f"Why the body is needed, in 1 to {LONGEST_REASON} characters"
REASON = [
    OpenApiParameter("reason", description=f"{_WHY}; or the header `Hub-Reason`."),
    OpenApiParameter(
        "Hub-Reason", str, OpenApiParameter.HEADER, description=f"{_WHY} of ASCII; or `reason` in the query."
    ),
]


class EventRow(serializers.ModelSerializer[WebhookEvent]):
    endpoint = serializers.PrimaryKeyRelatedField[Any](source="webhook_endpoint", read_only=True)
    connection = serializers.PrimaryKeyRelatedField[Any](source="webhook_endpoint.connection", read_only=True)

    class Meta:
        model = WebhookEvent
        fields = (
            "id", "endpoint", "connection", "event_id", "event_type", "normalized_type", "signature_verified",
            "processing_status", "retry_count", "next_attempt_at", "error_message", "received_at", "processed_at",
        )  # fmt: skip


class EventDetail(EventRow):
    payload = serializers.SerializerMethodField(
        help_text="The body in outline: secrets and personal data are masked, what is long is cut. See `body/`."
    )

    class Meta(EventRow.Meta):
        fields = (  # type: ignore[assignment]
            *EventRow.Meta.fields, "payload", "headers", "body_bytes", "archived_at", "body_deleted_at",
        )  # fmt: skip

    @extend_schema_field(OpenApiTypes.ANY)
    def get_payload(self, event: WebhookEvent) -> Any:
        return summary_for(event)


class EventFilter(django_filters.FilterSet):
    endpoint = django_filters.ModelChoiceFilter(
        field_name="webhook_endpoint", queryset=lambda request: WebhookEndpoint.objects.all()
    )
    connection = django_filters.UUIDFilter(field_name="webhook_endpoint__connection")
    status = django_filters.ChoiceFilter(field_name="processing_status", choices=WebhookEvent.Status.choices)
    type = django_filters.CharFilter(field_name="event_type")
    since = django_filters.IsoDateTimeFilter(method="by_time")
    until = django_filters.IsoDateTimeFilter(method="by_time")

    def by_time(self, queryset: QuerySet[Any], name: str, value: datetime) -> QuerySet[Any]:
        """By the key, which carries the time and has the index."""
        return queryset.filter(**{"pk__gte" if name == "since" else "pk__lt": first_uuid7(value)})


class ReplayRange(StrictSerializer):
    endpoint = OwnRow(queryset=WebhookEndpoint.objects.all(), required=False)
    connection = OwnRow(queryset=Connection.objects.all(), required=False)
    status = serializers.ChoiceField(choices=WebhookEvent.Status.choices, required=False)
    type = serializers.CharField(source="event_type", max_length=100, required=False)
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(required=False)
    dry_run = serializers.BooleanField(default=False, help_text="Count only.")


class Replayed(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    dry_run = serializers.BooleanField()


class EventViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    queryset = WebhookEvent.objects.select_related("webhook_endpoint")
    serializer_class = EventDetail
    filterset_class = EventFilter
    scope = "webhooks"

    def get_queryset(self) -> QuerySet[WebhookEvent]:
        events = super().get_queryset()
        return events.defer("raw_body", "payload", "body_key") if self.action == "list" else events

    def get_serializer_class(self) -> Any:
        return {"list": EventRow, "replay_range": ReplayRange}.get(self.action, EventDetail)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}, parameters=REASON)
    @action(detail=True, methods=["get"], permission_classes=[MayReadBodies])
    def body(self, request: Request, **kwargs: Any) -> HttpResponse:
        """The very bytes that were verified, for whoever says why. Who, when and why is written down.

        A token needs the scope `webhooks`, a person the role of staff: `read` and viewers have the outline.
        """
        event = self.get_object()
        reason = request.query_params.get("reason") or request.headers.get("Hub-Reason", "")
        return download_of(event, read_body(event, reason=reason, action=WebhookAccessLog.Action.DOWNLOAD))

    @extend_schema(request=None, responses=EventRow)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, **kwargs: Any) -> Response:
        """Apply the event again. What is so already stays so."""
        event = self.get_object()
        replay_event(event)
        event.refresh_from_db()
        return self.shown(event, EventRow)

    @extend_schema(operation_id="webhook_events_replay_range", request=ReplayRange, responses=Replayed)
    @action(detail=False, methods=["post"], url_path="replay")
    def replay_range(self, request: Request, **kwargs: Any) -> Response:
        """Apply the events of a range again; `dry_run` tells how many they are."""
        filters = self.validated(request)
        dry_run = filters.pop("dry_run")
        found = select_events(self.get_queryset(), **filters)
        count = found.count()
        if count > REPLAY_AT_MOST:
            raise InvalidRequest(
                "{count} events fit; at most {most} are replayed at once.",
                count=count,
                most=REPLAY_AT_MOST,
                field="since",
            )
        if not dry_run:
            count = replay_events(found)
        return Response({"count": count, "dry_run": dry_run})
