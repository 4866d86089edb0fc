"""Disputes, and what each day comes to: told by the gateways, read here."""

from __future__ import annotations

from typing import Any

import django_filters
from rest_framework import mixins, serializers

from ..models import PaymentDispute, PaymentSettlement
from .pagination import NewestFirst
from .serializers import Money
from .viewsets import OrganizationViewSet


class DisputeRow(serializers.ModelSerializer[PaymentDispute]):
    amount = Money(allow_null=True)
    connection = serializers.UUIDField(source="payment.connection_id", read_only=True, allow_null=True)
    reference = serializers.CharField(source="payment.reference", read_only=True, help_text="The payment's.")

    class Meta:
        model = PaymentDispute
        fields = (
            "id", "payment", "reference", "connection", "provider_reference", "status", "amount", "currency", "reason",
            "respond_by", "opened_at", "closed_at", "created_at", "updated_at",
        )  # fmt: skip


class DisputeFilter(django_filters.FilterSet):
    payment = django_filters.UUIDFilter()
    connection = django_filters.UUIDFilter(field_name="payment__connection")

    class Meta:
        model = PaymentDispute
        fields = ("status",)


class PaymentDisputeViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OrganizationViewSet):
    """Disputes (chargebacks) as the gateways tell of them; they are answered at the gateway."""

    queryset = PaymentDispute.objects.select_related("payment")
    serializer_class = DisputeRow
    filterset_class = DisputeFilter
    scope = "payments"


class SettlementRow(serializers.ModelSerializer[PaymentSettlement]):
    captured = Money()
    refunded = Money()
    fees = Money()
    net = Money()
    disputed = Money()

    class Meta:
        model = PaymentSettlement
        fields = (
            "id", "connection", "day", "currency", "payments", "refunds", "captured", "refunded", "fees", "net",
            "disputed", "differences", "updated_at",
        )  # fmt: skip


class SettlementFilter(django_filters.FilterSet):
    connection = django_filters.UUIDFilter()
    since = django_filters.DateFilter(field_name="day", lookup_expr="gte")
    until = django_filters.DateFilter(field_name="day", lookup_expr="lte", help_text="This day included.")
    currency = django_filters.CharFilter(max_length=3)


class NewestDay(NewestFirst):
    ordering: Any = ("-day", "-id")


class PaymentSettlementViewSet(mixins.ListModelMixin, OrganizationViewSet):
    """What each connection moved on a day (Asia/Dubai) in a currency. The last days are still counted again."""

    queryset = PaymentSettlement.objects.all()
    serializer_class = SettlementRow
    filterset_class = SettlementFilter
    pagination_class = NewestDay
    scope = "payments"
