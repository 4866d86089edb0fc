"""The last step of setting a gateway up sends nobody to look for what the gateway's dashboard has not."""

from __future__ import annotations

import html

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Connection, Organization
from integrations.providers.registry import get_provider, providers
from tests.factories import ConnectionFactory, MembershipFactory, OrganizationFactory
from webhooks.models import WebhookEndpoint

pytestmark = pytest.mark.django_db

SECRET = "sample-secret-of-the-gateway"
SIGNING = [slug for slug, one in sorted(providers().items()) if one.type == "payment" and one.signature is not None]
WITH_PAYMENTS = [slug for slug in SIGNING if get_provider(slug).told_address_with_payments]
NAMELESS = [slug for slug in SIGNING if not get_provider(slug).names_its_events]
# They have a signing secret before any address is made.
BROUGHT = ["paymob", "tamara"]


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory()


@pytest.fixture
def staff(organization: Organization) -> Client:
    client = Client()
    client.force_login(MembershipFactory(organization=organization, role="staff").user)
    return client


def gateway(organization: Organization, slug: str, *, with_secret: bool = True) -> Connection:
    provider = get_provider(slug)
    known = with_secret and (slug in BROUGHT or provider.webhook_secret_key != "webhook_secret")
    credentials = {provider.webhook_secret_key: SECRET} if known else {}
    return ConnectionFactory(organization=organization, slug=slug, credentials=credentials)


def address(connection: Connection) -> str:
    return reverse("connection-webhooks", args=[connection.pk])


def made(client: Client, connection: Connection) -> str:
    client.post(address(connection), {"action": "make_by_hand"})
    return html.unescape(client.get(address(connection)).text)


def test_there_are_such_gateways() -> None:
    assert set(WITH_PAYMENTS) == {"tap", "paymob", "paytabs"}
    assert {"telr", "tabby"} <= set(NAMELESS)


@pytest.mark.parametrize("slug", WITH_PAYMENTS)
def test_an_address_that_each_payment_tells_is_entered_nowhere(
    staff: Client, organization: Organization, slug: str
) -> None:
    connection = gateway(organization, slug)
    before = staff.get(address(connection)).text
    assert "Each payment then tells it to the gateway" in before
    assert "You then enter it" not in before
    after = made(staff, connection)
    assert f"Each payment tells {connection.provider.local_name} this address" in after
    assert "Copy it into" not in after
    assert "there is nothing to select" in after


@pytest.mark.parametrize("slug", NAMELESS)
def test_names_of_our_own_are_not_to_be_selected_in_a_dashboard(
    staff: Client, organization: Organization, slug: str
) -> None:
    page = made(staff, gateway(organization, slug))
    assert "Select these in" not in page
    assert not [name for name in get_provider(slug).recommended_events if f">{name}</code>" in page]


@pytest.mark.parametrize("slug", BROUGHT)
def test_a_secret_that_the_gateway_has_already_is_asked_for_with_the_address(
    staff: Client, organization: Organization, slug: str
) -> None:
    connection = gateway(organization, slug, with_secret=False)
    before = html.unescape(staff.get(address(connection)).text)
    assert 'name="webhook_secret"' in before
    assert get_provider(slug).webhook_secret_help in before
    refused = staff.post(address(connection), {"action": "make_by_hand"}, follow=True).text
    assert "issues the signing secret itself: enter it" in refused
    assert not WebhookEndpoint.objects.exists()
    after = staff.post(address(connection), {"action": "make_by_hand", "webhook_secret": f" {SECRET} "}).text
    assert WebhookEndpoint.objects.get(connection=connection).webhook_secret.reveal() == SECRET
    assert SECRET not in after


@pytest.mark.parametrize("slug", [*BROUGHT, "tap", "telr"])
def test_nobody_is_asked_for_a_secret_that_is_known_or_made_here(
    staff: Client, organization: Organization, slug: str
) -> None:
    connection = gateway(organization, slug)
    assert 'name="webhook_secret"' not in staff.get(address(connection)).text
    staff.post(address(connection), {"action": "make_by_hand", "webhook_secret": "sample-that-nobody-asked-for"})
    assert WebhookEndpoint.objects.get(connection=connection).webhook_secret.reveal() != "sample-that-nobody-asked-for"


@pytest.mark.parametrize("slug", [slug for slug in SIGNING if slug not in ("sandbox", *BROUGHT)])
def test_what_we_made_up_was_issued_by_no_gateway(staff: Client, organization: Organization, slug: str) -> None:
    connection = gateway(organization, slug)
    page = made(staff, connection)
    awaited = not WebhookEndpoint.objects.get(connection=connection).webhook_secret.reveal()
    assert ("The secret that the gateway issued" in page) == awaited
