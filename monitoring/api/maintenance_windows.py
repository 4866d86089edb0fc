"""Work that was announced: failures in it alarm nobody."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.filters import YesNoFilter
from integrations.api.idempotency import once
from integrations.api.openapi import IDEMPOTENCY_KEY
from integrations.api.pagination import NewestFirst
from integrations.api.serializers import OwnRow, StrictSerializer
from integrations.api.viewsets import OrganizationViewSet
from integrations.models import Connection, IntegrationProvider, User

from .. import maintenance
from ..models import MaintenanceWindow


class WindowRow(serializers.ModelSerializer[MaintenanceWindow]):
    provider = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True, allow_null=True)

    class Meta:
        model = MaintenanceWindow
        fields = (
            "id", "connection", "provider", "starts_at", "ends_at", "reason", "created_at", "updated_at",
        )  # fmt: skip


class WindowChanges(StrictSerializer):
    starts_at = serializers.DateTimeField(required=False)
    ends_at = serializers.DateTimeField(required=False)
    reason = serializers.CharField(max_length=200, required=False)


class NewWindow(WindowChanges):
    """Of one connection, or of all to a provider (its slug); with neither, of all."""

    connection = OwnRow(queryset=Connection.objects.all(), required=False, allow_null=True)
    provider = serializers.SlugRelatedField[Any](
        slug_field="slug", queryset=IntegrationProvider.objects.all(), required=False, allow_null=True
    )
    starts_at = serializers.DateTimeField(required=False, help_text="Now, if it is left out.")
    ends_at = serializers.DateTimeField()
    reason = serializers.CharField(max_length=200)


class WindowFilter(django_filters.FilterSet):
    connection = django_filters.UUIDFilter()
    provider = django_filters.CharFilter(field_name="provider__slug")
    is_over = YesNoFilter(method="over")
    since = django_filters.IsoDateTimeFilter(field_name="ends_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="starts_at", lookup_expr="lt")

    def over(self, windows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        now = timezone.now()
        return windows.filter(ends_at__lte=now) if value else windows.filter(ends_at__gt=now)


class MaintenanceWindowViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    queryset = MaintenanceWindow.objects.select_related("provider")
    serializer_class = WindowRow
    filterset_class = WindowFilter
    pagination_class = NewestFirst
    scope = "connections"

    def get_serializer_class(self) -> Any:
        return {"create": NewWindow, "partial_update": WindowChanges}.get(self.action, WindowRow)

    @extend_schema(request=NewWindow, responses={201: WindowRow}, parameters=[IDEMPOTENCY_KEY])
    def create(self, request: Request) -> Response:
        given = {"starts_at": timezone.now(), **self.validated(request)}
        user = request.user if isinstance(request.user, User) else None
        made = once(request, lambda: maintenance.schedule_window(self.organization, created_by=user, **given).pk)
        return self.shown(get_object_or_404(self.get_queryset(), pk=made), WindowRow, created=True)

    @extend_schema(request=WindowChanges, responses=WindowRow)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        window = self.get_object()
        return self.shown(maintenance.change_window(window, **self.validated(request)), WindowRow)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def end(self, request: Request, **kwargs: Any) -> Response:
        """End it now; one that has not begun is taken back."""
        self.expect_no_body(request)
        maintenance.end_window(self.get_object())
        return Response(status=204)
