from __future__ import annotations

from typing import Any

import pytest

from integrations.admission import admit
from integrations.limits import limits_of
from integrations.models import IntegrationProvider, RateLimit
from integrations.operations.catalogue import CatalogueSync, sync_catalogue
from integrations.providers.registry import providers
from tests.factories import ConnectionFactory

pytestmark = pytest.mark.django_db


def test_a_first_sync_makes_a_row_a_provider_and_a_second_changes_nothing() -> None:
    assert sync_catalogue() == CatalogueSync(created=len(providers()), updated=0, deactivated=0)
    assert sync_catalogue() == CatalogueSync(created=0, updated=0, deactivated=0)
    stripe = IntegrationProvider.objects.get(slug="stripe")
    assert stripe.is_active
    assert "api_key" in stripe.configuration_schema["properties"]["credentials"]["properties"]
    assert "card" in stripe.payment_capabilities


def test_a_row_that_differs_from_the_code_is_put_right() -> None:
    sync_catalogue()
    IntegrationProvider.objects.filter(slug="stripe").update(description="typed by hand")
    assert sync_catalogue().updated == 1
    assert IntegrationProvider.objects.get(slug="stripe").description != "typed by hand"


def test_a_provider_that_a_super_admin_switched_off_stays_off() -> None:
    sync_catalogue()
    IntegrationProvider.objects.filter(slug="stripe").update(is_active=False)
    sync_catalogue()
    assert not IntegrationProvider.objects.get(slug="stripe").is_active


def test_a_vanished_provider_is_deactivated_and_kept() -> None:
    IntegrationProvider.objects.create(
        slug="gone", provider_name="Gone", provider_type="payment", configuration_schema={"type": "object"}
    )
    assert sync_catalogue().deactivated == 1
    assert not IntegrationProvider.objects.get(slug="gone").is_active


def test_the_sandbox_is_offered_only_where_it_is_switched_on(settings: Any) -> None:
    for is_on in (True, False, True):
        settings.SANDBOX = is_on
        sync_catalogue()
        assert IntegrationProvider.objects.get(slug="sandbox").is_active is is_on


def test_limits_follow_the_provider_s_documentation_until_somebody_sets_another(db: None) -> None:
    connection = ConnectionFactory()
    admit(connection)
    documented = connection.rate_limits.get(limit_type="per_minute")
    assert (documented.max_requests, documented.is_documented) == (6000, True)
    # As they would stand there after a release that documents other limits.
    connection.rate_limits.update(max_requests=10)
    RateLimit.objects.create(
        connection=connection, organization=connection.organization, limit_type="per_month", max_requests=9,
        is_documented=True,
    )  # fmt: skip
    assert limits_of(connection) == {"per_minute": 6000}
    sync_catalogue()
    assert list(connection.rate_limits.values_list("limit_type", "max_requests")) == [("per_minute", 6000)]
    connection.rate_limits.update(max_requests=10, is_documented=False)
    sync_catalogue()
    assert limits_of(connection) == {"per_minute": 10}
