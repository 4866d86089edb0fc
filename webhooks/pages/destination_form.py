"""A destination as a person fills it in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from integrations.errors import InvalidRequest
from integrations.models import Connection, IntegrationProvider, Organization

from ..forward.destination_input import MOST_AT_ONCE, MOST_PER_SECOND, header_lines, words
from ..models import WebhookDestination

_PLAIN = {"class": "hub-input", "dir": "ltr", "autocomplete": "off", "spellcheck": "false"}


def _text(**attributes: Any) -> forms.TextInput:
    return forms.TextInput({**_PLAIN, **attributes})


class DestinationForm(forms.Form):
    url = forms.CharField(label=_("Address"), max_length=2000, widget=_text(inputmode="url"))
    description = forms.CharField(
        label=_("Description"),
        max_length=200,
        required=False,
        widget=forms.TextInput({"class": "hub-input", "dir": "auto"}),
    )  # fmt: skip
    form = forms.ChoiceField(
        label=_("Form"), choices=WebhookDestination.Form.choices, widget=forms.Select({"class": "hub-input"})
    )
    event_types = forms.CharField(
        label=_("Event types"), required=False, widget=_text(),
        help_text=_("Names such as payment.succeeded, or payment.* for all of them, separated by spaces. Empty: all."),
    )  # fmt: skip
    provider_event_types = forms.CharField(
        label=_("Provider's event types"), required=False, widget=_text(),
        help_text=_("The provider's own names, separated by spaces. Empty: all."),
    )  # fmt: skip
    provider_types = forms.MultipleChoiceField(
        label=_("Kinds of provider"), required=False, choices=IntegrationProvider.Type.choices,
        widget=forms.CheckboxSelectMultiple, help_text=_("None chosen: all."),
    )  # fmt: skip
    connection = forms.ModelChoiceField(
        label=_("Connection"), required=False, queryset=Connection.objects.none(), empty_label=_("All connections"),
        widget=forms.Select({"class": "hub-input"}),
    )  # fmt: skip
    headers = forms.CharField(
        label=_("Headers"), required=False, max_length=60_000,
        widget=forms.Textarea({**_PLAIN, "rows": 3, "placeholder": "Authorization: Bearer …"}),
        help_text=_("Sent with every message, one a line. Their values are encrypted and not shown again."),
    )  # fmt: skip
    keep_headers = forms.BooleanField(label=_("Keep the headers that are set"), required=False, initial=True)
    signing_secret = forms.CharField(
        label=_("Signing secret"), required=False, max_length=100,
        widget=forms.PasswordInput({**_PLAIN, "autocomplete": "new-password"}),
        help_text=_("Left empty, one is made and shown once."),
    )  # fmt: skip
    schedule = forms.CharField(
        label=_("Pauses before retries"), required=False, widget=_text(),
        help_text=_("In seconds, separated by spaces. Empty: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h."),
    )  # fmt: skip
    max_concurrency = forms.IntegerField(
        label=_("Messages at once"), min_value=1, max_value=MOST_AT_ONCE, initial=8,
        widget=forms.NumberInput({"class": "hub-input"}),
    )  # fmt: skip
    max_per_second = forms.IntegerField(
        label=_("Messages a second"), required=False, min_value=1, max_value=MOST_PER_SECOND,
        widget=forms.NumberInput({"class": "hub-input"}), help_text=_("Empty: no limit."),
    )  # fmt: skip
    is_ordered = forms.BooleanField(
        label=_("In order"), required=False,
        help_text=_("One after the other. One that fails holds up those after it until it is delivered or given up."),
    )  # fmt: skip

    def __init__(
        self, given: Any, *, organization: Organization, destination: WebhookDestination | None = None
    ) -> None:
        super().__init__(given, initial=_initial(destination))
        connections: Any = self.fields["connection"]
        connections.queryset = Connection.objects.filter(organization=organization).order_by("connection_name")
        if destination is not None:
            del self.fields["signing_secret"]
        if destination is None or not destination.header_names:
            del self.fields["keep_headers"]

    def clean_headers(self) -> dict[str, str]:
        try:
            return header_lines(self.cleaned_data["headers"])
        except InvalidRequest as error:
            raise forms.ValidationError(error.translated()) from error

    def clean_schedule(self) -> dict[str, list[int]]:
        given = words(self.cleaned_data["schedule"])
        if not all(one.isascii() and one.isdecimal() and len(one) < 8 for one in given):
            raise forms.ValidationError(_("Whole numbers of seconds, separated by spaces."))
        return {"schedule": [int(one) for one in given]} if given else {}

    def settings(self) -> dict[str, Any]:
        """What was filled in, as the operations take it."""
        chosen = dict(self.cleaned_data)
        chosen["retry_policy"] = chosen.pop("schedule")
        for name in ("event_types", "provider_event_types"):
            chosen[name] = list(words(chosen[name]))
        if chosen.pop("keep_headers", False) and not chosen["headers"]:
            del chosen["headers"]
        return chosen


def _initial(destination: WebhookDestination | None) -> dict[str, Any]:
    if destination is None:
        return {}
    names = ("url", "description", "form", "provider_types", "connection", "max_concurrency", "max_per_second")
    policy = destination.retry_policy if isinstance(destination.retry_policy, dict) else {}
    return {
        **{name: getattr(destination, name) for name in names},
        "is_ordered": destination.is_ordered,
        "event_types": " ".join(destination.event_types),
        "provider_event_types": " ".join(destination.provider_event_types),
        "schedule": " ".join(map(str, policy.get("schedule", ()))),
    }
