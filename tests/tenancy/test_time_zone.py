"""People see times as the clocks of their organization show them."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from integrations.membership import SESSION_KEY
from integrations.models import Organization, User
from tests.factories import ConnectionFactory, OrganizationFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(admin_user: User) -> Client:
    client = Client()
    client.force_login(admin_user)
    return client


def test_pages_show_the_organization_s_own_time(admin: Client) -> None:
    organization = OrganizationFactory(timezone="Africa/Casablanca")
    checked = timezone.now().replace(year=2026, month=11, day=10, hour=23, minute=30)
    connection = ConnectionFactory(organization=organization, last_health_check=checked, connected_at=checked)
    session = admin.session
    session[SESSION_KEY] = str(organization.pk)
    session.save()
    page = admin.get(f"/integrations/connections/{connection.pk}/").text
    assert "11/11/2026 00:30" in page
    assert "11/11/2026 03:30" not in page, "as it is in Dubai"
    assert timezone.get_current_timezone_name() == "Asia/Dubai", "the next request begins in the default zone"


def test_a_time_zone_that_nobody_knows_is_refused(admin: Client) -> None:
    organization = Organization.objects.create(name="Zone", slug="zone")
    answer = admin.post(f"/admin/integrations/organization/{organization.pk}/change/", {"timezone": "Asia/Dubay"})
    assert "There is no such time zone" in answer.text
    organization.refresh_from_db()
    assert organization.timezone == "Asia/Dubai"
