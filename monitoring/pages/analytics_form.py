"""What is asked of the analytics: which days, and which of the connections."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.models import Connection, IntegrationProvider, Organization
from integrations.pages.filter_form import FilterForm
from integrations.pages.moment_field import DayField, DayInput

from ..analytics import Scope
from ..connections import Named, connections_of, providers_of
from ..days import LONGEST_DAYS, Days, today_of

RANGES = {"7": gettext_lazy("Week"), "30": gettext_lazy("Month"), "90": gettext_lazy("Quarter")}
_USUAL = "30"
_FILTERS = ("provider", "connection", "environment")


def _day(label: Any, name: str) -> DayField:
    return DayField(
        label=label,
        required=False,
        years=range(2000, 2101),
        error_messages={
            "invalid": gettext_lazy("Write the day as DD/MM/YYYY."),
            "years": gettext_lazy("Choose a day between 2000 and 2100."),
        },
        widget=DayInput({"id": name, "class": "hub-input hub-input--date"}),
    )


class AnalyticsForm(FilterForm):
    """`days` back from today, or a free range `since` to `until`; all connections, or those of a filter.

    What is not valid is told, and the usual range of all connections is shown.
    """

    days = forms.ChoiceField(label=gettext_lazy("Range"), required=False, choices=[*RANGES.items()])
    since = _day(gettext_lazy("From"), "since")
    until = _day(gettext_lazy("To"), "until")
    provider = forms.SlugField(label=gettext_lazy("Provider"), required=False)
    connection = forms.UUIDField(label=gettext_lazy("Connection"), required=False)
    environment = forms.ChoiceField(
        label=gettext_lazy("Environment"), required=False, choices=Connection.Environment.choices
    )

    def __init__(self, organization: Organization, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        self.organization = organization
        self.connections: dict[uuid.UUID, Named] = connections_of(organization)
        self.providers: dict[uuid.UUID, IntegrationProvider] = providers_of(self.connections.values())

    def clean_provider(self) -> uuid.UUID | None:
        slug = self.cleaned_data["provider"]
        if not slug:
            return None
        for key, provider in self.providers.items():
            if provider.slug == slug:
                return key
        raise ValidationError(_("There is no connection to this provider."))

    def clean_connection(self) -> uuid.UUID | None:
        key: uuid.UUID | None = self.cleaned_data["connection"]
        if key and key not in self.connections:
            raise ValidationError(_("There is no such connection."))
        return key

    def clean(self) -> dict[str, Any]:
        chosen = super().clean() or {}
        since, until = chosen.get("since"), chosen.get("until")
        if bool(since) != bool(until) and not {"since", "until"} & set(self.errors):
            raise ValidationError(_("A free range needs both days."))
        if since and until and not 0 <= (until - since).days < LONGEST_DAYS:
            raise ValidationError(_("The last day must come after the first, within a year."))
        return chosen

    @property
    def asked(self) -> Days:
        """The range asked for; the last 30 days where nothing valid was."""
        given = self.cleaned_data if self.is_valid() else {}
        if given.get("since"):
            return Days(given["since"], given["until"])
        today = today_of(self.organization)
        return Days(today - timedelta(days=int(given.get("days") or _USUAL) - 1), today)

    @property
    def scope(self) -> Scope:
        if not self.is_valid():
            return Scope(self.organization.pk)
        given = self.cleaned_data
        return Scope(self.organization.pk, given["provider"], given["connection"], given["environment"])

    @property
    def chosen(self) -> str:
        """The tab that is on; none for a free range."""
        if self.is_valid() and self.cleaned_data["since"]:
            return ""
        return (self.cleaned_data.get("days") if self.is_valid() else "") or _USUAL

    @property
    def tabs(self) -> list[dict[str, Any]]:
        """A link for each range, with the filters as they are."""
        filters = "".join(f"&{name}={value}" for name in _FILTERS if (value := self._given(name)))
        return [
            {"label": label, "query": f"days={days}{filters}", "is_chosen": days == self.chosen}
            for days, label in RANGES.items()
        ]

    @property
    def unfiltered(self) -> str:
        """The same range of all connections."""
        if self.chosen:
            return f"days={self.chosen}"
        return f"since={self.asked.first:%d/%m/%Y}&until={self.asked.last:%d/%m/%Y}"

    @property
    def connection_choices(self) -> list[dict[str, Any]]:
        chosen = self.scope.connection_id
        return [
            {"connection_id": key, "name": one.name, "is_chosen": key == chosen}
            for key, one in self.connections.items()
        ]

    @property
    def is_narrowed(self) -> bool:
        return any(self._given(name) for name in _FILTERS)

    def _given(self, name: str) -> str:
        return str(self.data.get(name, "")) if self.is_valid() else ""
