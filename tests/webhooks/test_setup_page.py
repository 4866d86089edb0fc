"""The last step of setting a gateway up: its webhook address, made with one click, and what to enter where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Connection, Membership, Organization
from integrations.providers.registry import get_provider
from integrations.providers.signatures import PayPalTransmission
from integrations.templatetags.hub import menu_steps
from tests.clients import signed_in
from tests.factories import ConnectionFactory, OrganizationFactory
from tests.operations.stripe_wire import StripeWire, connect, stripe_wire
from tests.providers.paypal import wire as paypal
from tests.providers.tabby import wire as tabby
from tests.providers.tamara import wire as tamara
from tests.wire import WireAnswer, WireRequest
from webhooks.endpoints import create_endpoint
from webhooks.known_endpoints import find_endpoint
from webhooks.models import WebhookEndpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory()


@pytest.fixture
def gateway(organization: Organization) -> Connection:
    return ConnectionFactory(organization=organization, slug="network_international")


@pytest.fixture
def staff(organization: Organization) -> Client:
    return member(organization, Membership.Role.STAFF)


def member(organization: Organization, role: str) -> Client:
    return signed_in(organization, role)


def address(connection: Connection) -> str:
    return reverse("connection-webhooks", args=[connection.pk])


def test_one_click_makes_the_address_and_shows_all_that_is_to_be_entered(staff: Client, gateway: Connection) -> None:
    assert "Make the address" in staff.get(address(gateway)).text
    made = staff.post(address(gateway), {"action": "make"}).text
    endpoint = WebhookEndpoint.objects.get(connection=gateway)
    provider = get_provider("network_international")
    assert f'data-copy="{endpoint.webhook_url}"' in made
    assert all(name in made for name in provider.recommended_events)
    assert provider.webhook_secret_help in made
    assert endpoint.webhook_secret.reveal() in made
    again = staff.get(address(gateway)).text
    assert endpoint.webhook_url in again
    assert endpoint.webhook_secret.reveal() not in again


def test_no_gateway_is_said_to_know_an_address_that_nobody_told_it(staff: Client, organization: Organization) -> None:
    connection = ConnectionFactory(organization=organization, slug="stripe")
    create_endpoint(connection)
    text = staff.get(address(connection)).text
    assert "was told this address" not in text
    assert "otherwise enter it there" in text


def test_where_the_secret_goes_is_told_in_the_reader_s_language(staff: Client, gateway: Connection) -> None:
    create_endpoint(gateway)
    staff.cookies["django_language"] = "ar"
    page, provider = staff.get(address(gateway)).text, get_provider("network_international")
    assert menu_steps(provider.webhook_secret_help_ar) in page
    assert provider.webhook_secret_help not in page


@pytest.mark.parametrize("slug", ["tap", "paytabs"])
def test_who_signs_with_its_api_key_is_asked_for_no_secret(
    staff: Client, organization: Organization, slug: str
) -> None:
    key = get_provider(slug).webhook_secret_key
    connection = ConnectionFactory(organization=organization, slug=slug, credentials={key: "sk_test_sampleNotAKey"})
    made = staff.post(address(connection), {"action": "make"}).text
    assert "There is nothing to enter" in made
    assert "sk_test_sampleNotAKey" not in made
    assert 'name="webhook_secret"' not in made


def test_a_secret_that_was_given_with_the_connection_is_used_and_shown_to_nobody(
    staff: Client, organization: Organization
) -> None:
    own = "sample-not-a-secret-at-all"
    connection = ConnectionFactory(
        organization=organization, slug="network_international", credentials={"webhook_secret": own}
    )
    made = staff.post(address(connection), {"action": "make"}).text
    assert WebhookEndpoint.objects.get(connection=connection).webhook_secret.reveal() == own
    assert own not in made
    assert "Events are verified by the signing secret that you gave for this connection." in made


def test_clicked_twice_there_is_one_address(staff: Client, gateway: Connection) -> None:
    for _ in range(2):
        staff.post(address(gateway), {"action": "make"})
    assert WebhookEndpoint.objects.filter(connection=gateway).count() == 1


def test_the_secret_that_the_gateway_issued_takes_the_place_of_ours(staff: Client, gateway: Connection) -> None:
    endpoint, ours = create_endpoint(gateway)
    answer = staff.post(
        address(gateway), {"action": "secret", "webhook_secret": " issued-sample-secret-of-the-gateway "}, follow=True
    )
    endpoint.refresh_from_db()
    assert endpoint.webhook_secret.reveal() == "issued-sample-secret-of-the-gateway"
    assert endpoint.previous_webhook_secret.reveal() == ours
    assert "issued-sample-secret-of-the-gateway" not in answer.text


@pytest.mark.parametrize("given", ["", "   ", "x" * 600])
def test_a_secret_that_cannot_be_one_changes_nothing(staff: Client, gateway: Connection, given: str) -> None:
    endpoint, ours = create_endpoint(gateway)
    staff.post(address(gateway), {"action": "secret", "webhook_secret": given})
    endpoint.refresh_from_db()
    assert endpoint.webhook_secret.reveal() == ours


@pytest.fixture
def issued_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a gateway that gives out the secret only once it has the address."""
    monkeypatch.setattr(type(get_provider("network_international")), "signature", PayPalTransmission())


