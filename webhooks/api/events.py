"""What providers sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.idempotency import once
from integrations.api.openapi import IDEMPOTENCY_KEY
from integrations.api.viewsets import OrganizationViewSet
from integrations.models.base import first_uuid7

from ..access import LONGEST_REASON, download_of, read_body
from ..archive import summary_for
from ..models import WebhookAccessLog, WebhookEndpoint, WebhookEvent, WebhookReplay
from ..rehearsal import rehearse
from ..replay import replay_event, start_replay
from ..replay_selection import known_by, summarize
from .permissions import MayReadBodies
from .rehearsals import RehearsalRow, rehearsal_row
from .replays import Replayed, ReplayRange, SingleReplay, selection_of

_WHY = f"Why the body is needed, in 1 to {LONGEST_REASON} characters"
REASON = [
    OpenApiParameter("reason", description=f"{_WHY}; or the header `Hub-Reason`."),
    OpenApiParameter(
        "Hub-Reason", str, OpenApiParameter.HEADER, description=f"{_WHY} of ASCII; or `reason` in the query."
    ),
]


class EventAttemptRow(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    status = serializers.ChoiceField(choices=WebhookEvent.Status.choices)
    error = serializers.CharField()
    duration_ms = serializers.IntegerField()
    replay = serializers.JSONField(required=False, help_text="The run's id, or true for a single replay.")


class EventRow(serializers.ModelSerializer[WebhookEvent]):
    endpoint = serializers.PrimaryKeyRelatedField[Any](source="webhook_endpoint", read_only=True)
    connection = serializers.PrimaryKeyRelatedField[Any](source="webhook_endpoint.connection", read_only=True)

    class Meta:
        model = WebhookEvent
        fields: tuple[str, ...] = (
            "id", "endpoint", "connection", "event_id", "event_type", "normalized_type", "subject", "occurred_at",
            "is_test", "signature_verified", "processing_status", "retry_count", "next_attempt_at", "error_message",
            "received_at", "processed_at", "replays", "replay",
        )  # fmt: skip


class EventDetail(EventRow):
    attempts = EventAttemptRow(many=True, read_only=True)
    payload = serializers.SerializerMethodField(
        help_text="The body in outline: secrets and personal data are masked, what is long is cut. See `body/`."
    )

    class Meta(EventRow.Meta):
        fields = (
            *EventRow.Meta.fields, "attempts", "payload", "headers", "body_bytes", "archived_at", "body_deleted_at",
        )  # fmt: skip

    @extend_schema_field(OpenApiTypes.ANY)
    def get_payload(self, event: WebhookEvent) -> Any:
        return summary_for(event)


class EventFilter(django_filters.FilterSet):
    endpoint = django_filters.ModelChoiceFilter(
        field_name="webhook_endpoint", queryset=lambda request: WebhookEndpoint.objects.all()
    )
    connection = django_filters.UUIDFilter(field_name="webhook_endpoint__connection")
    replay = django_filters.UUIDFilter()
    status = django_filters.ChoiceFilter(field_name="processing_status", choices=WebhookEvent.Status.choices)
    type = django_filters.CharFilter(method="by_type")
    q = django_filters.CharFilter(
        method="by_text", max_length=255,
        help_text="An event's id, what it concerns, the beginning of its type, or words of its error.",
    )  # fmt: skip
    since = django_filters.IsoDateTimeFilter(method="by_time")
    until = django_filters.IsoDateTimeFilter(method="by_time")

    def by_type(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """The provider's name, or ours."""
        return queryset.filter(Q(event_type=value) | Q(normalized_type=value))

    def by_text(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return queryset.filter(known_by(value))

    def by_time(self, queryset: QuerySet[Any], name: str, value: datetime) -> QuerySet[Any]:
        """By the key, which carries the time and has the index."""
        return queryset.filter(**{"pk__gte" if name == "since" else "pk__lt": first_uuid7(value)})


class EventViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    queryset = WebhookEvent.objects.select_related("webhook_endpoint")
    serializer_class = EventDetail
    filterset_class = EventFilter
    scope = "webhooks"

    def get_queryset(self) -> QuerySet[WebhookEvent]:
        events = super().get_queryset()
        return events.defer("raw_body", "payload", "body_key") if self.action == "list" else events

    def get_serializer_class(self) -> Any:
        by_action = {"list": EventRow, "replay": SingleReplay, "replay_range": ReplayRange}
        return by_action.get(self.action, EventDetail)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}, parameters=REASON)
    @action(detail=True, methods=["get"], permission_classes=[MayReadBodies], query_parameters=["reason"])
    def body(self, request: Request, **kwargs: Any) -> HttpResponse:
        """The very bytes that were verified, for whoever says why. Who, when and why is written down.

        A token in them by which the provider proves itself is blanked: `[redacted]` stands in its place.

        A token needs the scope `webhooks`, a person the role of staff: `read` and viewers have the outline.
        """
        event = self.get_object()
        reason = request.query_params.get("reason") or request.headers.get("Hub-Reason", "")
        return download_of(event, read_body(event, reason=reason, action=WebhookAccessLog.Action.DOWNLOAD))

    @extend_schema(
        request=SingleReplay,
        responses=PolymorphicProxySerializer(
            "ReplayedEvent", [EventRow, RehearsalRow], resource_type_field_name=None, many=False
        ),
    )
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, **kwargs: Any) -> Response:
        """Apply the event again: what is so already stays so. `dry_run` tells what that would do."""
        event, given = self.get_object(), self.validated(request)
        if given["dry_run"]:
            return Response(rehearsal_row(rehearse(event)))
        replay_event(event)
        event.refresh_from_db()
        return self.shown(event, EventRow)

    @extend_schema(
        operation_id="webhook_events_replay_range",
        request=ReplayRange,
        responses=Replayed,
        parameters=[IDEMPOTENCY_KEY],
    )
    @action(detail=False, methods=["post"], url_path="replay")
    def replay_range(self, request: Request, **kwargs: Any) -> Response:
        """Apply many events again, those of `ids` or of a range, as a run; `dry_run` tells how many they are."""
        given = self.validated(request)
        selection = selection_of(given, self.get_queryset())
        if given["dry_run"]:
            found = summarize(selection.among(self.get_queryset()))
            counts = {"count": found.count, "by_status": found.by_status, "by_type": found.by_type}
            return Response({**counts, "dry_run": True, "replay": None})
        run = WebhookReplay.objects.get(pk=once(request, lambda: start_replay(self.organization, selection).pk))
        return Response({"count": run.total, "dry_run": False, "replay": run.pk, "by_status": {}, "by_type": {}})
