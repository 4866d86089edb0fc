"""What the watch wrote down, to be read by programs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.utils import timezone
from rest_framework import mixins, serializers

from integrations.api.pagination import NewestByTime, NewestFirst
from integrations.api.viewsets import OrganizationViewSet

from ..models import Alert, AuditLog, CallLog, DailyAnalytics, HealthCheck, HourlyMetrics

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
        if "since" in self.request.query_params:
            return rows
        return rows.filter(created_at__gte=timezone.now() - UNLESS_SAID)


class HealthCheckRow(serializers.ModelSerializer[HealthCheck]):
    class Meta:
        model = HealthCheck
        fields = (
            "id", "connection", "check_timestamp", "status", "response_time_ms", "http_status_code", "endpoint_tested",
            "check_type", "error_message", "metadata",
        )  # fmt: skip


class HealthCheckFilter(django_filters.FilterSet):
    connection = django_filters.UUIDFilter()
    since = django_filters.IsoDateTimeFilter(field_name="check_timestamp", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="check_timestamp", lookup_expr="lt")

    class Meta:
        model = HealthCheck
        fields = ("status", "check_type")


class HealthCheckViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    queryset = HealthCheck.objects.all()
    serializer_class = HealthCheckRow
    filterset_class = HealthCheckFilter
    pagination_class = NewestFirst


class AnalyticsRow(serializers.ModelSerializer[DailyAnalytics]):
    class Meta:
        model = DailyAnalytics
        fields = (
            "id", "connection", "date", "total_requests", "successful_requests", "failed_requests",
            "avg_response_time_ms", "p95_response_time_ms", "total_data_transferred_mb", "total_cost_aed",
            "error_rate_percent", "uptime_percent", "metadata",
        )  # fmt: skip


class AnalyticsFilter(django_filters.FilterSet):
    connection = django_filters.UUIDFilter()
    since = django_filters.DateFilter(field_name="date", lookup_expr="gte")
    until = django_filters.DateFilter(field_name="date", lookup_expr="lte")


class AnalyticsPages(NewestFirst):
    ordering: Any = ("-date", "-id")


class AnalyticsViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """A row a connection and day, by the organization's calendar."""

    queryset = DailyAnalytics.objects.all()
    serializer_class = AnalyticsRow
    filterset_class = AnalyticsFilter
    pagination_class = AnalyticsPages


class MetricsRow(serializers.ModelSerializer[HourlyMetrics]):
    class Meta:
        model = HourlyMetrics
        fields = (
            "id", "connection", "hour", "requests", "successes", "failures", "response_time_sum_ms",
            "response_time_count", "p50_ms", "p95_ms", "p99_ms", "bytes", "cost_aed", "rate_limited",
            "webhooks_received", "webhooks_verified", "webhooks_failed",
        )  # fmt: skip


class MetricsFilter(django_filters.FilterSet):
    connection = django_filters.UUIDFilter()
    since = django_filters.IsoDateTimeFilter(field_name="hour", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="hour", lookup_expr="lt")


class MetricsPages(NewestFirst):
    ordering: Any = ("-hour", "-id")


class MetricsViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """A row a connection and hour (UTC)."""

    queryset = HourlyMetrics.objects.all()
    serializer_class = MetricsRow
    filterset_class = MetricsFilter
    pagination_class = MetricsPages


class AlertRow(serializers.ModelSerializer[Alert]):
    message = serializers.CharField(source="told", read_only=True)

    class Meta:
        model = Alert
        fields = ("id", "connection", "kind", "message", "opened_at", "resolved_at")


class AlertFilter(django_filters.FilterSet):
    connection = django_filters.UUIDFilter()
    is_open = django_filters.BooleanFilter(field_name="resolved_at", lookup_expr="isnull")
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


class AuditRow(serializers.ModelSerializer[AuditLog]):
    class Meta:
        model = AuditLog
        fields = (
            "id", "actor", "action", "object", "changes", "ip_address", "user_agent", "request_id", "created_at",
            "previous_hash", "hash",
        )  # fmt: skip


class AuditViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """Who did what, chained by hashes."""

    queryset = AuditLog.objects.all()
    serializer_class = AuditRow
    filterset_fields = ("action", "actor", "object")
    admin_only = True
