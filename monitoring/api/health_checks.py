"""Each check of a connection, to be read by programs."""

from __future__ import annotations

import django_filters
from rest_framework import mixins, serializers

from integrations.api.filters import YesNoFilter
from integrations.api.pagination import NewestFirst
from integrations.api.viewsets import OrganizationViewSet

from ..models import HealthCheck


class HealthCheckRow(serializers.ModelSerializer[HealthCheck]):
    class Meta:
        model = HealthCheck
        fields = (
            "id", "connection", "check_timestamp", "status", "response_time_ms", "http_status_code", "endpoint_tested",
            "check_type", "outcome", "in_maintenance", "error_message", "metadata",
        )  # fmt: skip


class HealthCheckFilter(django_filters.FilterSet):
    connection = django_filters.UUIDFilter()
    since = django_filters.IsoDateTimeFilter(field_name="check_timestamp", lookup_expr="gte")
    in_maintenance = YesNoFilter()
    until = django_filters.IsoDateTimeFilter(field_name="check_timestamp", lookup_expr="lt")

    class Meta:
        model = HealthCheck
        fields = ("status", "check_type", "outcome")


class HealthCheckViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    queryset = HealthCheck.objects.all()
    serializer_class = HealthCheckRow
    filterset_class = HealthCheckFilter
    pagination_class = NewestFirst
