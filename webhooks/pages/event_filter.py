"""How people narrow the list of events down."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integrations.models import Organization
from integrations.pages.filter_form import FilterForm
from integrations.pages.moment_field import MomentField

from ..models import WebhookEndpoint, WebhookEvent
from ..replay_selection import Selection

_TIMES = ("since", "until")
_PERIODS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}


def _text(label: Any, longest: int) -> forms.CharField:
    """What no row can hold is refused: without it, all events would be shown, and offered to be replayed."""
    widget = forms.TextInput({"type": "search", "placeholder": label})
    return forms.CharField(label=label, required=False, max_length=longest, widget=widget)


class EventFilter(FilterForm):
    q = _text(_("Event id, subject or error"), 255)
    status = forms.ChoiceField(
        label=_("Status"),
        required=False,
        choices=[("", _("Any status")), *WebhookEvent.Status.choices],
    )
    type = _text(_("Event type"), 100)
    endpoint = forms.ModelChoiceField(
        label=_("Address"),
        queryset=WebhookEndpoint.objects.none(),
        required=False,
        empty_label=_("Any address"),
    )
    period = forms.ChoiceField(
        label=_("Period"),
        required=False,
        choices=[
            ("", _("Any time")),
            ("1h", _("Last hour")),
            ("24h", _("Last 24 hours")),
            ("7d", _("Last 7 days")),
            ("30d", _("Last 30 days")),
        ],
    )
    since = MomentField(label=_("From"), required=False)
    until = MomentField(label=_("Until"), required=False)
    connection = forms.UUIDField(label=_("Connection"), required=False, widget=forms.HiddenInput)
    replay = forms.UUIDField(label=_("Replay"), required=False, widget=forms.HiddenInput)

    def __init__(self, organization: Organization, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        endpoints: Any = self.fields["endpoint"]
        endpoints.queryset = WebhookEndpoint.objects.filter(organization=organization).select_related("connection")
        endpoints.label_from_instance = lambda endpoint: f"{endpoint.connection} …{str(endpoint.pk)[-6:]}"
        for field in self.fields.values():
            field.widget.attrs["class"] = "hub-input"

    def clean(self) -> dict[str, Any]:
        chosen = super().clean() or {}
        if chosen.get("since") and chosen.get("until") and chosen["until"] <= chosen["since"]:
            raise ValidationError(_("The end comes before the beginning."))
        return chosen

    @property
    def plain_fields(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if field.name not in _TIMES]

    @property
    def times(self) -> list[forms.BoundField]:
        return [self[name] for name in _TIMES]

    @property
    def has_times(self) -> bool:
        return any(self.data.get(name) for name in _TIMES)

    @property
    def selection(self) -> Selection:
        """What was asked for, once the form is valid: what is shown is what "Replay all that fit" replays."""
        chosen = self.cleaned_data
        endpoint, period = chosen["endpoint"], _PERIODS.get(chosen["period"])
        beginnings = [chosen["since"], timezone.now() - period if period else None]
        return Selection(
            endpoint=endpoint.pk if endpoint else None,
            connection=chosen["connection"],
            replay=chosen["replay"],
            status=chosen["status"],
            event_type=chosen["type"],
            text=chosen["q"],
            since=max(filter(None, beginnings), default=None),
            until=chosen["until"],
        )
