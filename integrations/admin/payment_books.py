"""The books beside the payments: written by the system, read here."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
    RangeDateTimeFilter,
)
from unfold.decorators import display

from ..models import PaymentDispute, PaymentMovement, PaymentSettlement
from ..templatetags.hub import money
from .base import STATUS_LABELS, TenantRecordAdmin


@admin.register(PaymentMovement)
class PaymentMovementAdmin(TenantRecordAdmin):
    list_display = ("payment", "kind", "shown_amount", "connection", "created_at")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("connection", AutocompleteSelectFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_select_related = ("payment", "connection")
    search_fields = ("=payment__reference",)

    @display(description=_("amount"))
    def shown_amount(self, movement: PaymentMovement) -> str:
        return money(movement.amount, movement.currency)


@admin.register(PaymentDispute)
class PaymentDisputeAdmin(TenantRecordAdmin):
    list_display = ("provider_reference", "payment", "shown_amount", "state", "reason", "respond_by", "opened_at")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("respond_by", RangeDateTimeFilter),
        ("opened_at", RangeDateTimeFilter),
    )
    list_select_related = ("payment",)
    search_fields = ("=payment__reference", "=provider_reference")

    @display(description=_("amount"))
    def shown_amount(self, dispute: PaymentDispute) -> str:
        return money(dispute.amount, dispute.currency or dispute.payment.currency)

    @display(description=_("status"), ordering="status", label=STATUS_LABELS)
    def state(self, dispute: PaymentDispute) -> tuple[str, str]:
        return dispute.status, dispute.get_status_display()


@admin.register(PaymentSettlement)
class PaymentSettlementAdmin(TenantRecordAdmin):
    list_display = (
        "day", "connection", "payments", "refunds", "shown_captured", "shown_refunded", "shown_fees", "shown_net",
        "differences",
    )  # fmt: skip
    list_filter = (("connection", AutocompleteSelectFilter), ("day", RangeDateFilter))
    list_select_related = ("connection",)
    search_fields = ("=currency", "connection__connection_name")

    @display(description=_("captured"), ordering="captured")
    def shown_captured(self, settlement: PaymentSettlement) -> str:
        return money(settlement.captured, settlement.currency)

    @display(description=_("refunded"), ordering="refunded")
    def shown_refunded(self, settlement: PaymentSettlement) -> str:
        return money(settlement.refunded, settlement.currency)

    @display(description=_("fees"), ordering="fees")
    def shown_fees(self, settlement: PaymentSettlement) -> str:
        return money(settlement.fees, settlement.currency)

    @display(description=_("net"), ordering="net")
    def shown_net(self, settlement: PaymentSettlement) -> str:
        return money(settlement.net, settlement.currency)
