"""Where events are forwarded to."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.filters import YesNoFilter
from integrations.api.idempotency import once
from integrations.api.openapi import IDEMPOTENCY_KEY
from integrations.api.serializers import Nothing, OwnRow, SecretField, SecretsField, StrictSerializer, TrueOrFalse
from integrations.api.viewsets import OrganizationViewSet
from integrations.models import Connection
from integrations.models.catalogue import IntegrationProvider

from ..forward.destination_input import MOST_AT_ONCE, MOST_PER_SECOND
from ..forward.destinations import (
    create_destination,
    delete_destination,
    enable_destination,
    rotate_secret,
    send_test,
    update_destination,
)
from ..models import WebhookDestination
from .deliveries import DeliveryDetail


class DestinationRow(serializers.ModelSerializer[WebhookDestination]):
    disabled_reason = serializers.CharField(
        read_only=True, help_text="Empty, `by_hand`, `gone` (410) or `failing` (nothing but failure for days)."
    )

    class Meta:
        model = WebhookDestination
        fields: tuple[str, ...] = (
            "id", "url", "description", "form", "event_types", "provider_event_types", "provider_types", "connection",
            "header_names", "retry_policy", "max_concurrency", "max_per_second", "is_ordered", "is_active",
            "disabled_at", "disabled_reason", "failing_since", "previous_secret_expires_at", "last_delivered_at",
            "delivered_count", "failed_count", "created_at", "updated_at",
        )  # fmt: skip


class DestinationWithSecret(DestinationRow):
    """Answered when a secret is made, and never again."""

    signing_secret = serializers.SerializerMethodField()

    class Meta(DestinationRow.Meta):
        fields = (*DestinationRow.Meta.fields, "signing_secret")

    def get_signing_secret(self, destination: WebhookDestination) -> str:
        return str(self.context["signing_secret"])


class Schedule(StrictSerializer):
    schedule = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=604_800),
        max_length=20,
        required=False,
        help_text="Seconds before each retry. Left out: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.",
    )


class DestinationChanges(StrictSerializer):
    """An event goes to a destination when it fits every filter that is set."""

    url = serializers.CharField(max_length=2000, required=False)
    description = serializers.CharField(max_length=200, required=False, allow_blank=True)
    form = serializers.ChoiceField(choices=WebhookDestination.Form.choices, required=False)
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=100),
        max_length=200,
        required=False,
        help_text="Our names of events, `payment.succeeded`, or all of a kind, `payment.*`. Empty: all.",
    )
    provider_event_types = serializers.ListField(
        child=serializers.CharField(max_length=100),
        max_length=200,
        required=False,
        help_text="The provider's names; a final asterisk stands for any rest. Empty: all.",
    )
    provider_types = serializers.ListField(
        child=serializers.ChoiceField(choices=IntegrationProvider.Type.choices),
        max_length=20,
        required=False,
        help_text="Empty: all.",
    )
    connection = OwnRow(queryset=Connection.objects.all(), required=False, allow_null=True)
    headers = SecretsField(
        required=False, write_only=True, help_text="By name, all that are to be sent; their values are never shown."
    )
    retry_policy = Schedule(required=False)
    max_concurrency = serializers.IntegerField(min_value=1, max_value=MOST_AT_ONCE, required=False)
    max_per_second = serializers.IntegerField(
        min_value=1, max_value=MOST_PER_SECOND, required=False, allow_null=True, help_text="None: no limit."
    )
    is_ordered = TrueOrFalse(required=False, help_text="One after the other; one that fails holds up those after it.")
    is_active = TrueOrFalse(required=False)


class NewDestination(DestinationChanges):
    url = serializers.CharField(max_length=2000)
    signing_secret = SecretField(
        max_length=100, default="", allow_blank=True, help_text="`whsec_…`; made when left out."
    )
    is_active = None  # type: ignore[assignment]  # the framework's way to leave a field out


class NewSigningSecret(StrictSerializer):
    signing_secret = SecretField(max_length=100, default="", allow_blank=True)


class DestinationFilter(django_filters.FilterSet):
    connection = django_filters.UUIDFilter()
    is_active = YesNoFilter()
    form = django_filters.ChoiceFilter(choices=WebhookDestination.Form.choices)


class DestinationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    queryset = WebhookDestination.objects.all()
    serializer_class = DestinationRow
    filterset_class = DestinationFilter
    scope = "webhooks"

    def get_serializer_class(self) -> Any:
        by_action = {
            "create": NewDestination, "partial_update": DestinationChanges, "rotate_secret": NewSigningSecret,
            "enable": Nothing, "test": Nothing,
        }  # fmt: skip
        return by_action.get(self.action, DestinationRow)

    @extend_schema(request=NewDestination, responses={201: DestinationWithSecret}, parameters=[IDEMPOTENCY_KEY])
    def create(self, request: Request) -> Response:
        """Have events sent to an address. The secret that signs them is in this answer alone."""
        given = self.validated(request)

        def create() -> UUID:
            return UUID(str(create_destination(self.organization, **given)[0].pk))

        return self._with_secret(once(request, create), status=status.HTTP_201_CREATED)

    @extend_schema(request=DestinationChanges, responses=DestinationRow)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        return self.shown(update_destination(self.get_object(), **self.validated(request)), DestinationRow)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """With its deliveries."""
        delete_destination(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=NewSigningSecret, responses=DestinationWithSecret, parameters=[IDEMPOTENCY_KEY])
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, **kwargs: Any) -> Response:
        """Another secret, in this answer alone; for a day messages are signed with the old one too."""
        destination, given = self.get_object(), self.validated(request)

        def rotate() -> UUID:
            rotate_secret(destination, **given)
            return UUID(str(destination.pk))

        return self._with_secret(once(request, rotate), status=status.HTTP_200_OK)

    @extend_schema(request=None, responses=DestinationRow)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, **kwargs: Any) -> Response:
        """Send to it again. What was held meanwhile waits until it is retried: `webhook-deliveries/retry/`."""
        self.expect_no_body(request)
        return self.shown(enable_destination(self.get_object()), DestinationRow)

    @extend_schema(request=None, responses=DeliveryDetail)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **kwargs: Any) -> Response:
        """Send a test message now, and tell what came of it."""
        self.expect_no_body(request)
        return self.shown(send_test(self.get_object()), DeliveryDetail)

    def _with_secret(self, key: UUID, *, status: int) -> Response:
        destination = get_object_or_404(self.get_queryset(), pk=key)
        context = {**self.get_serializer_context(), "signing_secret": destination.signing_secret.reveal()}
        return Response(DestinationWithSecret(destination, context=context).data, status=status)
