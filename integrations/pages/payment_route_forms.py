"""A rule of routing as a person fills it in, and a payment that is only thought of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ..errors import InvalidRequest
from ..models import Connection, IntegrationProvider, Organization, PaymentRoute
from ..money import read_decimal
from ..operations.payment_terms import check_country, check_currency
from ..templatetags.payments import named_methods

_PLAIN = {"class": "hub-input", "dir": "ltr", "autocomplete": "off", "spellcheck": "false"}
_SELECT = {"class": "hub-input"}


class _Checked(forms.CharField):
    """Checked by itself, so that all that is wrong with a form is told at once."""

    def __init__(self, check: Callable[[str], object], *, is_upper: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.check, self.is_upper = check, is_upper

    def clean(self, value: Any) -> str:
        text = str(super().clean(value))
        text = text.upper() if self.is_upper else text
        if text:
            try:
                self.check(text)
            except InvalidRequest as error:
                raise forms.ValidationError(error.translated()) from error
        return text


def _code(length: int, check: Callable[[str], object], *, required: bool = False, **options: Any) -> _Checked:
    """A country's or a currency's, in whatever case it was typed."""
    widget = forms.TextInput({**_PLAIN, "size": length + 3, "autocapitalize": "characters"})
    return _Checked(check, is_upper=True, max_length=length, required=required, widget=widget, **options)


def _amount(label: Any, **options: Any) -> _Checked:
    widget = forms.TextInput({**_PLAIN, "inputmode": "decimal"})
    return _Checked(read_decimal, label=label, max_length=24, widget=widget, **options)


def _environments(anything: Any) -> list[tuple[str, Any]]:
    return [("", anything), *Connection.Environment.choices]


def _methods() -> list[tuple[str, str]]:
    return named_methods(_("Any method"))


class RouteForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100, widget=forms.TextInput({**_SELECT, "dir": "auto"}))
    connection = forms.ModelChoiceField(
        label=_("Goes to"), queryset=Connection.objects.none(), widget=forms.Select(_SELECT)
    )
    environment = forms.ChoiceField(
        label=_("Environment"), required=False, choices=lambda: _environments(_("Any environment")),
        widget=forms.Select(_SELECT),
    )  # fmt: skip
    country = _code(2, check_country, label=_("Payer's country"), help_text=_("Two letters: AE, SA, KW. Empty: any."))
    currency = _code(3, check_currency, label=_("Currency"), help_text=_("Three letters: AED, SAR, KWD. Empty: any."))
    method = forms.ChoiceField(label=_("Method"), required=False, choices=_methods, widget=forms.Select(_SELECT))
    min_amount = _amount(_("From"), required=False, help_text=_("In the currency above, which it needs."))
    max_amount = _amount(_("Up to"), required=False)
    is_active = forms.BooleanField(label=_("In force"), required=False, initial=True)

    def __init__(self, given: Any, *, organization: Organization, route: PaymentRoute | None = None) -> None:
        super().__init__(given, initial=_initial(route) if route else None)
        connections: Any = self.fields["connection"]
        connections.queryset = Connection.objects.filter(
            organization=organization, provider_type=IntegrationProvider.Type.PAYMENT
        ).select_related("provider").order_by("connection_name")  # fmt: skip


class TrialForm(forms.Form):
    amount = _amount(_("Amount"))
    currency = _code(3, check_currency, label=_("Currency"), required=True)
    country = _code(2, check_country, label=_("Payer's country"))
    method = forms.ChoiceField(label=_("Method"), required=False, choices=_methods, widget=forms.Select(_SELECT))
    environment = forms.ChoiceField(
        label=_("Environment"), required=False, choices=lambda: _environments(_("As payments do")),
        widget=forms.Select(_SELECT),
    )  # fmt: skip


def _initial(route: PaymentRoute) -> dict[str, Any]:
    amounts = {name: _plain(getattr(route, name)) for name in ("min_amount", "max_amount")}
    parts = ("name", "connection", "environment", "country", "currency", "method", "is_active")
    return {**{name: getattr(route, name) for name in parts}, **amounts}


def _plain(amount: Any) -> str:
    return "" if amount is None else f"{amount.normalize():f}"
