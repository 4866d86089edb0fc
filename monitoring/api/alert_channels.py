"""Where alerts are told. An address goes in and is not shown again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.idempotency import once
from integrations.api.openapi import IDEMPOTENCY_KEY
from integrations.api.serializers import Nothing, SecretField, StrictSerializer, TrueOrFalse
from integrations.api.viewsets import OrganizationViewSet

from ..alerting.channels import create_channel, delete_channel, update_channel
from ..alerting.deliver import send_test
from ..models import AlertChannel
from .alerts import NotificationRow

_ADDRESS = "An Apprise address, such as `mailtos://…` or `slack://…`. Encrypted, and never shown again."


class ChannelRow(serializers.ModelSerializer[AlertChannel]):
    address = serializers.CharField(source="shown", read_only=True, help_text="Of it, what is no secret.")

    class Meta:
        model = AlertChannel
        fields = (
            "id", "name", "service", "address", "is_active", "delivered_at", "failed_at", "error", "created_at",
            "updated_at",
        )  # fmt: skip


class ChannelChanges(StrictSerializer):
    name = serializers.CharField(max_length=100, required=False)
    url = SecretField(max_length=2000, required=False, help_text=_ADDRESS)
    is_active = TrueOrFalse(required=False)


class NewChannel(StrictSerializer):
    name = serializers.CharField(max_length=100)
    url = SecretField(max_length=2000, help_text=_ADDRESS)


class ChannelViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    queryset = AlertChannel.objects.all()
    serializer_class = ChannelRow
    scope = "connections"
    admin_only = True

    def get_permissions(self) -> Any:
        self.admin_only = self.action not in ("list", "retrieve")
        return super().get_permissions()

    def get_serializer_class(self) -> Any:
        return {"create": NewChannel, "partial_update": ChannelChanges, "test": Nothing}.get(self.action, ChannelRow)

    @extend_schema(request=NewChannel, responses={201: ChannelRow}, parameters=[IDEMPOTENCY_KEY])
    def create(self, request: Request) -> Response:
        """The address is checked before it is kept: what may not be reached is refused."""
        given = self.validated(request)
        made = once(request, lambda: UUID(str(create_channel(self.organization, **given).pk)))
        return self.shown(get_object_or_404(self.get_queryset(), pk=made), ChannelRow, created=True)

    @extend_schema(request=ChannelChanges, responses=ChannelRow)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        return self.shown(update_channel(self.get_object(), **self.validated(request)), ChannelRow)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """What was sent to it stays with the alerts; what is waiting is not sent."""
        delete_channel(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=NotificationRow)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **kwargs: Any) -> Response:
        """Send a test message now, and tell what came of it."""
        self.expect_no_body(request)
        return self.shown(send_test(self.get_object()), NotificationRow)
