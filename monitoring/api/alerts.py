"""What somebody has to do: read, and acknowledged, by programs."""

from __future__ import annotations

from typing import Any, cast

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.filters import YesNoFilter
from integrations.api.pagination import NewestFirst
from integrations.api.serializers import Nothing
from integrations.api.viewsets import OrganizationViewSet
from integrations.models import ApiToken, User

from ..alerting.acknowledge import acknowledge_alert
from ..models import Alert, AlertNotification


class AlertRow(serializers.ModelSerializer[Alert]):
    message = serializers.CharField(source="told", read_only=True)
    acknowledged_by = serializers.CharField(
        source="acknowledged_name", read_only=True, help_text="A person's user name, or the token that was used."
    )

    class Meta:
        model = Alert
        fields: tuple[str, ...] = (
            "id", "rule", "connection", "kind", "message", "opened_at", "resolved_at", "acknowledged_at",
            "acknowledged_by", "escalated_at", "notified", "next_notification_at",
        )  # fmt: skip


class NotificationRow(serializers.ModelSerializer[AlertNotification]):
    class Meta:
        model = AlertNotification
        fields = ("id", "channel", "channel_name", "kind", "status", "attempts", "error", "next_attempt_at", "sent_at")


class AlertDetail(AlertRow):
    notifications = serializers.SerializerMethodField(help_text="What was told of it, newest first, at most 100.")

    class Meta(AlertRow.Meta):
        fields = (*AlertRow.Meta.fields, "notifications")

    @extend_schema_field(NotificationRow(many=True))
    def get_notifications(self, alert: Alert) -> Any:
        return NotificationRow(alert.notifications.order_by("-pk")[:100], many=True).data


class AlertFilter(django_filters.FilterSet):
    connection = django_filters.UUIDFilter()
    rule = django_filters.UUIDFilter()
    is_open = YesNoFilter(field_name="resolved_at", lookup_expr="isnull")
    is_acknowledged = YesNoFilter(field_name="acknowledged_at", lookup_expr="isnull", exclude=True)
    since = django_filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="lt")

    class Meta:
        model = Alert
        fields = ("kind",)


class AlertViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """What somebody has to do, or had to until `resolved_at`."""

    queryset = Alert.objects.all()
    serializer_class = AlertRow
    filterset_class = AlertFilter
    pagination_class = NewestFirst
    scope = "connections"

    def get_serializer_class(self) -> Any:
        return {"acknowledge": Nothing, "retrieve": AlertDetail}.get(self.action, AlertRow)

    @extend_schema(request=None, responses=AlertRow)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, **kwargs: Any) -> Response:
        """Say that somebody has seen it: it is told no more until it is resolved, unless it grows more urgent."""
        self.expect_no_body(request)
        person = None if isinstance(request.auth, ApiToken) else cast(User, request.user)
        return self.shown(acknowledge_alert(self.get_object(), person), AlertRow)
