"""People's browsers."""

from __future__ import annotations

from django.test import Client

from integrations.models import Membership, Organization
from tests.factories import MembershipFactory


def signed_in(organization: Organization, role: str = Membership.Role.STAFF) -> Client:
    """The browser of somebody who has that role there."""
    client = Client()
    client.force_login(MembershipFactory(organization=organization, role=role).user)
    return client
