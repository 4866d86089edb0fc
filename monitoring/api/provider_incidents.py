"""Providers that fail, or have failed, for several organizations at once: those that the caller's own uses."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Exists, OuterRef, QuerySet
from rest_framework import mixins, serializers

from integrations.api.pagination import NewestFirst
from integrations.api.viewsets import OrganizationViewSet
from integrations.models import Connection

from ..health_overview import incidents
from ..models import ProviderIncident


class IncidentRow(serializers.ModelSerializer[ProviderIncident]):
    provider = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)

    class Meta:
        model = ProviderIncident
        fields = ("id", "provider", "opened_at", "resolved_at")


class IncidentFilter(django_filters.FilterSet):
    provider = django_filters.CharFilter(field_name="provider__slug")
    is_open = django_filters.BooleanFilter(field_name="resolved_at", lookup_expr="isnull")
    since = django_filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="lt")


class ProviderIncidentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """That the provider fails elsewhere as well; whom else it hits is not told."""

    queryset = ProviderIncident.objects.all()
    serializer_class = IncidentRow
    filterset_class = IncidentFilter
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = incidents()
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        own = Connection.objects.filter(organization=self.organization, provider=OuterRef("provider"))
        return rows.filter(Exists(own))
