"""The rules by which an organization's payments find their connection."""

from __future__ import annotations

from typing import Any

import django_filters
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor
from rest_framework.request import Request
from rest_framework.response import Response

from ..models import Connection, PaymentRoute
from ..operations import payment_routes
from .filters import YesNoFilter
from .idempotency import once
from .openapi import IDEMPOTENCY_KEY
from .pagination import NewestFirst
from .serializers import Amount, Money, OwnRow, StrictSerializer, TrueOrFalse
from .viewsets import OrganizationViewSet


@extend_schema_field({"type": "string", "nullable": True})
class Bound(Money):
    """An end of a range of amounts; a rule without a currency has none."""

    def get_attribute(self, instance: PaymentRoute) -> Any:
        return getattr(instance, str(self.source)), instance.currency


@extend_schema_field({"oneOf": [{"type": "string", "nullable": True}, {"type": "number"}]})
class BoundAmount(Amount):
    """An end of a range on its way in; null takes it away."""


class RouteRow(serializers.ModelSerializer[PaymentRoute]):
    min_amount = Bound()
    max_amount = Bound()

    class Meta:
        model = PaymentRoute
        fields = (
            "id", "name", "position", "connection", "environment", "country", "currency", "method", "min_amount",
            "max_amount", "is_active", "created_at", "updated_at",
        )  # fmt: skip


class RouteChanges(StrictSerializer):
    name = serializers.CharField(max_length=100, required=False)
    connection = OwnRow(queryset=Connection.objects.select_related("provider"), required=False)
    position = serializers.IntegerField(
        min_value=0, max_value=PaymentRoute.LAST_POSITION, required=False, help_text="Of several rules the lower holds."
    )
    environment = serializers.ChoiceField(choices=Connection.Environment.choices, required=False, allow_blank=True)
    country = serializers.CharField(max_length=2, required=False, allow_blank=True, help_text="ISO 3166-1")
    currency = serializers.CharField(max_length=3, required=False, allow_blank=True, help_text="ISO 4217")
    method = serializers.CharField(max_length=32, required=False, allow_blank=True)
    min_amount = BoundAmount(required=False, allow_null=True, help_text="Needs a currency.")
    max_amount = BoundAmount(required=False, allow_null=True)
    is_active = TrueOrFalse(required=False)


class NewRoute(RouteChanges):
    """A part that is left out holds for every payment. Without a position the rule comes last."""

    name = serializers.CharField(max_length=100)
    connection = OwnRow(queryset=Connection.objects.select_related("provider"))


class RouteFilter(django_filters.FilterSet):
    connection = django_filters.UUIDFilter()
    is_active = YesNoFilter()


class InOrder(NewestFirst):
    """Rules are read in the order in which they hold."""

    ordering: Any = ("position", "id")

    def decode_cursor(self, request: Request) -> Cursor | None:
        cursor: Cursor | None = super().decode_cursor(request)
        position = "" if cursor is None else str(cursor.position or "")
        if position and not (position.isascii() and position.isdecimal() and int(position[:9]) < 100_000):
            raise NotFound(self.invalid_cursor_message)
        return cursor


class PaymentRouteViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """Rules of routing. A payment that fits several goes by the first; one that fits none by the connections alone."""

    queryset = PaymentRoute.objects.select_related("organization")
    serializer_class = RouteRow
    filterset_class = RouteFilter
    pagination_class = InOrder
    scope = "connections"

    @property
    def admin_only(self) -> bool:
        """Where money goes is decided by administrators, and seen by everyone."""
        return self.action not in ("list", "retrieve")

    def get_serializer_class(self) -> Any:
        return {"create": NewRoute, "partial_update": RouteChanges}.get(self.action, RouteRow)

    @extend_schema(request=NewRoute, responses={201: RouteRow}, parameters=[IDEMPOTENCY_KEY])
    def create(self, request: Request) -> Response:
        given = self.validated(request)
        made = once(request, lambda: payment_routes.create_route(self.organization, **given).pk)
        return self.shown(get_object_or_404(self.get_queryset(), pk=made), RouteRow, created=True)

    @extend_schema(request=RouteChanges, responses=RouteRow)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        route = self.get_object()
        return self.shown(payment_routes.update_route(route, **self.validated(request)), RouteRow)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        payment_routes.delete_route(self.get_object())
        return Response(status=204)
