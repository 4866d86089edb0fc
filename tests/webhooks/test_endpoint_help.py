"""The page of an address says what its provider needs of us, in that provider's own way."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.providers.registry import get_provider, providers
from tests.clients import signed_in
from tests.factories import ConnectionFactory
from webhooks.endpoints import create_endpoint
from webhooks.models import WebhookEndpoint

pytestmark = pytest.mark.django_db

SECRET = "sample-secret-that-was-entered"
WITH_PAYMENTS = ("tap", "paytabs", "paymob")
BY_HAND = ("moyasar", "telr", "network_international")
BY_API = ("paypal", "tabby", "tamara", "sandbox")
SIGNING = [slug for slug, one in sorted(providers().items()) if one.type == "payment" and one.signature is not None]


def endpoint_of(slug: str) -> WebhookEndpoint:
    secret = "whsec_c2FtcGxlLW5vdC1hLXNlY3JldC1vZi1vdXJz" if slug == "sandbox" else SECRET
    return create_endpoint(ConnectionFactory(slug=slug), webhook_secret=secret)[0]


def staff(endpoint: WebhookEndpoint) -> Client:
    return signed_in(endpoint.organization, "admin")


def page_of(endpoint: WebhookEndpoint, language: str = "en") -> str:
    client = staff(endpoint)
    client.cookies["django_language"] = language
    return html.unescape(client.get(reverse("webhook-endpoint", args=[endpoint.pk])).content.decode())


@pytest.mark.parametrize("slug", WITH_PAYMENTS)
def test_where_each_payment_tells_the_address_nobody_is_sent_to_a_dashboard(slug: str) -> None:
    page = page_of(endpoint_of(slug))
    assert f"Each payment tells {get_provider(slug).name} this address" in page
    assert "dashboard and select" not in page


@pytest.mark.parametrize("slug", [*BY_HAND, *BY_API])
def test_elsewhere_the_address_is_entered_in_the_dashboard_unless_the_api_was_told(slug: str) -> None:
    page = page_of(endpoint_of(slug))
    assert "Each payment tells" not in page
    assert ("in the provider's dashboard" in page) == (slug in BY_HAND)
    assert ("through its API" in page) == (slug in BY_API)


@pytest.mark.parametrize("slug", ["moyasar", "network_international"])
def test_events_are_to_be_selected_where_the_provider_knows_them_by_these_names(slug: str) -> None:
    assert "select these events there" in page_of(endpoint_of(slug))


def test_names_of_our_own_are_not_to_be_looked_for_in_a_dashboard() -> None:
    assert "select these events" not in page_of(endpoint_of("telr"))


@pytest.mark.parametrize("slug", SIGNING)
@pytest.mark.parametrize("language", ["en", "ar"])
def test_it_says_where_the_secret_is_found_or_goes(slug: str, language: str) -> None:
    provider = get_provider(slug)
    told = provider.webhook_secret_help_ar if language == "ar" else provider.webhook_secret_help
    assert told or slug == "sandbox"
    assert told in page_of(endpoint_of(slug), language).replace("\N{RIGHT-TO-LEFT MARK}", "")


@pytest.mark.parametrize("slug", ["stripe", "paypal", "paymob"])
def test_a_new_address_says_it_for_the_connection_that_is_chosen(slug: str) -> None:
    endpoint = endpoint_of(slug)
    asked = f"?connection={endpoint.connection_id}"
    client = staff(endpoint)
    for view in ("webhook-endpoint-new", "webhook-event-choices"):
        page = html.unescape(
            client.get(
                reverse(view) + asked, headers={"HX-Request": "true"} if "choices" in view else {}
            ).content.decode()
        )
        assert get_provider(slug).webhook_secret_help in page


@pytest.mark.parametrize("slug", ["stripe", "paypal", "paymob"])
def test_a_secret_that_the_provider_has_changed_is_entered_on_the_page(slug: str) -> None:
    endpoint = endpoint_of(slug)
    path = reverse("webhook-endpoint-rotate", args=[endpoint.pk])
    answer = staff(endpoint).post(path, {"webhook_secret": " sample-secret-of-tomorrow "}, follow=True)
    endpoint.refresh_from_db()
    previous: Any = endpoint.previous_webhook_secret
    assert (endpoint.webhook_secret.reveal(), previous.reveal()) == ("sample-secret-of-tomorrow", SECRET)
    assert "sample-secret-of-tomorrow" not in answer.content.decode()


def test_a_secret_that_cannot_be_one_is_refused_and_changes_nothing() -> None:
    endpoint = endpoint_of("stripe")
    path = reverse("webhook-endpoint-rotate", args=[endpoint.pk])
    answer = staff(endpoint).post(path, {"webhook_secret": "x" * 600}, follow=True)
    assert "cannot hold" in answer.content.decode()
    endpoint.refresh_from_db()
    assert endpoint.webhook_secret.reveal() == SECRET


@pytest.mark.parametrize(("slug", "is_key"), [("tap", True), ("paytabs", True), ("tamara", True), ("stripe", False)])
def test_with_a_new_secret_it_says_what_an_empty_one_means(slug: str, is_key: bool) -> None:
    page = page_of(endpoint_of(slug))
    assert ("the connection's present key is taken" in page) == is_key
    assert ("one is made and shown once" in page) != is_key


def test_the_address_for_paymob_is_bare() -> None:
    """It signs each call in the query string by itself."""
    endpoint = endpoint_of("paymob")
    assert f"/webhooks/{endpoint.pk}/" in page_of(endpoint)
    assert "hmac=" not in page_of(endpoint)
