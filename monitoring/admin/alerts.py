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

from integrations.admin.base import LoggedAdmin
from monitoring.models import Alert


@admin.register(Alert)
class AlertAdmin(LoggedAdmin):
    list_display = ("opened_at", "connection_label", "kind", "told", "state")
    list_filter = (
        ("connection", AutocompleteSelectFilter),
        ("kind", ChoicesDropdownFilter),
        ("resolved_at", EmptyFieldListFilter),
    )
    fields = ("connection", "kind", "told", "opened_at", "resolved_at")
    readonly_fields = ("told",)

    @display(description=_("message"))  # type: ignore[untyped-decorator]
    def told(self, alert: Alert) -> str:
        return alert.told

    @display(description=_("state"), label={"open": "danger", "resolved": "success"})  # type: ignore[untyped-decorator]
    def state(self, alert: Alert) -> tuple[str, str]:
        return ("resolved", gettext("Resolved")) if alert.resolved_at else ("open", pgettext("alert", "Open"))
