"""What the Webhooks page and the confirmation send of a replay."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Model
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from integrations.models import Connection, Organization
from integrations.pages.moment_field import MomentField
from integrations.templatetags.hub import when_exactly

from ..models import WebhookEndpoint, WebhookEvent, WebhookReplay
from ..replay import NAMED_AT_MOST
from ..replay_selection import Selection

_FILTERS = ("q", "status", "type", "connection", "endpoint", "replay")
_ROWS: dict[str, type[Model]] = {"connection": Connection, "endpoint": WebhookEndpoint, "replay": WebhookReplay}


class ReplayForm(forms.Form):
    """`scope` says which button was pressed: nothing selected must not mean everything."""

    scope = forms.ChoiceField(choices=[("selected", ""), ("fitting", "")])
    q = forms.CharField(label=_("Event id, subject or error"), required=False, max_length=255)
    status = forms.ChoiceField(label=_("Status"), required=False, choices=[("", ""), *WebhookEvent.Status.choices])
    type = forms.CharField(label=_("Event type"), required=False, max_length=100)
    connection = forms.ModelChoiceField(label=_("Connection"), required=False, queryset=Connection.objects.none())
    endpoint = forms.ModelChoiceField(label=_("Address"), required=False, queryset=WebhookEndpoint.objects.none())
    replay = forms.ModelChoiceField(label=_("Replay"), required=False, queryset=WebhookReplay.objects.none())
    since = MomentField(label=_("From"), required=False)
    until = MomentField(label=_("Until"), required=False)
    confirmed = forms.BooleanField(required=False)

    def __init__(self, organization: Organization, data: QueryDict) -> None:
        super().__init__(data)
        self.named = data.getlist("ids")
        for name, model in _ROWS.items():
            choice: Any = self.fields[name]
            choice.queryset = model._default_manager.filter(organization=organization)

    def clean(self) -> dict[str, Any]:
        is_selection = self.cleaned_data.get("scope") == "selected"
        self.cleaned_data["ids"] = _keys(self.named) if is_selection else ()
        if is_selection and not self.named:
            raise forms.ValidationError(_("First select the events to be replayed."))
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and until <= since:
            self.add_error("until", _("The end comes before the beginning."))
        return self.cleaned_data

    @property
    def filters(self) -> dict[str, str]:
        """As the list of events takes them, to come back to what was shown."""
        return {name: self.data[name] for name in (*_FILTERS, "since", "until") if self.data.get(name)}

    @property
    def times(self) -> list[forms.BoundField]:
        return [self["since"], self["until"]]

    @property
    def has_wrong_times(self) -> bool:
        """Whether all that is wrong is a time, which can be written anew."""
        return bool(self.errors) and self.errors.keys() <= {"since", "until"}

    def selection(self) -> Selection:
        chosen = self.cleaned_data
        if chosen["ids"]:
            return Selection(ids=chosen["ids"])
        rows = {name: chosen[name] and chosen[name].pk for name in ("connection", "endpoint", "replay")}
        same = {name: chosen[name] for name in ("status", "since", "until")}
        return Selection(event_type=chosen["type"], text=chosen["q"], **rows, **same)

    def fixed(self) -> list[tuple[str, Any]]:
        """What the confirmation sends on as it is: all but the time range."""
        given = [(name, self.data[name]) for name in ("scope", *_FILTERS) if self.cleaned_data[name]]
        return [*given, *(("ids", key) for key in self.cleaned_data["ids"])]

    def told(self) -> list[tuple[Any, Any]]:
        """What the events have to fit, for people."""
        states = dict(WebhookEvent.Status.choices)
        given = [(name, self.cleaned_data[name]) for name in _FILTERS if self.cleaned_data[name]]
        return [(self.fields[name].label, states.get(value, value)) for name, value in given]


def asked_of(run: WebhookReplay) -> list[tuple[Any, Any]]:
    """What the events of a run had to fit, for people."""
    names = {"text": "q", "event_type": "type"}
    return [
        (ReplayForm.base_fields[names.get(name, name)].label, _asked(run, name, value))
        for name, value in run.filters.items()
    ]


def _asked(run: WebhookReplay, name: str, value: str) -> Any:
    """A row that is gone meanwhile is named by its id."""
    if name in _ROWS:
        found = _ROWS[name]._default_manager.filter(organization=run.organization_id, pk=value).first()
        return found or value
    if name in ("since", "until"):
        return when_exactly(datetime.fromisoformat(value))
    return dict(WebhookEvent.Status.choices).get(value, value) if name == "status" else value


def _keys(texts: list[str]) -> tuple[uuid.UUID, ...]:
    try:
        return tuple(uuid.UUID(text) for text in texts[:NAMED_AT_MOST])
    except ValueError as error:
        raise forms.ValidationError(_("There are no such events.")) from error
