from __future__ import annotations

from typing import Any

import pytest

from integrations.errors import InvalidRequest
from integrations.models import Connection, IntegrationProvider, Organization, PaymentRoute, PaymentSettings
from integrations.operations import track_record
from integrations.operations.capabilities import get_payment_providers_by_capability
from integrations.operations.catalogue import sync_catalogue
from tests.factories import ConnectionFactory, OrganizationFactory


@pytest.fixture(autouse=True)
def _catalogue(transactional_db: None) -> None:
    track_record.forget()
    sync_catalogue()


def make(organization: Organization, name: str, **fields: Any) -> Connection:
    connection: Connection = ConnectionFactory(organization=organization, connection_name=name, **fields)
    return connection


def asked(organization: Organization, *question: str) -> dict[str, list[str]]:
    """The names of the connections by provider, in the answer's order; of the many providers that there are, of two."""
    found = get_payment_providers_by_capability(organization, *question)
    names = {one.provider.slug: [each.connection.connection_name for each in one.connections] for one in found}
    return {slug: own for slug, own in names.items() if slug in ("stripe", "sandbox")}


def offering(organization: Organization, *question: str) -> set[str]:
    return {one.provider.slug for one in get_payment_providers_by_capability(organization, *question)}


def test_a_national_scheme_is_offered_in_its_own_money_alone(organization: Organization) -> None:
    assert offering(organization, "knet", "KW") == {"tap", "paytabs"}
    assert offering(organization, "knet", "KW", "KWD") == {"tap", "paytabs"}
    assert offering(organization, "knet", "KW", "AED") == set()


def test_the_catalogue_s_providers_that_offer_it_are_named_though_one_has_no_connection(
    organization: Organization,
) -> None:
    assert asked(organization, "apple_pay", "AE") == {"stripe": []}
    assert asked(organization, "card", "AE").keys() == {"sandbox", "stripe"}
    assert "sandbox" not in asked(organization, "card", "FR"), "it is at work in the region alone"
    assert asked(organization, "omannet", "OM") == {}, "known in the field, and offered by neither"


def test_own_connections_come_in_the_order_of_routing_and_their_providers_first(organization: Organization) -> None:
    make(organization, "second", slug="stripe")
    make(organization, "first", slug="stripe", is_primary=True)
    assert next(iter(asked(organization, "card", "AE").items())) == ("stripe", ["first", "second"])
    sandbox = make(organization, "ruled", slug="sandbox")
    PaymentRoute.objects.create(organization=organization, connection=sandbox, name="rule", country="AE")
    found = get_payment_providers_by_capability(organization, "card", "AE")
    places = {one.provider.slug: [each.position for each in one.connections] for one in found}
    assert list(places.items())[:2] == [("sandbox", [1]), ("stripe", [2, 3])]
    assert not any(list(places.values())[2:])


@pytest.mark.parametrize(
    "kept_from_it",
    [
        {"status": "inactive"},
        {"status": "error"},
        {"environment": "staging"},  # while another is in production
        {"health_status": "down"},  # while another stands
    ],
    ids=str,
)
def test_a_connection_that_would_not_be_tried_now_does_not_count(
    organization: Organization, kept_from_it: dict[str, str]
) -> None:
    make(organization, "other", **{"environment": "production", **kept_from_it})
    make(organization, "serving", environment="production")
    assert asked(organization, "apple_pay", "AE") == {"stripe": ["serving"]}


@pytest.mark.parametrize(
    ("kept", "question", "serves"),
    [
        ({"supported_payment_methods": ["card"]}, ("apple_pay", "AE"), False),
        ({"supported_payment_methods": ["apple_pay"]}, ("apple_pay", "AE"), True),
        ({"supported_currencies": ["AED"]}, ("apple_pay", "AE", "SAR"), False),
        ({"supported_currencies": ["AED", "SAR"]}, ("apple_pay", "AE", "sar"), True),
        ({"supported_currencies": ["SAR"]}, ("apple_pay", "ae"), True),
    ],
    ids=str,
)
def test_payment_settings_are_respected(
    organization: Organization, kept: dict[str, Any], question: tuple[str, ...], serves: bool
) -> None:
    connection = make(organization, "till")
    PaymentSettings.objects.create(organization=organization, connection=connection, provider_name="Stripe", **kept)
    assert asked(organization, *question) == {"stripe": ["till"] if serves else []}


def test_a_rule_that_asks_for_an_amount_is_left_out(organization: Organization) -> None:
    make(organization, "primary", is_primary=True)
    ruled = make(organization, "ruled")
    PaymentRoute.objects.create(
        organization=organization, connection=ruled, name="large", currency="AED", min_amount="100"
    )
    assert asked(organization, "card", "AE", "AED")["stripe"] == ["primary", "ruled"]


def test_what_was_taken_out_of_the_catalogue_and_what_is_another_s_is_not_named(organization: Organization) -> None:
    make(OrganizationFactory(), "theirs")
    assert asked(organization, "link", "AE") == {"stripe": []}
    IntegrationProvider.objects.filter(slug="stripe").update(organization=OrganizationFactory())
    assert asked(organization, "link", "AE") == {}
    IntegrationProvider.objects.filter(slug="stripe").update(organization=None, is_active=False)
    assert asked(organization, "link", "AE") == {}


@pytest.mark.parametrize(
    ("question", "field"),
    [
        (("mda", "SA"), "capability"),
        (("", "SA"), "capability"),
        (("mada", "ZZ"), "country"),
        (("mada", "SAU"), "country"),
        (("mada", ""), "country"),
        (("mada", "SA", "SAX"), "currency"),
        (("mada", "SA", "XAU"), "currency"),
    ],
    ids=str,
)
def test_what_does_not_exist_is_refused_by_name(
    organization: Organization, question: tuple[str, ...], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        get_payment_providers_by_capability(organization, *question)
    assert refused.value.field == field
