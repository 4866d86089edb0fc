"""The catalogue."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from rest_framework import mixins, serializers

from ..models import IntegrationProvider
from .filters import YesNoFilter
from .pagination import NewestFirst
from .viewsets import OrganizationViewSet


class ProviderSummary(serializers.ModelSerializer[IntegrationProvider]):
    class Meta:
        model = IntegrationProvider
        fields: tuple[str, ...] = (
            "slug", "provider_name", "provider_name_ar", "provider_type", "description", "description_ar", "logo_url",
            "documentation_url", "api_version", "is_active", "requires_oauth", "supported_regions",
            "supported_countries", "supported_currencies", "is_mena_provider", "primary_locale",
            "payment_capabilities", "pricing_model",
        )  # fmt: skip


class ProviderDetail(ProviderSummary):
    configuration_schema = serializers.JSONField(read_only=True, help_text="JSON Schema of a connection's settings.")

    class Meta(ProviderSummary.Meta):
        fields = (*ProviderSummary.Meta.fields, "configuration_schema")


class ProviderFilter(django_filters.FilterSet):
    type = django_filters.ChoiceFilter(field_name="provider_type", choices=IntegrationProvider.Type.choices)
    country = django_filters.CharFilter(method="by_code")
    currency = django_filters.CharFilter(method="by_code")
    capability = django_filters.CharFilter(method="by_code")
    is_active = YesNoFilter()

    def by_code(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Providers that list the code; a provider that lists no countries or currencies serves them all."""
        column = {"country": "supported_countries", "currency": "supported_currencies"}.get(
            name, "payment_capabilities"
        )
        code = value if name == "capability" else value.upper()
        listed = Q(**{f"{column}__contains": [code]})
        return queryset.filter(listed if name == "capability" else listed | Q(**{column: []}))


class MenaFirst(NewestFirst):
    """A catalogue is read by name, the region's own providers first."""

    ordering: Any = ("-is_mena_provider", "provider_name")


class ProviderViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """Providers that connections can be made to."""

    queryset = IntegrationProvider.objects.all()
    serializer_class = ProviderSummary
    filterset_class = ProviderFilter
    pagination_class = MenaFirst
    lookup_field = "slug"
    lookup_value_converter = "str"

    def get_queryset(self) -> QuerySet[IntegrationProvider]:
        everyone = IntegrationProvider.objects.all()
        if getattr(self, "swagger_fake_view", False):
            return everyone.none()
        return everyone.filter(Q(organization__isnull=True) | Q(organization=self.organization))

    def get_serializer_class(self) -> Any:
        return ProviderDetail if self.action == "retrieve" else ProviderSummary
