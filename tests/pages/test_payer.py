"""A payer's way back from the gateway: what the address says is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from django.core.cache import cache
from django.test import Client

from integrations.models import Connection, Organization, Payment
from integrations.operations.payments import PaymentOrder, create_payment
from tests.factories import OrganizationFactory
from tests.operations.stripe_wire import StripeWire, connect, fails, stripe_wire

ORDER = {"amount": "12.50", "currency": "AED", "reference": "order-1"}
SHOP = {"success_url": "https://shop.example/thanks?order=7", "cancel_url": "https://shop.example/basket"}


@pytest.fixture
def wire(transactional_db: None, settings: Any) -> Iterator[StripeWire]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with stripe_wire() as wire:
        yield wire


@pytest.fixture
def organization(wire: StripeWire) -> Organization:
    organization = OrganizationFactory(name="Needle & Thread")
    connect(organization, wire)
    return organization


def opened(organization: Organization, **fields: Any) -> Payment:
    return create_payment(organization, PaymentOrder(**{**ORDER, **fields}))


def back(payment: Payment, client: Client, way: str = "return", query: str = "", method: str = "get") -> Any:
    cache.clear()
    return getattr(client, method)(f"/pay/{payment.pk}/{way}/{query}")


def test_who_has_paid_is_sent_on_to_the_shop(organization: Organization, wire: StripeWire, client: Client) -> None:
    payment = opened(organization, **SHOP)
    wire.confirm(payment.provider_reference)
    response = back(payment, client)
    assert response.status_code == 302
    parts = urlsplit(response.url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://shop.example/thanks"
    assert parse_qs(parts.query) == {"order": ["7"], "payment": [str(payment.pk)], "status": ["captured"]}
    assert Payment.objects.get().status == Payment.Status.CAPTURED
    assert response.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("query", ["?status=captured", "?payment_intent=x&redirect_status=succeeded", "?tries=99"])
def test_what_the_address_says_pays_nothing(
    organization: Organization, wire: StripeWire, client: Client, query: str
) -> None:
    payment = opened(organization)
    response = back(payment, client, query=query)
    assert response.status_code == 200
    assert "Thank you" not in response.text
    assert Payment.objects.get().status == Payment.Status.REQUIRES_ACTION


def test_an_undecided_payment_is_waited_for_and_then_told_as_one(organization: Organization, client: Client) -> None:
    payment = opened(organization, **SHOP)
    waiting = back(payment, client)
    assert "url=?tries=1" in waiting.text
    assert "do not pay a second time" in waiting.text
    gone_on = back(payment, client, query="?tries=10")
    assert "status=requires_action" in gone_on.url


def test_who_gave_up_goes_back_to_the_basket_but_one_who_has_paid_does_not(
    organization: Organization, wire: StripeWire, client: Client
) -> None:
    payment = opened(organization, **SHOP)
    assert back(payment, client, "cancel").url.startswith("https://shop.example/basket?")
    wire.confirm(payment.provider_reference)
    assert back(payment, client, "cancel").url.startswith("https://shop.example/thanks?")


def test_a_gateway_that_sends_the_payer_by_a_form_is_understood(organization: Organization, client: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert back(opened(organization, **SHOP), strict, method="post").status_code == 200


def test_without_a_page_of_the_shop_s_ours_says_how_it_went(
    organization: Organization, wire: StripeWire, client: Client
) -> None:
    payment = opened(organization)
    wire.confirm(payment.provider_reference)
    response = back(payment, client)
    assert "Thank you" in response.text
    assert "Needle &amp; Thread" in response.text
    assert "set-cookie" not in {name.lower() for name in response.headers}


def test_a_test_is_said_to_be_one_and_a_real_payment_is_not(
    organization: Organization, wire: StripeWire, client: Client
) -> None:
    payment = opened(organization)
    assert "Test: no real money moves" in back(payment, client).text
    Connection.objects.update(environment=Connection.Environment.PRODUCTION)
    assert "Test: no real money moves" not in back(payment, client, query="?tries=10").text


def test_it_speaks_the_language_of_the_order(organization: Organization, client: Client) -> None:
    response = back(opened(organization, language="ar"), client)
    assert 'lang="ar" dir="rtl"' in response.text


def test_the_gateway_is_not_asked_at_every_reload(organization: Organization, wire: StripeWire, client: Client) -> None:
    payment = opened(organization)
    back(payment, client)
    for _ in range(5):
        client.get(f"/pay/{payment.pk}/return/")
    assert len(wire.calls("GET")) == 1


def test_a_gateway_that_is_away_is_no_error_to_the_payer(
    organization: Organization, wire: StripeWire, client: Client
) -> None:
    payment = opened(organization)
    wire.override = lambda request: fails(500)(request) or None
    wire.intents.clear()
    assert back(payment, client).status_code == 200


def test_an_id_that_is_nobody_s_is_not_found(db: None, client: Client) -> None:
    assert client.get(f"/pay/{uuid4()}/return/").status_code == 404
    assert client.get("/pay/1/return/").status_code == 404


@pytest.mark.parametrize("path", [f"{UUID(int=0)}/return/", f"{UUID(int=0)}/instructions/", "1/return/", ""])
def test_who_follows_a_broken_link_is_told_what_to_do_and_not_shown_the_way_in(
    db: None, client: Client, path: str
) -> None:
    answer = client.get(f"/pay/{path}")
    assert answer.status_code == 404
    assert "ask the shop for another" in answer.text
    assert "dashboard" not in answer.text
    assert client.get(f"/pay/{uuid4()}/return").status_code == 301, "an address without its slash is mended as ever"
    assert 'dir="rtl"' in client.get(f"/pay/{path}?language=ar").text


def test_the_language_that_was_chosen_stays_while_it_is_waited(organization: Organization, client: Client) -> None:
    page = back(opened(organization), client, query="?language=ar&tries=2").text
    assert "url=?tries=3&amp;language=ar" in page
    assert 'href="?tries=2&amp;language=en"' in page


def test_nobody_is_told_that_nothing_was_charged_where_that_is_not_certain(
    organization: Organization, client: Client
) -> None:
    payment = opened(organization)
    assert "Nothing was charged" in back(payment, client, "cancel").text
    for status, difference in (("pending", ""), ("failed", "paid_after_end"), ("cancelled", "never_answered")):
        Payment.objects.update(status=status, difference=difference, provider_reference="")  # nobody can be asked
        for way, query in (("cancel", ""), ("return", "?tries=10")):
            page = back(payment, client, way, query).text
            assert "not confirmed yet" in page
            assert "Nothing was charged" not in page


def test_who_got_all_of_it_back_is_not_thanked(organization: Organization, client: Client) -> None:
    payment = opened(organization)
    Payment.objects.update(status="refunded", amount_captured="12.50", amount_refunded="12.50")
    page = back(payment, client).text
    assert "Your money was given back." in page
    assert "Thank you" not in page
