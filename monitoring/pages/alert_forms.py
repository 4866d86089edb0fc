"""Rules, channels and silences as a person fills them in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from integrations.models import Connection, Organization
from integrations.pages.moment_field import MomentField

from ..models import Alert, AlertChannel, AlertRule, AlertSilence

_INPUT = {"class": "hub-input"}
_Kind = Alert.Kind
_THRESHOLDS = {
    _Kind.ERROR_RATE: (_("Failed calls at least (%)"), ""),
    _Kind.CREDENTIAL_EXPIRING: (
        _("Days ahead"),
        _("At most 30. It is told again 7 days and 1 day ahead, whoever has acknowledged it before."),
    ),
    _Kind.BUDGET: (_("Budget a month (AED)"), _("Warned of at 80 % and again at 100 %.")),
}
_RATE_ONLY = ("window_minutes", "minimum_calls")
WEEKDAYS = [
    (0, pgettext_lazy("weekday", "Monday")),
    (1, pgettext_lazy("weekday", "Tuesday")),
    (2, pgettext_lazy("weekday", "Wednesday")),
    (3, pgettext_lazy("weekday", "Thursday")),
    (4, pgettext_lazy("weekday", "Friday")),
    (5, pgettext_lazy("weekday", "Saturday")),
    (6, pgettext_lazy("weekday", "Sunday")),
]


def _connections(organization: Organization) -> forms.ModelChoiceField[Connection]:
    return forms.ModelChoiceField(
        label=_("Connection"), required=False, empty_label=_("All connections"), widget=forms.Select(_INPUT),
        queryset=Connection.objects.filter(organization=organization).order_by("connection_name"),
    )  # fmt: skip


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs alone
    """Of one kind: a field that says nothing about it is not asked for."""

    channels = forms.ModelMultipleChoiceField(
        label=_("These channels"), required=False, queryset=AlertChannel.objects.none(),
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    escalation_channels = forms.ModelMultipleChoiceField(
        label=_("Channels to escalate to"), required=False, queryset=AlertChannel.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("They hear of it only when nobody has acknowledged it in time."),
    )  # fmt: skip

    class Meta:
        model = AlertRule
        fields = (
            "name", "connection", "threshold", "window_minutes", "minimum_calls", "for_minutes", "repeat_minutes",
            "repeat_at_most_minutes", "tells_all_channels", "channels", "escalate_after_minutes", "escalation_channels",
            "is_active",
        )  # fmt: skip

    def __init__(self, given: Any, *, organization: Organization, kind: str, rule: AlertRule | None = None) -> None:
        super().__init__(given, instance=rule or AlertRule(organization=organization, kind=kind))
        self.fields["connection"] = _connections(organization)
        for name in ("channels", "escalation_channels"):
            field: Any = self.fields[name]
            field.queryset = AlertChannel.objects.filter(organization=organization)
            if rule is not None:
                is_escalation = name == "escalation_channels"
                self.initial[name] = list(
                    rule.chosen.filter(is_escalation=is_escalation).values_list("channel", flat=True)
                )
        if kind in _THRESHOLDS:
            threshold: Any = self.fields["threshold"]
            threshold.label, threshold.help_text = _THRESHOLDS[_Kind(kind)]
            threshold.required = True
        for name in () if kind == _Kind.ERROR_RATE else _RATE_ONLY:
            del self.fields[name]
        if kind not in _THRESHOLDS:
            del self.fields["threshold"]
        self.fields["name"].widget.attrs["dir"] = "auto"
        for name, field in self.fields.items():
            if isinstance(field.widget, forms.NumberInput):
                # All that is wrong is said at once; the operation stops at the first.
                column: Any = AlertRule._meta.get_field(name)
                field.validators = [*field.validators, *column.validators]
            if not isinstance(field, (forms.BooleanField, forms.ModelMultipleChoiceField)):
                field.widget.attrs.setdefault("class", "hub-input")

    def _post_clean(self) -> None:
        """The operation sets and checks the row."""


class ChannelForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100, widget=forms.TextInput({**_INPUT, "dir": "auto"}))
    url = forms.CharField(
        label=_("Address"), max_length=2000,
        widget=forms.PasswordInput({**_INPUT, "dir": "ltr", "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("It is encrypted and not shown again. Below is how it reads for each service."),
    )  # fmt: skip

    def __init__(self, given: Any, *, channel: AlertChannel | None = None) -> None:
        super().__init__(given, initial={"name": channel.name} if channel else None)
        if channel is not None:
            self.fields["url"].required = False
            self.fields["url"].label = _("New address")
            self.fields["url"].help_text = _("Left empty, it stays as it is.")

    def settings(self) -> dict[str, str]:
        return {name: value for name, value in self.cleaned_data.items() if name != "url" or value}


def _time() -> forms.TimeInput:
    return forms.TimeInput({**_INPUT, "dir": "ltr", "type": "time"}, format="%H:%M")


class SilenceForm(forms.Form):
    """Once, or every week; times are by the organization's clock."""

    name = forms.CharField(label=_("Name"), max_length=100, widget=forms.TextInput({**_INPUT, "dir": "auto"}))
    kind = forms.ChoiceField(
        label=_("Kind"), required=False, choices=[("", _("Alerts of every kind")), *Alert.Kind.choices],
        widget=forms.Select(_INPUT),
    )  # fmt: skip
    connection = forms.ModelChoiceField(queryset=Connection.objects.none(), required=False)
    starts_at = MomentField(label=_("From"))
    ends_at = MomentField(label=_("Until"))
    weekdays = forms.TypedMultipleChoiceField(
        label=_("Weekdays"), coerce=int, choices=WEEKDAYS, widget=forms.CheckboxSelectMultiple
    )
    start_time = forms.TimeField(label=_("From"), widget=_time())
    end_time = forms.TimeField(
        label=_("Until"), widget=_time(), help_text=_("Not later than the beginning: until the next morning.")
    )
    is_active = forms.BooleanField(label=_("Active"), required=False, initial=True)

    def __init__(
        self, given: Any, *, organization: Organization, is_weekly: bool, silence: AlertSilence | None = None
    ) -> None:
        super().__init__(
            given, initial={name: getattr(silence, name) for name in self.base_fields} if silence else None
        )
        self.fields["connection"] = _connections(organization)
        for name in ("starts_at", "ends_at") if is_weekly else ("weekdays", "start_time", "end_time"):
            del self.fields[name]
