from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection as database
from django.db import models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations.models import ApiToken, Connection, Credential, Membership, Organization, RateLimit, SocialAccount
from tests.factories import ConnectionFactory, CredentialFactory, OrganizationFactory, UserFactory
from tests.operations.stripe_wire import StripeWire, refuses_the_key, stripe_wire
from webhooks.endpoints import create_endpoint
from webhooks.models import WebhookEndpoint

from .rows import SECRET, plant

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)


def _url(model: type[models.Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def _pages(client: Client, model: type[models.Model], row: models.Model | None) -> list[str]:
    """The list, the form for a new one and the one for `row`, as far as this person may open them."""
    urls = [_url(model, "changelist"), _url(model, "changelist") + "?q=x", _url(model, "add")]
    if row is not None:
        urls.append(_url(model, "change", row.pk))
    answers = [client.get(url) for url in urls]
    assert {answer.status_code for answer in answers} <= {200, 302, 403}
    return [answer.content.decode() for answer in answers]


@every_model
def test_every_admin_page_opens_for_a_super_admin(super_admin: Client, model: type[models.Model]) -> None:
    rows = plant(OrganizationFactory(), "theirs")
    row = rows.get(model._meta.label)
    assert super_admin.get(_url(model, "changelist")).status_code == 200
    if row is not None:
        assert super_admin.get(_url(model, "change", row.pk)).status_code == 200
    assert not any(SECRET in page for page in _pages(super_admin, model, row))


@every_model
def test_an_administrator_sees_their_own_organization_alone(
    administrator: Client, organization: Organization, model: type[models.Model]
) -> None:
    ours, theirs = plant(organization, "ours"), plant(OrganizationFactory(), "theirs")
    pages = _pages(administrator, model, ours.get(model._meta.label))
    if other := theirs.get(model._meta.label):
        pages.append(administrator.get(_url(model, "change", other.pk), follow=True).content.decode())
    assert not any("theirs" in page for page in pages)
    assert not any(SECRET in page for page in pages)


@pytest.mark.parametrize("label", ["integrations.connection", "integrations.payment", "monitoring.calllog"])
def test_an_administrator_sees_what_is_theirs(administrator: Client, organization: Organization, label: str) -> None:
    plant(organization, "ours")
    model = next(model for model in MODELS if model._meta.label_lower == label)
    assert "ours" in administrator.get(_url(model, "changelist")).content.decode()


def test_a_viewer_cannot_open_credentials(viewer: Client) -> None:
    assert viewer.get(_url(Credential, "changelist")).status_code == 403


def test_somebody_without_an_organization_cannot_sign_in(client: Client, db: None) -> None:
    UserFactory(username="stranger", password="correct horse")
    answer = client.post(reverse("admin:login"), {"username": "stranger", "password": "correct horse"})
    assert "belongs to no organization" in answer.content.decode()


def test_a_member_signs_in_and_lands_in_the_admin(client: Client, organization: Organization) -> None:
    person = UserFactory(username="sara", password="correct horse")
    Membership.objects.create(organization=organization, user=person, role="viewer")
    credentials = {"username": "sara", "password": "correct horse"}
    answer = client.post(reverse("admin:login") + "?next=/admin/", credentials, follow=True)
    assert answer.redirect_chain == [("/admin/", 302)]


def test_an_issued_token_is_shown_exactly_once(administrator: Client, organization: Organization) -> None:
    given = {"name": "checkout", "scopes": ["read", "payments"], "expires_at_0": "", "expires_at_1": ""}
    shown = administrator.post(_url(ApiToken, "add"), given, follow=True).content.decode()
    token = ApiToken.objects.get()
    text = shown.partition('hub-token">')[2].partition("<")[0]
    assert ApiToken.hash(text) == token.token_hash
    assert token.organization == organization
    again = administrator.get(_url(ApiToken, "change", token.pk)).content.decode()
    assert text not in again


@pytest.fixture
def stripe_connection(organization: Organization, settings: Any) -> Iterator[tuple[Connection, StripeWire]]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with stripe_wire() as wire:
        yield ConnectionFactory(organization=organization, configuration={"base_url": wire.url}), wire


def test_a_credential_is_rotated_and_the_old_one_runs_out(
    administrator: Client, stripe_connection: tuple[Connection, StripeWire]
) -> None:
    connection, wire = stripe_connection
    old = CredentialFactory(connection=connection, value="sk_test_old_not_a_key")
    given = {"new_value": "sk_test_new_not_a_key", "overlap_hours": "2", "rotation_policy": "90days"}
    answer = administrator.post(_url(Credential, "change", old.pk), given, follow=True)
    assert "sk_test_new_not_a_key" not in answer.content.decode()
    assert "Rotated." in answer.content.decode()
    fresh = Credential.objects.exclude(pk=old.pk).get()
    old.refresh_from_db()
    assert (fresh.reveal(), fresh.rotation_policy) == ("sk_test_new_not_a_key", "90days")
    assert old.expires_at is not None
    assert len(wire.calls("GET", "/v1/balance")) == 1


def test_a_rotation_whose_test_fails_changes_nothing_unless_that_is_wanted(
    administrator: Client, stripe_connection: tuple[Connection, StripeWire]
) -> None:
    connection, wire = stripe_connection
    wire.override = refuses_the_key
    old = CredentialFactory(connection=connection, value="sk_test_old_not_a_key")
    given = {"new_value": "sk_test_new_not_a_key", "overlap_hours": "2", "rotation_policy": "90days"}
    answer = administrator.post(_url(Credential, "change", old.pk), given, follow=True)
    assert "Nothing was changed." in answer.content.decode()
    assert "successfully" not in answer.content.decode()
    assert Credential.objects.get().rotation_policy == "manual"
    administrator.post(_url(Credential, "change", old.pk), {**given, "untested": "on"})
    assert Credential.objects.count() == 2


def test_a_viewer_rotates_nothing(viewer: Client, organization: Organization) -> None:
    old = CredentialFactory(connection=ConnectionFactory(organization=organization), value="sk_test_old_not_a_key")
    given = {"new_value": "sk_test_new_not_a_key", "overlap_hours": "2", "rotation_policy": "manual", "untested": "on"}
    assert viewer.post(_url(Credential, "change", old.pk), given).status_code == 403
    assert Credential.objects.count() == 1


def test_another_organization_s_credential_is_not_rotated(administrator: Client) -> None:
    old = CredentialFactory(value="sk_test_old_not_a_key")
    given = {"new_value": "sk_test_new_not_a_key", "overlap_hours": "2", "rotation_policy": "manual", "untested": "on"}
    administrator.post(_url(Credential, "change", old.pk), given)
    assert Credential.objects.count() == 1


def test_a_value_that_the_provider_would_not_take_is_refused_unrepeated(
    administrator: Client, organization: Organization
) -> None:
    old = CredentialFactory(connection=ConnectionFactory(organization=organization))
    given = {"new_value": "nonsense value", "overlap_hours": "2", "rotation_policy": "manual"}
    answer = administrator.post(_url(Credential, "change", old.pk), given)
    assert answer.status_code == 200
    assert "nonsense value" not in answer.content.decode()
    assert Credential.objects.count() == 1


def test_a_longer_list_takes_no_more_queries(super_admin: Client, organization: Organization) -> None:
    def queries(rows: int) -> int:
        for _ in range(rows):
            CredentialFactory(connection=ConnectionFactory(organization=organization))
        with CaptureQueriesContext(database) as captured:
            super_admin.get(_url(Credential, "changelist"))
        return len(captured)

    queries(1)
    assert queries(1) == queries(8)


def test_a_member_is_added_by_user_name(administrator: Client, organization: Organization) -> None:
    person = UserFactory(username="omar")
    given = {"username": "omar", "role": "staff"}
    administrator.post(_url(Membership, "add"), given)
    assert Membership.objects.get(user=person).organization == organization
    again = administrator.post(_url(Membership, "add"), given, follow=True)
    assert "clashes with what is already there" in again.content.decode()
    assert Membership.objects.filter(user=person).count() == 1


def test_a_member_who_has_no_account_is_not_added(administrator: Client) -> None:
    answer = administrator.post(_url(Membership, "add"), {"username": "nobody", "role": "staff"})
    assert "There is no account with this name." in answer.content.decode()


def test_a_new_webhook_address_shows_its_secret_once(administrator: Client, organization: Organization) -> None:
    connection = ConnectionFactory(organization=organization)
    given = {"connection": str(connection.pk), "event_types": "", "webhook_secret": ""}
    shown = administrator.post(_url(WebhookEndpoint, "add"), given, follow=True).content.decode()
    endpoint = WebhookEndpoint.objects.get()
    secret = endpoint.webhook_secret.reveal()
    assert secret in shown
    assert endpoint.organization == organization
    assert secret not in administrator.get(_url(WebhookEndpoint, "change", endpoint.pk)).content.decode()


def test_an_address_is_paused_and_told_who_may_call(administrator: Client, organization: Organization) -> None:
    endpoint, _ = create_endpoint(ConnectionFactory(organization=organization))
    given = {
        "event_types": "", "is_active": "on", "is_paused": "on", "max_per_minute": "6000", "retry_policy": "{}",
        "new_webhook_secret": "", "allowed_networks": "192.0.2.0/24,2001:db8::/32",
    }  # fmt: skip
    path = _url(WebhookEndpoint, "change", endpoint.pk)
    refused = administrator.post(path, {**given, "allowed_networks": "192.0.2.1/24"})
    assert "is not an address, nor a range" in refused.content.decode()
    assert administrator.post(path, given).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.is_paused, endpoint.allowed_networks) == (True, ["192.0.2.0/24", "2001:db8::/32"])


def test_tokens_of_a_social_account_go_in_and_stay_when_left_empty(
    administrator: Client, organization: Organization
) -> None:
    account = plant(organization, "ours")["integrations.SocialAccount"]
    given = {"platform": "instagram", "account_name": "ours", "account_id": "1", "follower_count": "0"}
    url = _url(SocialAccount, "change", account.pk)
    administrator.post(url, {**given, "new_access_token": "fresh_not_a_token", "new_refresh_token": ""})
    stored = SocialAccount.objects.get()
    assert stored.access_token.reveal() == "fresh_not_a_token"
    assert stored.refresh_token.reveal() == SECRET
    assert "fresh_not_a_token" not in administrator.get(url).content.decode()


def test_a_new_primary_connection_takes_the_place_of_the_old(administrator: Client, organization: Organization) -> None:
    old = ConnectionFactory(organization=organization, is_primary=True)
    new = ConnectionFactory(organization=organization)
    given = {"connection_name": "Renamed", "is_primary": "on", "region": "", "configuration": "{}"}
    administrator.post(_url(Connection, "change", new.pk), given)
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.is_primary, new.is_primary, new.connection_name) == (False, True, "Renamed")


