"""When alerts are opened and whom they are told, and when nobody is told."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.api.filters import YesNoFilter
from integrations.api.idempotency import once
from integrations.api.openapi import IDEMPOTENCY_KEY
from integrations.api.serializers import OwnRow, StrictSerializer, TrueOrFalse
from integrations.api.viewsets import OrganizationViewSet
from integrations.models import Connection

from ..alerting.rules import create_rule, delete_rule, update_rule
from ..alerting.silence_input import create_silence, delete_silence, update_silence
from ..models import Alert, AlertChannel, AlertRule, AlertSilence

_DAY = 24 * 60


class AlertRuleRow(serializers.ModelSerializer[AlertRule]):
    channels = serializers.SerializerMethodField(help_text="Told at once, where `tells_all_channels` is false.")
    escalation_channels = serializers.SerializerMethodField()

    class Meta:
        model = AlertRule
        fields = (
            "id", "name", "kind", "connection", "threshold", "window_minutes", "minimum_calls", "for_minutes",
            "tells_all_channels", "channels", "repeat_minutes", "repeat_at_most_minutes", "escalate_after_minutes",
            "escalation_channels", "is_active", "created_at", "updated_at",
        )  # fmt: skip

    def get_channels(self, rule: AlertRule) -> list[UUID]:
        return [one.channel_id for one in rule.chosen.all() if not one.is_escalation]

    def get_escalation_channels(self, rule: AlertRule) -> list[UUID]:
        return [one.channel_id for one in rule.chosen.all() if one.is_escalation]


class AlertRuleChanges(StrictSerializer):
    """`threshold` is in percent (`error_rate`), days ahead (`credential_expiring`) or AED a month (`budget`)."""

    name = serializers.CharField(max_length=100, required=False, allow_blank=True)
    connection = OwnRow(queryset=Connection.objects.all(), required=False, allow_null=True)
    threshold = serializers.DecimalField(max_digits=14, decimal_places=2, required=False, allow_null=True)
    window_minutes = serializers.IntegerField(min_value=1, max_value=60, required=False)
    minimum_calls = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False)
    for_minutes = serializers.IntegerField(min_value=0, max_value=_DAY, required=False)
    tells_all_channels = TrueOrFalse(required=False)
    channels = serializers.ListField(child=OwnRow(queryset=AlertChannel.objects.all()), max_length=50, required=False)
    repeat_minutes = serializers.IntegerField(
        min_value=5, max_value=30 * _DAY // 2, required=False, allow_null=True,
        help_text="The first pause; each is twice as long as the one before. None: never repeated.",
    )  # fmt: skip
    repeat_at_most_minutes = serializers.IntegerField(min_value=5, max_value=30 * _DAY // 2, required=False)
    escalate_after_minutes = serializers.IntegerField(min_value=1, max_value=_DAY, required=False, allow_null=True)
    escalation_channels = serializers.ListField(
        child=OwnRow(queryset=AlertChannel.objects.all()), max_length=50, required=False
    )
    is_active = TrueOrFalse(required=False)


class NewRule(AlertRuleChanges):
    kind = serializers.ChoiceField(choices=Alert.Kind.choices)


class RuleFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(choices=Alert.Kind.choices)
    connection = django_filters.UUIDFilter()
    is_active = YesNoFilter()


class _Managed(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """Anyone may read them; of people admins alone change them."""

    scope = "connections"

    def get_permissions(self) -> Any:
        self.admin_only = self.action not in ("list", "retrieve")
        return super().get_permissions()

    def made(self, key: UUID, row: Any) -> Response:
        return self.shown(get_object_or_404(self.get_queryset(), pk=key), row, created=True)


class RuleViewSet(_Managed):
    queryset = AlertRule.objects.prefetch_related("chosen")
    serializer_class = AlertRuleRow
    filterset_class = RuleFilter

    def get_serializer_class(self) -> Any:
        return {"create": NewRule, "partial_update": AlertRuleChanges}.get(self.action, AlertRuleRow)

    @extend_schema(request=NewRule, responses={201: AlertRuleRow}, parameters=[IDEMPOTENCY_KEY])
    def create(self, request: Request) -> Response:
        given = self.validated(request)
        return self.made(once(request, lambda: UUID(str(create_rule(self.organization, **given).pk))), AlertRuleRow)

    @extend_schema(request=AlertRuleChanges, responses=AlertRuleRow)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """One that is switched off closes what it has opened, without a word."""
        return self.shown(update_rule(self.get_object(), **self.validated(request)), AlertRuleRow)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """What it has opened is closed without a word, and stays to be read."""
        delete_rule(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_field({"type": "string", "pattern": r"^\d{2}:\d{2}$", "example": "22:00"})
class ClockTime(serializers.TimeField):
    def __init__(self, **options: Any) -> None:
        super().__init__(format="%H:%M", input_formats=["%H:%M"], **options)


class SilenceRow(serializers.ModelSerializer[AlertSilence]):
    start_time = ClockTime(read_only=True, allow_null=True)
    end_time = ClockTime(read_only=True, allow_null=True)

    class Meta:
        model = AlertSilence
        fields = (
            "id", "name", "kind", "connection", "starts_at", "ends_at", "weekdays", "start_time", "end_time",
            "is_active", "created_at", "updated_at",
        )  # fmt: skip


class SilenceChanges(StrictSerializer):
    """Once with `starts_at` and `ends_at`, or every week with `weekdays` (0 is Monday), `start_time` and `end_time` by
    the organization's clock; an end that is not later than the start is the next morning's."""

    name = serializers.CharField(max_length=100, required=False)
    kind = serializers.ChoiceField(choices=Alert.Kind.choices, required=False, allow_blank=True)
    connection = OwnRow(queryset=Connection.objects.all(), required=False, allow_null=True)
    starts_at = serializers.DateTimeField(required=False, allow_null=True)
    ends_at = serializers.DateTimeField(required=False, allow_null=True)
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6), max_length=7, required=False
    )
    start_time = ClockTime(required=False, allow_null=True)
    end_time = ClockTime(required=False, allow_null=True)
    is_active = TrueOrFalse(required=False)


class NewSilence(SilenceChanges):
    name = serializers.CharField(max_length=100)


class SilenceViewSet(_Managed):
    queryset = AlertSilence.objects.all()
    serializer_class = SilenceRow

    def get_serializer_class(self) -> Any:
        return {"create": NewSilence, "partial_update": SilenceChanges}.get(self.action, SilenceRow)

    @extend_schema(request=NewSilence, responses={201: SilenceRow}, parameters=[IDEMPOTENCY_KEY])
    def create(self, request: Request) -> Response:
        given = self.validated(request)
        return self.made(once(request, lambda: UUID(str(create_silence(self.organization, **given).pk))), SilenceRow)

    @extend_schema(request=SilenceChanges, responses=SilenceRow)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        return self.shown(update_silence(self.get_object(), **self.validated(request)), SilenceRow)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        delete_silence(self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)
