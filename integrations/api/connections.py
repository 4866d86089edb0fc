"""Connections: made, tested, switched on and off."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import django_filters
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from ..circuit import State, circuits
from ..models import Connection, IntegrationProvider, User
from ..operations import connections
from .credentials import CredentialRow
from .filters import YesNoFilter
from .idempotency import once
from .openapi import IDEMPOTENCY_KEY
from .serializers import SecretsField, StrictSerializer, TrueOrFalse
from .viewsets import OrganizationViewSet


class ConnectionRow(serializers.ModelSerializer[Connection]):
    provider = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)

    class Meta:
        model = Connection
        fields: tuple[str, ...] = (
            "id", "provider", "provider_type", "connection_name", "status", "environment", "configuration",
            "is_primary", "region", "price_per_call_aed", "health_status", "last_health_check", "error_message",
            "connected_at", "disconnected_at", "created_at", "updated_at",
        )  # fmt: skip


class CircuitState(serializers.Serializer[Any]):
    """Open after failures in a row: calls are refused until `retry_at`. `paused`: the provider has asked for that."""

    state = serializers.ChoiceField(choices=State.choices)
    failures = serializers.IntegerField(help_text="In a row, up to now.")
    opened_at = serializers.DateTimeField(allow_null=True)
    retry_at = serializers.DateTimeField(allow_null=True)
    paused = serializers.BooleanField()


class ConnectionDetail(ConnectionRow):
    credentials = serializers.SerializerMethodField()
    circuit = serializers.SerializerMethodField()

    class Meta(ConnectionRow.Meta):
        fields = (*ConnectionRow.Meta.fields, "circuit", "credentials")

    @extend_schema_field(CircuitState)
    def get_circuit(self, connection: Connection) -> Any:
        return CircuitState(circuits([connection.pk])[connection.pk]).data

    @extend_schema_field(CredentialRow(many=True))
    def get_credentials(self, connection: Connection) -> Any:
        usable = connection.credentials.usable().defer("encrypted_value")
        return CredentialRow(usable, many=True).data


class NewConnection(StrictSerializer):
    provider = serializers.CharField(max_length=50)
    connection_name = serializers.CharField(max_length=100)
    environment = serializers.ChoiceField(
        choices=Connection.Environment.choices, default=Connection.Environment.PRODUCTION.value
    )
    configuration = serializers.DictField(default=dict)
    credentials = SecretsField(default=dict, write_only=True)
    is_primary = TrueOrFalse(default=False)
    region = serializers.CharField(max_length=32, default="", allow_blank=True)


class ConnectionChanges(StrictSerializer):
    connection_name = serializers.CharField(max_length=100, required=False)
    configuration = serializers.DictField(required=False, help_text="The whole of it.")
    is_primary = TrueOrFalse(required=False)
    region = serializers.CharField(max_length=32, required=False, allow_blank=True)
    price_per_call_aed = serializers.DecimalField(
        max_digits=12, decimal_places=6, min_value=Decimal(0), required=False, allow_null=True,
        help_text="What a call that the provider answers costs. Null: the provider's price.",
    )  # fmt: skip


class ConnectionTestResult(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    response_time_ms = serializers.IntegerField(allow_null=True)
    http_status = serializers.IntegerField(allow_null=True)
    error_code = serializers.CharField()
    message = serializers.CharField()
    endpoint = serializers.CharField()


class ConnectionFilter(django_filters.FilterSet):
    provider = django_filters.CharFilter(field_name="provider__slug")
    type = django_filters.ChoiceFilter(field_name="provider_type", choices=IntegrationProvider.Type.choices)
    is_primary = YesNoFilter()

    class Meta:
        model = Connection
        fields = ("status", "environment", "health_status")


class ConnectionViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, OrganizationViewSet
):
    """An organization's connections to providers."""

    queryset = Connection.objects.select_related("provider", "organization")
    serializer_class = ConnectionDetail
    filterset_class = ConnectionFilter
    scope = "connections"

    def get_serializer_class(self) -> Any:
        by_action = {"list": ConnectionRow, "create": NewConnection, "partial_update": ConnectionChanges}
        return by_action.get(self.action, ConnectionDetail)

    @extend_schema(request=NewConnection, responses={201: ConnectionDetail}, parameters=[IDEMPOTENCY_KEY])
    def create(self, request: Request) -> Response:
        """Make a connection. It is pending until it is activated, which tests it first."""
        given = self.validated(request)
        made = once(request, lambda: self._create(request, **given).pk)
        return self.shown(get_object_or_404(self.get_queryset(), pk=made), ConnectionDetail, created=True)

    def _create(self, request: Request, *, provider: str, **given: Any) -> Connection:
        user = request.user if isinstance(request.user, User) else None
        return connections.create_connection(self.organization, provider_slug=provider, created_by=user, **given)

    @extend_schema(request=ConnectionChanges, responses=ConnectionDetail)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        connection = connections.update_connection(self.get_object(), **self.validated(request))
        return self.shown(connection, ConnectionDetail)

    def perform_destroy(self, instance: Connection) -> None:
        connections.delete_connection(instance)

    @extend_schema(request=None, responses=ConnectionTestResult)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **kwargs: Any) -> Response:
        """Ask the provider whether it takes the credentials. Answers 200 however the test went: see `ok`."""
        self.expect_no_body(request)
        result = connections.test_connection(self.get_object())
        return Response(ConnectionTestResult(result).data, status=status.HTTP_200_OK)

    @extend_schema(request=None, responses=ConnectionDetail)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, **kwargs: Any) -> Response:
        """Test the connection and let traffic through it; a failed test answers its error."""
        self.expect_no_body(request)
        return self.shown(connections.activate_connection(self.get_object()), ConnectionDetail)

    @extend_schema(request=None, responses=ConnectionDetail)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, **kwargs: Any) -> Response:
        """Close the connection to traffic at once."""
        self.expect_no_body(request)
        return self.shown(connections.deactivate_connection(self.get_object()), ConnectionDetail)

    @extend_schema(request=None, responses=ConnectionDetail)
    @action(detail=True, methods=["post"], url_path="circuit/reset")
    def reset_circuit(self, request: Request, **kwargs: Any) -> Response:
        """Close the circuit and end a pause: calls go through at once."""
        self.expect_no_body(request)
        return self.shown(connections.reset_circuit(self.get_object()), ConnectionDetail)