def test_a_configuration_that_the_provider_does_not_know_is_refused(
    administrator: Client, organization: Organization
) -> None:
    connection = ConnectionFactory(organization=organization)
    given = {"connection_name": "x", "region": "", "configuration": '{"colour": "blue"}'}
    answer = administrator.post(_url(Connection, "change", connection.pk), given)
    assert answer.status_code == 200
    assert "colour" in answer.content.decode()
    connection.refresh_from_db()
    assert connection.configuration == {}


def test_a_super_admin_chooses_the_organization_of_what_has_no_connection(super_admin: Client) -> None:
    other = OrganizationFactory()
    super_admin.post(_url(ApiToken, "add"), {"organization": str(other.pk), "name": "theirs", "scopes": ["read"]})
    assert ApiToken.objects.get().organization == other


def test_a_setting_takes_the_organization_of_its_connection(super_admin: Client) -> None:
    connection = ConnectionFactory()
    given = {"connection": str(connection.pk), "limit_type": "per_minute", "max_requests": "10"}
    super_admin.post(_url(RateLimit, "add"), given)
    assert RateLimit.objects.get().organization == connection.organization


def test_an_administrator_cannot_hang_a_limit_on_another_organizations_connection(administrator: Client) -> None:
    given = {"connection": str(ConnectionFactory().pk), "limit_type": "per_minute", "max_requests": "10"}
    assert administrator.post(_url(RateLimit, "add"), given).status_code == 200
    assert not RateLimit.objects.exists()
