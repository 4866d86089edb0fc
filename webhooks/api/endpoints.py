"""The addresses that providers call."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.filters import YesNoFilter
from integrations.api.idempotency import once
from integrations.api.openapi import IDEMPOTENCY_KEY
from integrations.api.serializers import OwnRow, SecretField, StrictSerializer, TrueOrFalse
from integrations.api.viewsets import OrganizationViewSet
from integrations.models import Connection

from ..endpoints import address_for, create_endpoint, rotate_secret, secret_to_show, update_endpoint
from ..models import WebhookEndpoint, WebhookEvent
from ..retries import policy_of
from ..samples import send_test_event
from .events import EventRow

_UNSIGNED = "Only {provider} itself can sign its events: this test skipped the signature, which was not checked."


class EndpointRow(serializers.ModelSerializer[WebhookEndpoint]):
    class Meta:
        model = WebhookEndpoint
        fields: tuple[str, ...] = (
            "id", "connection", "webhook_url", "event_types", "is_active", "is_paused", "allowed_networks",
            "max_per_minute", "retry_policy",
            "previous_secret_expires_at", "last_triggered", "total_triggers", "success_count", "failure_count",
            "created_at", "updated_at",
        )  # fmt: skip


class EndpointWithSecret(EndpointRow):
    """Answered when a secret is made, and never again. Some providers prove themselves by an address with it inside."""

    webhook_url = serializers.SerializerMethodField()
    webhook_secret = serializers.SerializerMethodField()

    class Meta(EndpointRow.Meta):
        fields = (*EndpointRow.Meta.fields, "webhook_secret")

    def get_webhook_url(self, endpoint: WebhookEndpoint) -> str:
        return address_for(endpoint, self.context["webhook_secret"])

    def get_webhook_secret(self, endpoint: WebhookEndpoint) -> str:
        return str(self.context["webhook_secret"])


class Networks(serializers.ListField):
    """Addresses or CIDR ranges; which of them are none is the operation's to say."""

    child = serializers.CharField(max_length=43)

    def __init__(self, **options: Any) -> None:
        told = "Who may call: addresses or CIDR ranges. Empty: those that the provider documents, else any."
        super().__init__(**{"max_length": 100, "help_text": told, **options})


class NewEndpoint(StrictSerializer):
    connection = OwnRow(queryset=Connection.objects.select_related("provider", "organization"))
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=100), default=list, max_length=200, help_text="Empty: all."
    )
    allowed_networks = Networks(default=list)
    webhook_secret = SecretField(
        max_length=512,
        default="",
        allow_blank=True,
        trim_whitespace=True,
        help_text="The provider's own, where it issues one; made when left out.",
    )
    register = TrueOrFalse(default=False, help_text="Tell the provider the address through its API.")


class RetryPolicy(StrictSerializer):
    max_retries = serializers.IntegerField(min_value=0, max_value=50, required=False)
    backoff_strategy = serializers.ChoiceField(choices=["exponential"], required=False)
    initial_seconds = serializers.IntegerField(min_value=1, max_value=86_400, required=False)
    factor = serializers.IntegerField(min_value=1, max_value=10, required=False)
    max_seconds = serializers.IntegerField(min_value=1, max_value=604_800, required=False)


class EndpointChanges(StrictSerializer):
    event_types = serializers.ListField(child=serializers.CharField(max_length=100), max_length=200, required=False)
    is_active = TrueOrFalse(required=False)
    is_paused = TrueOrFalse(required=False, help_text="Events are stored, and held until the pause ends.")
    allowed_networks = Networks(required=False)
    max_per_minute = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False)
    retry_policy = RetryPolicy(required=False)


class NewSecret(StrictSerializer):
    webhook_secret = SecretField(max_length=512, default="", allow_blank=True, trim_whitespace=True)


class TestEvent(StrictSerializer):
    event_type = serializers.CharField(max_length=100, help_text="The provider's name of it.")


class SentTestEvent(EventRow):
    note = serializers.SerializerMethodField(help_text="Says so where the signature was not checked; else empty.")

    class Meta(EventRow.Meta):
        fields = (*EventRow.Meta.fields, "note")

    @extend_schema_field(serializers.CharField())
    def get_note(self, event: WebhookEvent) -> str:
        if event.signature_verified:
            return ""
        return _UNSIGNED.format(provider=event.webhook_endpoint.connection.provider.provider_name)


class EndpointFilter(django_filters.FilterSet):
    connection = django_filters.UUIDFilter()
    is_active = YesNoFilter()
    is_paused = YesNoFilter()


class EndpointViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    queryset = WebhookEndpoint.objects.exclude(webhook_url="").select_related(
        "connection__provider", "connection__organization"
    )
    serializer_class = EndpointRow
    filterset_class = EndpointFilter
    scope = "webhooks"

    def get_serializer_class(self) -> Any:
        by_action = {"create": NewEndpoint, "partial_update": EndpointChanges, "rotate_secret": NewSecret}
        return {**by_action, "test": TestEvent}.get(self.action, EndpointRow)

    @extend_schema(request=NewEndpoint, responses={201: EndpointWithSecret}, parameters=[IDEMPOTENCY_KEY])
    def create(self, request: Request) -> Response:
        """Make an address. Its signing secret is in this answer alone."""
        given = self.validated(request)

        def create() -> UUID:
            return UUID(str(create_endpoint(given.pop("connection"), **given)[0].pk))

        return self._with_secret(once(request, create), status=201)

    @extend_schema(request=EndpointChanges, responses=EndpointRow)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        endpoint, changes = self.get_object(), self.validated(request)
        if "retry_policy" in changes:
            changes["retry_policy"] = {**policy_of(endpoint), **changes["retry_policy"]}
        return self.shown(update_endpoint(endpoint, **changes), EndpointRow)

    @extend_schema(request=NewSecret, responses=EndpointWithSecret, parameters=[IDEMPOTENCY_KEY])
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, **kwargs: Any) -> Response:
        """Another secret, in this answer alone; the old one is accepted for a day."""
        endpoint, given = self.get_object(), self.validated(request)

        def rotate() -> UUID:
            rotate_secret(endpoint, **given)
            return UUID(str(endpoint.pk))

        return self._with_secret(once(request, rotate), status=200)

    @extend_schema(request=TestEvent, responses={201: SentTestEvent}, parameters=[IDEMPOTENCY_KEY])
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **kwargs: Any) -> Response:
        """Send the address an event in the provider's own shape, signed as it signs them. It changes no payment.

        Where only the provider can sign, as SendGrid, PayPal and Amazon SNS, the test skips the signature:
        `signature_verified` is false then, and `note` says so. All that follows is as for one from outside.
        """
        endpoint, given = self.get_object(), self.validated(request)
        sent = once(request, lambda: send_test_event(endpoint, given["event_type"]))
        event = WebhookEvent.objects.select_related("webhook_endpoint__connection__provider").get(pk=sent)
        return self.shown(event, SentTestEvent, created=True)

    def _with_secret(self, key: UUID, *, status: int) -> Response:
        endpoint = get_object_or_404(self.get_queryset(), pk=key)
        context = {**self.get_serializer_context(), "webhook_secret": secret_to_show(endpoint)}
        return Response(EndpointWithSecret(endpoint, context=context).data, status=status)
