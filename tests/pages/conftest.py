from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from integrations.models import Organization, User


@pytest.fixture
def organization(db: None) -> Organization:
    from tests.factories import OrganizationFactory

    return OrganizationFactory(name="Ours")


def member(organization: Organization, role: str) -> User:
    from tests.factories import MembershipFactory

    user: User = MembershipFactory(organization=organization, role=role).user
    return user


@pytest.fixture
def administrator(client: Client, organization: Organization) -> Client:
    """Signed in as an administrator of the organization, who is no super admin."""
    client.force_login(member(organization, "admin"))
    return client


@pytest.fixture
def viewer(client: Client, organization: Organization) -> Client:
    client.force_login(member(organization, "viewer"))
    return client


@pytest.fixture
def super_admin(client: Client, organization: Organization) -> Client:
    from tests.factories import UserFactory

    client.force_login(UserFactory(is_superuser=True))
    return client