def test_an_address_may_come_before_its_secret_and_accepts_nothing_until_then(
    staff: Client, gateway: Connection, issued_later: None
) -> None:
    made = staff.post(address(gateway), {"action": "make"}).text
    assert "Until you enter it here, no event is accepted" in made
    endpoint = WebhookEndpoint.objects.get(connection=gateway)
    known = find_endpoint(endpoint.pk)
    assert known is not None
    assert known.secrets(0) == []
    refused = Client().post(
        f"/webhooks/{endpoint.pk}/", data=b'{"id": "evt_1", "type": "x"}', content_type="application/json"
    )
    assert refused.status_code == 401
    staff.post(address(gateway), {"action": "secret", "webhook_secret": "WH-1JE123-SAMPLE"})
    endpoint.refresh_from_db()
    assert endpoint.webhook_secret.reveal() == "WH-1JE123-SAMPLE"
    assert "Until you enter it here" not in staff.get(address(gateway)).text


def test_elsewhere_the_secret_is_asked_for_first_as_ever(gateway: Connection, issued_later: None) -> None:
    from integrations.errors import InvalidRequest

    with pytest.raises(InvalidRequest):
        create_endpoint(gateway)


def test_a_viewer_sees_the_address_and_makes_none(organization: Organization, gateway: Connection) -> None:
    viewer = member(organization, Membership.Role.VIEWER)
    assert 'value="make"' not in viewer.get(address(gateway)).text
    assert viewer.post(address(gateway), {"action": "make"}).status_code == 403
    create_endpoint(gateway)
    assert 'name="webhook_secret"' not in viewer.get(address(gateway)).text
    assert viewer.post(address(gateway), {"action": "secret", "webhook_secret": "whsec_x"}).status_code == 403


def test_another_organizations_connection_is_not_found(staff: Client) -> None:
    assert staff.get(address(ConnectionFactory())).status_code == 404


def test_a_gateway_that_takes_its_address_through_its_api_is_told_it(
    transactional_db: None, live_server: Any, settings: Any, organization: Organization, staff: Client
) -> None:
    settings.PUBLIC_URL = live_server.url
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    sandbox = ConnectionFactory(organization=organization, slug="sandbox", credentials={"api_key": "sk_sandbox_setup"})
    made = staff.post(address(sandbox), {"action": "make"}).text
    assert "told this address through its API" in made
    assert WebhookEndpoint.objects.get(connection=sandbox).webhook_secret.reveal() not in made
    assert "Enter it by hand" in staff.get(address(sandbox)).text


@pytest.fixture
def stripe(organization: Organization, settings: Any) -> Iterator[tuple[Connection, StripeWire]]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with stripe_wire(may_not) as wire:
        yield connect(organization, wire), wire


def may_not(request: WireRequest) -> WireAnswer | None:
    """As to a restricted key that may take payments and nothing else."""
    refusal = WireAnswer(403, {"error": {"type": "invalid_request_error", "message": "The key may not do that."}})
    return refusal if request.path.startswith("/v1/webhook_endpoints") else None


def test_where_the_key_may_not_tell_the_address_it_is_entered_by_hand(
    transactional_db: None, staff: Client, stripe: tuple[Connection, StripeWire]
) -> None:
    connection, wire = stripe
    refused = staff.post(address(connection), {"action": "make"}, follow=True).text
    assert "Enter it by hand instead" in refused
    assert not WebhookEndpoint.objects.exists()

    made = staff.post(address(connection), {"action": "make_by_hand"}).text
    endpoint = WebhookEndpoint.objects.get(connection=connection)
    provider = get_provider("stripe")
    assert f'data-copy="{endpoint.webhook_url}"' in made
    assert all(name in made for name in provider.recommended_events)
    assert "Until you enter it here, no event is accepted" in made
    assert endpoint.webhook_secret.reveal() == ""

    staff.post(address(connection), {"action": "secret", "webhook_secret": "whsec_sampleIssuedByStripe"})
    endpoint.refresh_from_db()
    assert endpoint.webhook_secret.reveal() == "whsec_sampleIssuedByStripe"
    assert len(wire.calls("GET", "/webhook_endpoints")) == 1, "only the call that was refused"
    assert not wire.calls("POST")


@pytest.mark.parametrize(("slug", "wire"), [("tabby", tabby), ("paypal", paypal), ("tamara", tamara)])
def test_others_that_could_be_told_are_told_by_hand_without_a_call(
    staff: Client, organization: Organization, slug: str, wire: Any
) -> None:
    configuration = getattr(wire, "CONFIGURATION", {})
    credentials = {key: value for key, value in wire.CREDENTIALS.items() if key != "webhook_secret"}
    connection = ConnectionFactory(
        organization=organization, slug=slug, configuration=configuration, credentials=credentials
    )
    made = staff.post(address(connection), {"action": "make_by_hand"}).text
    endpoint = WebhookEndpoint.objects.get(connection=connection)
    secret = endpoint.webhook_secret.reveal()
    asked = "There is nothing to enter" if slug == "tamara" else "Use this secret"
    names = get_provider(slug).recommended_events if get_provider(slug).names_its_events else ()
    assert all(name in made for name in (*names, asked))
    assert bool(secret and secret in made) == (slug == "tabby"), "its own token is shown once; the others issue theirs"
    staff.post(address(connection), {"action": "secret", "webhook_secret": "sample-issued-by-the-gateway-1"})
    endpoint.refresh_from_db()
    assert endpoint.webhook_secret.reveal() == "sample-issued-by-the-gateway-1"
