"""The official package's types, against what we send (the fake holds every call to them) and what we read."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import stripe
from stripe import params
from stripe.params import checkout

from integrations.providers.payment.stripe import Stripe
from integrations.providers.payment.stripe_reading import REFUND_STATUSES, SESSION_STATUSES, STATUSES
from integrations.providers.payment.stripe_requests import PAGE, intent_form, session_form
from integrations.providers.results import Customer, Item, PaymentRequest

from .parameters import Undocumented, check_fields

EVERYTHING = PaymentRequest(
    amount=Decimal("12.50"),
    currency="AED",
    reference="order-1",
    payment_id="01980000-0000-7000-8000-000000000001",
    capture=False,
    method="link",
    customer=Customer(name="Sample Payer", email="payer@example.com"),
    success_url="https://hub.example/return/",
    cancel_url="https://hub.example/cancel/",
    metadata={"tailor": "7"},
    language="ar",
    items=(Item("Abaya", 2, Decimal("5.00")), Item("Belt", 1, Decimal("2.50"))),
)
CONFIGURATION = {"send_receipts": True, "statement_descriptor_suffix": "ABAYA", "page": PAGE}
SESSION = session_form(EVERYTHING, CONFIGURATION)


def named_in(kind: type, name: str) -> set[str]:
    """The values that the package has for a field, in the string that stands for its type too."""
    one = type("One", (), {"__annotations__": {name: kind.__annotations__[name]}})
    hint = get_type_hints(one, globalns=vars(sys.modules[kind.__module__]))[name]
    return set(_literals(hint))


def _literals(hint: Any) -> list[str]:
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    return [value for inner in get_args(hint) for value in _literals(inner)]


def test_every_field_that_is_sent_is_one_of_the_official_package() -> None:
    check_fields(checkout.SessionCreateParams, SESSION.items())
    check_fields(params.PaymentIntentCreateParams, intent_form(EVERYTHING, CONFIGURATION).items())


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"payment_method_types[0]": "card"}, "payment_method_types"),
        ({"allowed_payment_method_types[0]": "knet"}, "allowed_payment_method_types[0]"),
        ({"allowed_payment_method_types[3]": "card"}, "allowed_payment_method_types"),
        ({"locale": "ar"}, "locale"),
        ({"mode": "paymnet"}, "mode"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"line_items[0][price_data][unit_amount]": "5.00"}, "line_items[0][price_data][unit_amount]"),
        ({"line_items[0][price_data][currency]": ""}, "line_items[0][price_data][currency]"),
        ({"line_items[2][price_data][unit_amount]": "1"}, "line_items[2][price_data][currency]"),
        ({"payment_intent_data[metadata][" + "a" * 41 + "]": "1"}, f"payment_intent_data[metadata][{'a' * 41}]"),
        ({"payment_intent_data": "text"}, "payment_intent_data"),
        ({"api_key": "sk_test_sample"}, "api_key"),
    ],
)
def test_what_the_package_has_otherwise_is_found(wrong: dict[str, str], name: str) -> None:
    """Otherwise what is proven by it proves nothing."""
    with pytest.raises(Undocumented) as found:
        check_fields(checkout.SessionCreateParams, {**SESSION, **wrong}.items())
    assert found.value.name == name


def test_a_field_that_is_wanted_and_missing_is_found() -> None:
    form = {name: value for name, value in SESSION.items() if name != "line_items[1][price_data][product_data][name]"}
    with pytest.raises(Undocumented, match="is missing"):
        check_fields(
            checkout.SessionCreateParams, {**form, "line_items[1][price_data][product_data][description]": "x"}.items()
        )


def test_the_version_and_the_events_are_the_package_s() -> None:
    versions = named_in(params.WebhookEndpointCreateParams, "api_version")
    events = named_in(params.WebhookEndpointCreateParams, "enabled_events")

    assert Stripe.api_version == stripe.api_version
    assert Stripe.api_version in versions
    assert set(Stripe.event_types) <= events


def test_no_status_is_one_that_we_cannot_read() -> None:
    assert named_in(stripe.PaymentIntent, "status") == set(STATUSES)
    assert named_in(stripe.checkout.Session, "status") == {*SESSION_STATUSES, "complete"}
    assert {"paid", "unpaid"} <= named_in(stripe.checkout.Session, "payment_status")
    assert {"won", "lost"} <= named_in(stripe.Dispute, "status")
    # The package has a refund's status as a plain string; its documentation there names them.
    assert set(REFUND_STATUSES) == {"pending", "requires_action", "succeeded", "failed", "canceled"}


def test_the_page_speaks_the_languages_that_we_ask_for_and_no_arabic() -> None:
    locales = named_in(checkout.SessionCreateParams, "locale")

    assert {"en", "auto"} <= locales
    assert not any(locale.startswith("ar") for locale in locales)
