"""Who can take a payment of a kind, in a country."""

from __future__ import annotations

from typing import Any

from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ..models import Connection, IntegrationProvider
from ..operations.capabilities import get_payment_providers_by_capability
from .serializers import StrictSerializer
from .viewsets import OrganizationViewSet


class CapabilityQuestion(StrictSerializer):
    capability = serializers.CharField(max_length=32, help_text="A payment method: mada, knet, apple_pay, card, …")
    country = serializers.CharField(min_length=2, max_length=2, help_text="ISO 3166-1, of the payer.")
    currency = serializers.CharField(min_length=3, max_length=3, required=False, help_text="ISO 4217. Left out: any.")


class ServingConnectionRow(serializers.Serializer[Any]):
    """An active connection of yours that such a payment would be tried with now."""

    position = serializers.IntegerField(help_text="Its place, from 1, among all that would be tried.")
    id = serializers.UUIDField(source="connection.id")
    connection_name = serializers.CharField(source="connection.connection_name")
    environment = serializers.ChoiceField(source="connection.environment", choices=Connection.Environment.choices)
    is_primary = serializers.BooleanField(source="connection.is_primary")
    health_status = serializers.ChoiceField(source="connection.health_status", choices=Connection.Health.choices)


class CapableProviderRow(serializers.Serializer[Any]):
    slug = serializers.CharField(source="provider.slug")
    provider_name = serializers.CharField(source="provider.provider_name")
    provider_name_ar = serializers.CharField(source="provider.provider_name_ar")
    is_mena_provider = serializers.BooleanField(source="provider.is_mena_provider")
    supported_countries = serializers.ListField(source="provider.supported_countries", child=serializers.CharField())
    supported_currencies = serializers.ListField(source="provider.supported_currencies", child=serializers.CharField())
    payment_capabilities = serializers.ListField(source="provider.payment_capabilities", child=serializers.CharField())
    connections = ServingConnectionRow(many=True)


class CapableProviders(serializers.Serializer[Any]):
    results = CapableProviderRow(many=True)


_ONE_ANSWER = forced_singular_serializer(CapableProviders)  # type: ignore[no-untyped-call]  # no types there


class PaymentProviderViewSet(OrganizationViewSet):
    """Payment providers by what they can take."""

    queryset = IntegrationProvider.objects.none()
    serializer_class = CapabilityQuestion
    pagination_class = None
    filter_backends = ()
    query_parameters = tuple(CapabilityQuestion().fields)
    scope = "payments"

    @extend_schema(parameters=[CapabilityQuestion], responses=_ONE_ANSWER)
    def list(self, request: Request) -> Response:
        """The providers that offer the capability in the country, and which of your connections would take it now.

        Those that you could use at once come first, in the order of routing.
        """
        question = CapabilityQuestion(data=request.query_params.dict())
        question.is_valid(raise_exception=True)
        found = get_payment_providers_by_capability(self.organization, **question.validated_data)
        return Response(CapableProviders({"results": found}).data)
