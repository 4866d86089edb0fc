"""The form above the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.models import Connection, IntegrationProvider, Membership, Organization, User
from integrations.pages.filter_form import FilterForm, SearchText
from integrations.pages.moment_field import DayOrMomentField

from ..log_search import NO_ANSWER, STATUS_CLASSES, LogSearch
from ..models import CallLog

PERIODS = {
    "1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}  # fmt: skip
DEFAULT_PERIOD = "24h"
LONGEST = timedelta(days=5 * 366)  # calls are kept for five years
_IN_DETAIL = ("provider", "log_type", "method", "user", "request_id", "since", "until")


class _Person(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic in the stubs alone
    def label_from_instance(self, obj: Any) -> str:
        return str(obj.get_username())


class LogFilter(FilterForm):
    q = SearchText(
        label=gettext_lazy("Search the log"),
        required=False,
        max_length=200,
        widget=forms.TextInput(
            {"type": "search", "placeholder": gettext_lazy("Endpoint, id, error or words of a body")}
        ),
    )
    connection = forms.ModelChoiceField(
        label=gettext_lazy("Connection"),
        queryset=Connection.objects.none(),
        required=False,
        empty_label=gettext_lazy("Any connection"),
    )
    status = forms.ChoiceField(
        label=gettext_lazy("Status"),
        required=False,
        choices=[
            ("", gettext_lazy("Any status")),
            *((name, name) for name in STATUS_CLASSES),
            (NO_ANSWER, gettext_lazy("No answer")),
        ],
    )
    period = forms.ChoiceField(
        label=gettext_lazy("Period"),
        required=False,
        choices=[
            ("1h", gettext_lazy("Last hour")),
            ("24h", gettext_lazy("Last 24 hours")),
            ("7d", gettext_lazy("Last 7 days")),
            ("30d", gettext_lazy("Last 30 days")),
            ("90d", gettext_lazy("Last 90 days")),
            ("", gettext_lazy("From … until")),
        ],
    )
    provider = forms.ModelChoiceField(
        label=gettext_lazy("Provider"),
        queryset=IntegrationProvider.objects.none(),
        required=False,
        to_field_name="slug",
        empty_label=gettext_lazy("Any provider"),
    )
    log_type = forms.ChoiceField(
        label=gettext_lazy("Type"), required=False, choices=[("", gettext_lazy("Any type")), *CallLog.Type.choices]
    )
    method = forms.ChoiceField(
        label=gettext_lazy("Method"),
        required=False,
        choices=[
            ("", gettext_lazy("Any method")),
            *((method, method) for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")),
        ],
    )
    user = _Person(
        label=gettext_lazy("User"),
        queryset=User.objects.none(),
        required=False,
        empty_label=gettext_lazy("Anybody"),
    )
    request_id = SearchText(
        label=gettext_lazy("Request id"),
        required=False,
        max_length=64,
        widget=forms.TextInput({"dir": "ltr", "autocomplete": "off"}),
    )
    since = DayOrMomentField(label=gettext_lazy("From"))
    until = DayOrMomentField(label=gettext_lazy("Until"), ends=True)

    def __init__(self, organization: Organization, given: Mapping[str, Any]) -> None:
        super().__init__(_without_contradictions({name: given[name] for name in self.base_fields if given.get(name)}))
        own = Connection.objects.filter(organization=organization)
        fields: Any = self.fields
        fields["connection"].queryset = own.only("connection_name").order_by("connection_name")
        used = IntegrationProvider.objects.filter(pk__in=own.values("provider"))
        fields["provider"].queryset = used.only("slug", "provider_name").order_by("provider_name")
        people = User.objects.filter(pk__in=Membership.objects.filter(organization=organization).values("user"))
        fields["user"].queryset = people.only("username").order_by("username")
        for field in self.fields.values():
            field.widget.attrs["class"] = "hub-input"
            field.widget.attrs["aria-label"] = field.label

    def clean(self) -> dict[str, Any]:
        chosen = super().clean() or {}
        since, until = chosen.get("since"), chosen.get("until")
        if since and (until or timezone.now()) <= since:
            raise ValidationError(_("The end comes before the beginning."))
        if since and (until or timezone.now()) - since > LONGEST:
            raise ValidationError(_("At most five years can be searched at once."))
        return chosen

    @property
    def search(self) -> LogSearch:
        """What was asked for, once the form is valid."""
        chosen = self.cleaned_data
        since, until = self._time()
        return LogSearch(
            since=since,
            until=until,
            connection=chosen["connection"].pk if chosen["connection"] else None,
            provider=chosen["provider"].slug if chosen["provider"] else "",
            log_type=chosen["log_type"],
            method=chosen["method"],
            status=chosen["status"],
            user=chosen["user"].pk if chosen["user"] else None,
            request_id=chosen["request_id"],
            text=chosen["q"],
        )

    @property
    def chosen(self) -> dict[str, str]:
        """What is set, as text: to be kept, or to stand in an address."""
        return {name: str(text) for name, text in self.data.items()}

    @property
    def query(self) -> str:
        query = QueryDict(mutable=True)
        query.update(self.chosen)
        return query.urlencode()

    @property
    def is_filtered(self) -> bool:
        return bool(self.chosen.keys() - {"period"})

    @property
    def is_detailed(self) -> bool:
        """Whether something is chosen beyond the first row of filters."""
        return any(self.data.get(name) for name in _IN_DETAIL)

    @property
    def in_detail(self) -> Iterator[forms.BoundField]:
        return (self[name] for name in _IN_DETAIL)

    def described(self, filters: Mapping[str, str]) -> list[tuple[str, str]]:
        """Filters as people read them; what is no more, as it was given."""
        return [
            (str(field.label), self._names.get(name, {}).get(filters[name], filters[name]))
            for name, field in self.fields.items()
            if filters.get(name)
        ]

    @cached_property
    def _names(self) -> dict[str, dict[str, str]]:
        """What each choice is called: read once, however many filters are described."""
        choices: dict[str, Any] = {
            name: field.choices for name, field in self.fields.items() if isinstance(field, forms.ChoiceField)
        }
        return {name: {str(key): str(label) for key, label in of_field} for name, of_field in choices.items()}

    def _time(self) -> tuple[datetime, datetime | None]:
        """The days that were named, or the period up to now, which goes on."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        period = PERIODS[self.cleaned_data["period"] or DEFAULT_PERIOD]
        if since or until:
            return since or until - period, until
        return timezone.now() - period, None


def _without_contradictions(given: dict[str, Any]) -> dict[str, Any]:
    """Days that are named go before a period; without either, it is the usual period."""
    if given.get("since") or given.get("until"):
        return {**given, "period": ""}
    return {"period": DEFAULT_PERIOD, **given}
