"""What was sent to destinations, attempt by attempt."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from integrations.admin.base import STATUS_LABELS, TenantRecordAdmin

from ..models import WebhookDelivery, WebhookDeliveryAttempt


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(TenantRecordAdmin):
    list_display = ("event_type", "destination", "state", "response_status", "attempt", "created_at")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("destination", AutocompleteSelectFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_select_related = ("destination",)
    search_fields = ("=event_type",)
    exclude = ("tries", "event_index")

    @display(description=_("status"), ordering="status", label=STATUS_LABELS)
    def state(self, delivery: WebhookDelivery) -> tuple[str, str]:
        return delivery.status, delivery.get_status_display()


@admin.register(WebhookDeliveryAttempt)
class WebhookDeliveryAttemptAdmin(TenantRecordAdmin):
    list_display = ("delivery", "number", "at", "response_status", "duration_ms", "error")
    list_filter = (("at", RangeDateTimeFilter),)
    list_select_related = ("delivery",)
    search_fields = ("=response_status",)
