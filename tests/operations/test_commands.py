from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from integrations.errors import InvalidRequest
from integrations.models import ApiToken, IntegrationProvider, Organization
from integrations.operations.tokens import issue_token, revoke_token
from tests.factories import OrganizationFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def tailor() -> Organization:
    return OrganizationFactory(slug="tailor")


def create_token(*arguments: str) -> str:
    out = StringIO()
    call_command("create_api_token", "--name", "shop", *arguments, stdout=out)
    return out.getvalue()


def test_the_token_is_printed_alone_and_only_its_hash_is_kept(tailor: Organization) -> None:
    printed = create_token("--organization", "tailor")
    token = ApiToken.objects.get()
    assert printed.endswith("\n")
    assert ApiToken.hash(printed.strip()) == token.token_hash
    assert token.scopes == ApiToken.Scope.values
    assert token.expires_at is None


def test_scopes_and_expiry_can_be_chosen(tailor: Organization) -> None:
    create_token("--organization", "tailor", "--scopes", "payments, read", "--expires-days", "30")
    token = ApiToken.objects.get()
    assert token.scopes == ["read", "payments"]
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--organization", "nobody"],
        ["--organization", "tailor", "--scopes", "everything"],
        ["--organization", "tailor", "--scopes", ","],
        ["--organization", "tailor", "--expires-days", "0"],
        ["--organization", "tailor", "--expires-days", "999999999"],
    ],
)
def test_a_token_that_cannot_be_is_an_error_and_leaves_nothing(tailor: Organization, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        create_token(*arguments)
    assert not ApiToken.objects.exists()


def test_a_token_needs_a_name(tailor: Organization) -> None:
    with pytest.raises(InvalidRequest):
        issue_token(tailor, name=" ", scopes=["read"])


def test_a_revoked_token_stays_revoked(tailor: Organization) -> None:
    token, _ = issue_token(tailor, name="shop", scopes=["read"])
    revoked_at = revoke_token(token).revoked_at
    assert revoke_token(token).revoked_at == revoked_at
    assert not token.is_usable


def test_the_catalogue_is_synced_by_a_command() -> None:
    out = StringIO()
    call_command("sync_providers", stdout=out)
    assert "Created" in out.getvalue()
    assert IntegrationProvider.objects.filter(slug="stripe").exists()
