"""Payments and what was done to them: read here, acted on at their own page."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import action, display

from ..models import Payment, PaymentOperation
from ..templatetags.hub import money
from .base import STATUS_LABELS, TenantRecordAdmin


@admin.register(Payment)
class PaymentAdmin(TenantRecordAdmin):
    list_display = ("reference", "shown_amount", "state", "connection", "provider_reference", "created_at")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("connection", AutocompleteSelectFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_select_related = ("connection",)
    search_fields = ("reference", "provider_reference")
    actions_detail = ("open_page",)

    @action(description=_("Open its page"), icon="open_in_new", permissions=["view"])
    def open_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("payment", object_id)

    @display(description=_("amount"), ordering="amount")
    def shown_amount(self, payment: Payment) -> str:
        return money(payment.amount, payment.currency)

    @display(description=_("status"), ordering="status", label=STATUS_LABELS)
    def state(self, payment: Payment) -> tuple[str, str]:
        return payment.status, payment.get_status_display()


@admin.register(PaymentOperation)
class PaymentOperationAdmin(TenantRecordAdmin):
    list_display = ("payment", "kind", "shown_amount", "state", "error_code", "created_at")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_select_related = ("payment",)
    search_fields = ("payment__reference", "provider_reference")
    exclude = ("raw",)  # the provider's answer may hold personal data

    @display(description=_("amount"))
    def shown_amount(self, operation: PaymentOperation) -> str:
        return money(operation.amount, operation.payment.currency)

    @display(description=_("status"), ordering="status", label=STATUS_LABELS)
    def state(self, operation: PaymentOperation) -> tuple[str, str]:
        return operation.status, operation.get_status_display()
