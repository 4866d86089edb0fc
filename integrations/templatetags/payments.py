"""What the states, differences and ways of payments mean, in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..models import Connection, IntegrationProvider, Organization, Payment
from ..operations.payment_terms import METHOD_NAMES, known_methods, method_name
from ..operations.routing_order import settings_of
from ..providers.base import PaymentProvider
from ..providers.registry import providers

register = template.Library()
register.filter(method_name)

S, D = Payment.Status, Payment.Difference
_MEANINGS: dict[str, Promise] = {
    S.REQUIRES_ACTION: _("The payer has to do something: pay on the gateway's page, or confirm with their bank."),
    S.PENDING: _("The gateway has not said yet whether it took the money. It is asked again by itself."),
    S.AUTHORISED: _("The payer's bank holds the money for you. It is yours only once you capture it."),
    S.CAPTURED: _("The money was taken. The gateway pays it out by its schedule, less its fee."),
    S.FAILED: _("Nothing was taken. The payer may try again."),
    S.CANCELLED: _("The payment was let go of before any money was taken. It cannot be taken up again."),
    S.PARTIALLY_REFUNDED: _("A part of the money went back to the payer."),
    S.REFUNDED: _("All of the money went back to the payer. It may take their bank some days to show it."),
    S.DISPUTED: _("The payer has asked their bank for the money back. The gateway wants your evidence in time."),
}
_OFFLINE_MEANINGS: dict[str, Promise] = {
    S.REQUIRES_ACTION: _("The shop waits for the money. Staff confirm it here once it is there."),
    S.PENDING: _("The shop waits for the money. Staff confirm it here once it is there."),
    S.CAPTURED: _("The money has arrived, as somebody here or the courier has confirmed."),
}
_ADVICE: dict[str, Promise] = {
    D.PAID_AFTER_END: _(
        "The payer has paid although the payment was over here. Deliver what they ordered, or refund it in "
        "the gateway's dashboard."
    ),
    D.CAPTURED: _("Compare with the gateway's dashboard. Somebody may have captured there, or in another currency."),
    D.REFUNDED: _("Compare with the gateway's dashboard. A refund may have been made or sent back there."),
    D.AMOUNT: _(
        "Do not deliver before you know why: somebody may have paid less, or in another currency. Compare "
        "with the order."
    ),
    D.MISSING: _("Check that the connection's account and its test or live keys are those that took the payment."),
    D.UNDERPAID: _(
        "Less came in than was ordered. Ask the payer for the rest, or agree to what there is, before you "
        "deliver."
    ),
    D.OVERPAID: _("More came in than was ordered. Give the difference back, and write down how."),
    D.NEVER_ANSWERED: _("Look for the reference in the gateway's dashboard before anybody pays again."),
}  # fmt: skip
HOME_CURRENCIES = {
    "AE": "AED", "BH": "BHD", "EG": "EGP", "JO": "JOD", "KW": "KWD", "OM": "OMR", "QA": "QAR", "SA": "SAR",
}  # fmt: skip


@register.filter
def is_offline(connection: Connection | None) -> bool:
    """Whether people do what a gateway does elsewhere: there is nobody to ask, and nobody sends events."""
    provider = providers().get(connection.provider.slug) if connection else None
    return provider is not None and provider.is_offline


@register.filter
def explained(status: str) -> str:
    """What a payment's state means for the people of the shop."""
    return str(_MEANINGS.get(status, ""))


@register.filter
def explained_payment(payment: Payment) -> str:
    """The same of one payment, which may be one that no gateway takes."""
    told = _OFFLINE_MEANINGS.get(payment.status) if is_offline(payment.connection) else None
    return str(told) if told else explained(payment.status)


@register.filter
def status_name(status: str) -> str:
    """A payment's state by the word that it was kept by."""
    return str(Payment.Status(status).label) if status in Payment.Status.values else status


@register.filter
def advice(difference: str) -> str:
    """What to do where a gateway's books differ from ours."""
    return str(_ADVICE.get(difference, ""))


def named_methods(anything: Promise, *, told: bool = False) -> list[tuple[str, str]]:
    """Every method that can be asked for, to be chosen by its name, and with `told` those that only gateways speak of;
    `anything` for none of them."""
    methods = {*known_methods(), *(METHOD_NAMES if told else ())}
    named = [(method, method_name(method)) for method in methods]
    return [("", str(anything)), *sorted(named, key=lambda one: one[1].casefold())]


@register.filter
def plain_amount(amount: Decimal) -> str:
    """As it is typed into a form, and read from it: `1250.50`."""
    return f"{amount:f}"


@register.filter
def taken_currencies(connection: Connection) -> list[str]:
    """The currencies that one connection can take, whatever its settings leave out; those of the region first."""
    provider = providers().get(connection.provider.slug)
    if not isinstance(provider, PaymentProvider):
        return []
    return home_first(provider.currencies_of(connection.configuration))


@register.filter
def shown_currencies(connection: Connection) -> list[str]:
    """Those that payments are routed to it in: what it can take, less what its payment settings leave out."""
    taken, settings = taken_currencies(connection), settings_of(connection)
    chosen = settings.supported_currencies if settings else []
    return [code for code in taken if code in chosen] if chosen and taken else chosen or taken


def home_first(currencies: Iterable[str]) -> list[str]:
    known = list(currencies)
    return list(dict.fromkeys([*(code for code in HOME_CURRENCIES.values() if code in known), *known]))


@register.filter
def home_currency(organization: Organization | None) -> str:
    """The currency of the organization's country, where that is one of the region's."""
    return HOME_CURRENCIES.get(organization.country, "") if organization else ""


@register.filter
def lacks(provider: IntegrationProvider, currency: str) -> bool:
    """Whether a payment provider takes other currencies than this one alone."""
    known = provider.supported_currencies
    is_payment = provider.provider_type == IntegrationProvider.Type.PAYMENT
    return bool(is_payment and currency and known and currency not in known)


@register.filter
def cannot(provider: IntegrationProvider) -> list[str]:
    """What a payment provider's interface does not do, so that nobody finds out with a payer waiting."""
    code = providers().get(provider.slug)
    if not isinstance(code, PaymentProvider):
        return []
    limits = [
        (_("It cannot authorise first and capture later."), "capture" not in code.operations),
        (_("A payment that is open cannot be cancelled from here."), "void" not in code.operations),
        (_("Refunds are made in its own dashboard."), "refund" not in code.operations),
        (_("It refunds whole payments alone."), "refund" in code.operations and not code.takes_partial_refunds),
        (_("Refunds made in its own dashboard are not counted: they mark the payment."), not code.tells_refunds),
        (_("It captures whole amounts alone."), "capture" in code.operations and not code.takes_partial_captures),
        (
            _("It sends no webhooks: its payments are asked for instead."),
            code.signature is None and not code.is_offline,
        ),
    ]
    return [str(told) for told, applies in limits if applies]
