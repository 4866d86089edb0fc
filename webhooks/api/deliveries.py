"""What was, or is to be, forwarded."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.serializers import OwnRow, StrictSerializer
from integrations.api.viewsets import OrganizationViewSet
from integrations.models.base import first_uuid7

from ..forward.deliveries import UNDELIVERED, retry_deliveries, retry_delivery, select_deliveries
from ..models import WebhookDelivery, WebhookDeliveryAttempt, WebhookDestination, WebhookEvent


class DeliveryRow(serializers.ModelSerializer[WebhookDelivery]):
    class Meta:
        model = WebhookDelivery
        fields: tuple[str, ...] = (
            "id", "destination", "event", "event_type", "status", "attempt", "next_attempt_at", "response_status",
            "error", "duration_ms", "delivered_at", "created_at",
        )  # fmt: skip


class AttemptRow(serializers.ModelSerializer[WebhookDeliveryAttempt]):
    response_headers = serializers.DictField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = WebhookDeliveryAttempt
        fields = ("number", "at", "response_status", "response_headers", "response_body", "error", "duration_ms")


class DeliveryDetail(DeliveryRow):
    attempts = AttemptRow(many=True, read_only=True)

    class Meta(DeliveryRow.Meta):
        fields = (*DeliveryRow.Meta.fields, "response_body", "attempts")


class DeliveryFilter(django_filters.FilterSet):
    destination = django_filters.ModelChoiceFilter(queryset=lambda request: WebhookDestination.objects.all())
    event = django_filters.UUIDFilter()
    status = django_filters.ChoiceFilter(choices=WebhookDelivery.Status.choices)
    type = django_filters.CharFilter(field_name="event_type")
    since = django_filters.IsoDateTimeFilter(method="by_time")
    until = django_filters.IsoDateTimeFilter(method="by_time")

    def by_time(self, queryset: QuerySet[Any], name: str, value: datetime) -> QuerySet[Any]:
        """By the key, which carries the time and has the index."""
        return queryset.filter(**{"pk__gte" if name == "since" else "pk__lt": first_uuid7(value)})


class RetryRange(StrictSerializer):
    """Which of those that were not delivered; of them all, when nothing is given."""

    destination = OwnRow(queryset=WebhookDestination.objects.all(), required=False)
    event = OwnRow(queryset=WebhookEvent.objects.all(), required=False)
    ids = serializers.ListField(child=serializers.UUIDField(), required=False, allow_empty=False, max_length=1000)
    status = serializers.ChoiceField(choices=[(one.value, one.label) for one in UNDELIVERED], required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class Retried(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="How many were made due; 10,000 at most: asked again, it goes on.")


class DeliveryViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    queryset = WebhookDelivery.objects.all()
    serializer_class = DeliveryRow
    filterset_class = DeliveryFilter
    scope = "webhooks"

    def get_serializer_class(self) -> Any:
        return {"retrieve": DeliveryDetail, "retry_range": RetryRange}.get(self.action, DeliveryRow)

    @extend_schema(request=None, responses=DeliveryRow)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, **kwargs: Any) -> Response:
        """Send it again now, under the same message id, whatever became of it."""
        self.expect_no_body(request)
        return self.shown(retry_delivery(self.get_object()), DeliveryRow)

    @extend_schema(operation_id="webhook_deliveries_retry_range", request=RetryRange, responses=Retried)
    @action(detail=False, methods=["post"], url_path="retry")
    def retry_range(self, request: Request, **kwargs: Any) -> Response:
        """Send again what failed or was held, where its destination is on."""
        chosen = select_deliveries(self.get_queryset(), **self.validated(request))
        return Response({"count": retry_deliveries(self.organization, chosen)})
