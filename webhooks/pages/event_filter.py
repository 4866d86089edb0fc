"""How people narrow the list of events down."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integrations.models import Organization
from integrations.pages.moment_field import MomentField

from ..models import WebhookEndpoint, WebhookEvent
from ..replay_selection import Selection

_TIMES = ("since", "until")
_PERIODS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}


class EventFilter(forms.Form):
    q = forms.CharField(label=_("Event id, subject or error"), required=False, max_length=255)
    status = forms.ChoiceField(
        label=_("Status"),
        required=False,
        choices=[("", _("Any status")), *WebhookEvent.Status.choices],
    )
    type = forms.CharField(label=_("Event type"), required=False, max_length=100)
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
    before = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        endpoints: Any = self.fields["endpoint"]
        endpoints.queryset = WebhookEndpoint.objects.filter(organization=organization).select_related("connection")
        endpoints.label_from_instance = lambda endpoint: f"{endpoint.connection} …{str(endpoint.pk)[-6:]}"
        for field in self.fields.values():
            field.widget.attrs["class"] = "hub-input"

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
    def not_understood(self) -> list[forms.BoundField]:
        """What makes no sense must not show everything. A place in the list that is none is its beginning."""
        return [self[name] for name in self.errors if name != "before"]


def selection_of(chosen: dict[str, Any]) -> Selection:
    """What is shown is what "Replay all that fit" replays."""
    endpoint, period = chosen.get("endpoint"), _PERIODS.get(chosen.get("period", ""))
    beginnings = [chosen.get("since"), timezone.now() - period if period else None]
    return Selection(
        endpoint=endpoint.pk if endpoint else None,
        connection=chosen.get("connection"),
        replay=chosen.get("replay"),
        status=chosen.get("status", ""),
        event_type=chosen.get("type", ""),
        text=chosen.get("q", ""),
        since=max(filter(None, beginnings), default=None),
        until=chosen.get("until"),
    )
