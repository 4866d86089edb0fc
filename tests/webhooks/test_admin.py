"""Every resource of the door has its list in the admin."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

RESOURCES = [
    "webhookendpoint", "webhookevent", "webhookreplay", "webhookaccesslog", "webhookdestination", "webhookdelivery",
    "webhookdeliveryattempt",
]  # fmt: skip


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_super_admin_opens_the_list(resource: str, client: Client) -> None:
    client.force_login(UserFactory(is_superuser=True, is_staff=True))
    assert client.get(reverse(f"admin:webhooks_{resource}_changelist")).status_code == 200
