"""What somebody has to do."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin import EmptyFieldListFilter
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
)
from unfold.decorators import display

from integrations.admin.base import LoggedAdmin, TenantRecordAdmin
from monitoring.models import Alert, AlertNotification

_STATES = {"open": "danger", "acknowledged": "info", "resolved": "success"}


@admin.register(Alert)
class AlertAdmin(LoggedAdmin):
    list_display = ("opened_at", "connection_label", "kind", "told", "state")
    list_filter = (
        ("connection", AutocompleteSelectFilter),
        ("kind", ChoicesDropdownFilter),
        ("resolved_at", EmptyFieldListFilter),
    )
    fields = (
        "connection", "rule", "kind", "told", "opened_at", "acknowledged_at", "acknowledger", "escalated_at",
        "notified", "next_notification_at", "resolved_at",
    )  # fmt: skip
    readonly_fields = ("told", "acknowledger")

    @display(description=_("message"))
    def told(self, alert: Alert) -> str:
        return alert.told

    @display(description=_("acknowledged by"))
    def acknowledger(self, alert: Alert) -> str:
        """As it was called then: a program has no row of a person."""
        return alert.acknowledged_name

    @display(description=_("state"), label=_STATES)
    def state(self, alert: Alert) -> tuple[str, str]:
        names = {
            "open": pgettext("alert", "Open"), "acknowledged": gettext("Acknowledged"), "resolved": gettext("Resolved")
        }  # fmt: skip
        return alert.state, names[alert.state]


@admin.register(AlertNotification)
class AlertNotificationAdmin(TenantRecordAdmin):
    list_display = ("created_at", "kind", "channel_name", "alert", "status", "attempts", "sent_at")
    list_filter = (("kind", ChoicesDropdownFilter), ("status", ChoicesDropdownFilter))
    list_select_related = ("alert",)
    fields = (
        "alert", "channel_name", "kind", "status", "attempts", "error", "created_at", "next_attempt_at", "sent_at",
    )  # fmt: skip
