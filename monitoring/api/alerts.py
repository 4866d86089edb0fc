"""What somebody has to do, to be read by programs."""

from __future__ import annotations

import django_filters
from rest_framework import mixins, serializers

from integrations.api.pagination import NewestFirst
from integrations.api.viewsets import OrganizationViewSet

from ..models import Alert


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
