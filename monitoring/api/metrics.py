"""What calls add up to by hour and day, to be read by programs."""

from __future__ import annotations

from typing import Any

import django_filters
from rest_framework import mixins, serializers

from integrations.api.pagination import NewestFirst
from integrations.api.viewsets import OrganizationViewSet

from ..models import DailyAnalytics, HourlyMetrics


class AnalyticsRow(serializers.ModelSerializer[DailyAnalytics]):
    class Meta:
        model = DailyAnalytics
        fields = (
            "id", "connection", "date", "total_requests", "successful_requests", "failed_requests",
            "avg_response_time_ms", "p50_response_time_ms", "p95_response_time_ms", "p99_response_time_ms",
            "total_data_transferred_mb", "total_cost_aed", "error_rate_percent", "uptime_percent", "metadata",
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
            "webhooks_received", "webhooks_verified", "webhooks_failed", "errors",
        )  # fmt: skip


class MetricsFilter(django_filters.FilterSet):
    connection = django_filters.UUIDFilter()
    since = django_filters.IsoDateTimeFilter(field_name="hour", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="hour", lookup_expr="lt")


class MetricsPages(NewestFirst):
    ordering: Any = ("-hour", "-id")


class MetricsViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """A row a connection and hour, as the clocks of its organization have it."""

    queryset = HourlyMetrics.objects.all()
    serializer_class = MetricsRow
    filterset_class = MetricsFilter
    pagination_class = MetricsPages
