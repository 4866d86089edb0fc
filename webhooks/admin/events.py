"""What came in. A body is read on the event's own page, which writes down who read it."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from integrations.admin.base import STATUS_LABELS, TenantRecordAdmin

from ..models import WebhookAccessLog, WebhookEvent, WebhookReplay


@admin.register(WebhookEvent)
class WebhookEventAdmin(TenantRecordAdmin):
    list_display = ("event_type", "event_id", "state", "signature_verified", "retry_count", "received_at")
    list_filter = (
        ("processing_status", ChoicesDropdownFilter),
        ("webhook_endpoint", AutocompleteSelectFilter),
        ("received_at", RangeDateTimeFilter),
    )
    search_fields = ("=event_id", "=event_type")
    exclude = ("payload", "raw_body", "body", "body_key", "headers", "signature")

    @display(description=_("status"), ordering="processing_status", label=STATUS_LABELS)
    def state(self, event: WebhookEvent) -> tuple[str, str]:
        return event.processing_status, event.get_processing_status_display()


@admin.register(WebhookReplay)
class WebhookReplayAdmin(TenantRecordAdmin):
    list_display = ("created_at", "created_by", "status", "done", "total")
    list_filter = (("status", ChoicesDropdownFilter), ("created_at", RangeDateTimeFilter))
    search_fields = ("created_by",)
    exclude = ("event_ids",)


@admin.register(WebhookAccessLog)
class WebhookAccessLogAdmin(TenantRecordAdmin):
    list_display = ("created_at", "actor", "action", "webhook_event_id", "ip_address", "reason")
    list_filter = (("action", ChoicesDropdownFilter), ("created_at", RangeDateTimeFilter))
    search_fields = ("actor",)
    fields = ("created_at", "actor", "action", "webhook_event_id", "ip_address", "reason")
    readonly_fields = fields
