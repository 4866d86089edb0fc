"""Each attempt of each call, to be read by programs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.utils import timezone
from rest_framework import mixins, serializers

from integrations.api.pagination import NewestByTime
from integrations.api.viewsets import OrganizationViewSet

from ..log_search import around_key
from ..models import CallLog

# The log is partitioned by time: a question without a beginning is about the newest month.
UNLESS_SAID = timedelta(days=31)


class LogRow(serializers.ModelSerializer[CallLog]):
    class Meta:
        model = CallLog
        fields = (
            "id", "connection", "log_type", "method", "endpoint", "operation", "attempt", "response_status",
            "response_time_ms", "error_code", "error_message", "request_id", "bytes_sent", "bytes_received", "cost_aed",
            "created_at",
        )  # fmt: skip


class LogDetail(LogRow):
    class Meta(LogRow.Meta):
        fields = (  # type: ignore[assignment]
            *LogRow.Meta.fields, "request_headers", "request_body", "response_headers", "response_body", "user",
            "ip_address",
        )  # fmt: skip


class LogFilter(django_filters.FilterSet):
    status = django_filters.NumberFilter(field_name="response_status")
    since = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    connection = django_filters.UUIDFilter()
    q = django_filters.CharFilter(method="by_text", max_length=200)

    class Meta:
        model = CallLog
        fields = ("log_type", "method", "operation", "request_id", "error_code")

    def by_text(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return queryset.filter(Q(endpoint__icontains=value) | Q(error_message__icontains=value))


class LogViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """Each attempt of each call, secrets taken out. Without `since`, of the last 31 days."""

    queryset = CallLog.objects.all()
    serializer_class = LogRow
    filterset_class = LogFilter
    pagination_class = NewestByTime

    def get_serializer_class(self) -> Any:
        return LogRow if self.action == "list" else LogDetail

    def get_queryset(self) -> QuerySet[CallLog]:
        rows = super().get_queryset()
        if self.action != "list":
            return rows.filter(around_key(self.kwargs["pk"])) if "pk" in self.kwargs else rows
        if self.request.query_params.get("since", "").strip():
            return rows
        return rows.filter(created_at__gte=timezone.now() - UNLESS_SAID)
