"""How a payment connection takes payments, as people set it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ..models import Connection, PaymentSettings
from ..operations.catalogue import offered_provider
from ..operations.payment_settings import CHANGEABLE
from ..operations.payment_terms import method_name
from ..providers.base import PaymentProvider
from ..templatetags.payments import home_first, taken_currencies
from .schema_fields import plain_input


def _several(label: Any, help_text: Any) -> forms.MultipleChoiceField:
    widget = forms.CheckboxSelectMultiple({"class": "hub-many"})
    return forms.MultipleChoiceField(label=label, required=False, help_text=help_text, widget=widget)


def _address(label: Any, help_text: Any) -> forms.URLField:
    widget = forms.URLInput({"class": "hub-input", "dir": "ltr", "autocomplete": "off", "placeholder": "https://"})
    return forms.URLField(
        label=label, required=False, max_length=500, help_text=help_text, widget=widget, assume_scheme="https"
    )


def _number(label: Any, help_text: Any, **bounds: Any) -> forms.DecimalField:
    widget = plain_input(dir="ltr", inputmode="decimal")
    return forms.DecimalField(label=label, required=False, min_value=0, help_text=help_text, widget=widget, **bounds)


class GatewaySettingsForm(forms.Form):
    """What the gateway can do is offered; what is not chosen is not routed to it."""

    supported_currencies = _several(_("Currencies"), _("Payments in other currencies are not routed here. None: all."))
    supported_payment_methods = _several(_("Payment methods"), _("None chosen: all that the gateway offers."))
    auto_capture = forms.BooleanField(
        label=_("Capture at once"),
        required=False,
        help_text=_("For orders that do not say themselves whether they are captured at once."),
    )
    success_url = _address(_("Success address"), _("Where payers go who have paid, unless the order says otherwise."))
    cancel_url = _address(_("Cancel address"), _("Where payers go who gave up, unless the order says otherwise."))
    settlement_schedule = forms.ChoiceField(
        label=_("Settlement"),
        choices=PaymentSettings.SettlementSchedule.choices,
        widget=forms.Select({"class": "hub-input"}),
        help_text=_("How often the gateway pays out, as agreed with it."),
    )
    fee_percent = _number(
        _("Fee (%)"), _("What the gateway keeps of a payment, in per cent."), max_value=100, max_digits=6,
        decimal_places=3,
    )  # fmt: skip
    fee_fixed = _number(
        _("Fee per payment"), _("And beside it, of each payment, in its own currency."), max_digits=19,
        decimal_places=4,
    )  # fmt: skip

    def __init__(self, connection: Connection, settings: PaymentSettings, given: Any = None) -> None:
        super().__init__(given, initial={name: _as_typed(getattr(settings, name)) for name in CHANGEABLE})
        provider = offered_provider(connection.provider.slug)
        currencies = taken_currencies(connection)
        methods = provider.payment_capabilities if isinstance(provider, PaymentProvider) else ()
        self._offer("supported_currencies", currencies, settings.supported_currencies)
        self._offer("supported_payment_methods", sorted(methods), settings.supported_payment_methods)
        can_wait = isinstance(provider, PaymentProvider) and "capture" in provider.operations
        if not can_wait:
            self.fields["auto_capture"].disabled = True
            self.fields["auto_capture"].help_text = _("This gateway captures every payment at once.")

    def _offer(self, name: str, offered: Any, kept: list[str]) -> None:
        """What is set comes first, and stays to be chosen even where the gateway no longer declares it; then what is
        used in the region."""
        is_currency = name == "supported_currencies"
        codes = list(dict.fromkeys([*kept, *home_first(offered)]))
        field: Any = self.fields[name]
        field.choices = [(code, code if is_currency else method_name(code)) for code in codes]


def _as_typed(value: Any) -> Any:
    """An amount without the noughts that its column adds."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value
