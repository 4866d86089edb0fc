"""The form above the list of payments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from ..models import Connection, Organization, Payment
from ..operations.payment_search import ANY_DIFFERENCE, PaymentSearch
from ..templatetags.payments import named_methods
from .filter_form import FilterForm, SearchText
from .moment_field import DayField


def _amount(label: Any) -> forms.DecimalField:
    widget = forms.TextInput({"inputmode": "decimal", "dir": "ltr", "autocomplete": "off"})
    return forms.DecimalField(label=label, required=False, min_value=0, max_digits=19, decimal_places=4, widget=widget)


class PaymentFilter(FilterForm):
    q = SearchText(
        label=gettext_lazy("Search payments"),
        required=False,
        max_length=255,
        widget=forms.TextInput(
            {"type": "search", "placeholder": gettext_lazy("Reference, or customer's name, e-mail or phone")}
        ),
    )
    status = forms.ChoiceField(
        label=gettext_lazy("Status"),
        required=False,
        choices=[("", gettext_lazy("Any status")), *Payment.Status.choices],
    )
    connection = forms.ModelChoiceField(
        label=gettext_lazy("Connection"),
        queryset=Connection.objects.none(),
        required=False,
        empty_label=gettext_lazy("Any connection"),
    )
    mode = forms.ChoiceField(
        label=gettext_lazy("Test or live"),
        required=False,
        choices=[
            ("", gettext_lazy("Test and live")),
            ("live", gettext_lazy("Live")),
            ("test", pgettext_lazy("badge", "Test")),
        ],
    )
    since = DayField(label=gettext_lazy("Created from"), required=False)
    until = DayField(label=gettext_lazy("Created to"), required=False)
    least = _amount(gettext_lazy("Amount from"))
    most = _amount(gettext_lazy("Amount to"))
    method = forms.ChoiceField(
        label=gettext_lazy("Method"),
        required=False,
        choices=lambda: named_methods(gettext_lazy("Any method"), told=True),
    )
    currency = SearchText(label=gettext_lazy("Currency"), required=False, max_length=3)
    difference = forms.ChoiceField(
        label=gettext_lazy("Difference"),
        required=False,
        choices=[
            ("", gettext_lazy("With or without a difference")),
            (ANY_DIFFERENCE, gettext_lazy("Any difference")),
            *Payment.Difference.choices,
        ],
    )

    def __init__(self, organization: Organization, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        connections: Any = self.fields["connection"]
        connections.queryset = Connection.objects.filter(organization=organization, provider_type="payment").order_by(
            "connection_name"
        )
        for field in self.fields.values():
            field.widget.attrs["class"] = "hub-input"
            field.widget.attrs["aria-label"] = field.label

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).upper()

    def clean(self) -> dict[str, Any]:
        chosen = super().clean() or {}
        if chosen.get("since") and chosen.get("until") and chosen["until"] < chosen["since"]:
            raise ValidationError(_("The last day comes before the first."))
        if chosen.get("least") is not None and chosen.get("most") is not None and chosen["most"] < chosen["least"]:
            raise ValidationError(_("The largest amount is less than the smallest."))
        return chosen

    @property
    def search(self) -> PaymentSearch:
        """What was asked for, once the form is valid."""
        chosen = dict(self.cleaned_data)
        connection = chosen.pop("connection")
        return PaymentSearch(text=chosen.pop("q"), connection=connection.pk if connection else None, **chosen)

    @property
    def is_detailed(self) -> bool:
        """Whether something is chosen beyond the search and the first row of filters."""
        return any(
            self.data.get(name) for name in ("method", "currency", "least", "most", "since", "until", "difference")
        )
