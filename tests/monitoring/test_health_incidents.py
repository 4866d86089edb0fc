"""A provider that fails for several organizations at once: seen over all of them, told to each without the others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection as database
from django.db import transaction
from django.db.utils import ProgrammingError
from django.utils import timezone

from integrations.models import Connection, Organization
from integrations.tenancy import acting_for
from monitoring.health import check_due
from monitoring.maintenance import schedule_window
from monitoring.models import ProviderIncident
from monitoring.provider_incidents import watch_providers
from tests.factories import ConnectionFactory, OrganizationFactory
from tests.wire import WireServer

from .health_wire import BROKEN, WELL, connect

pytestmark = pytest.mark.django_db


def down(organization: Organization, *, minutes_ago: float = 1, **fields: object) -> Connection:
    since = timezone.now() - timedelta(minutes=minutes_ago)
    connection: Connection = ConnectionFactory(
        organization=organization, health_status="down", health_changed_at=since, **fields
    )
    return connection


def up(organization: Organization, count: int = 1) -> None:
    for _ in range(count):
        ConnectionFactory(organization=organization, health_status="healthy")


@pytest.fixture
def three() -> list[Organization]:
    return [OrganizationFactory() for _ in range(3)]


def test_it_is_opened_once_brought_up_to_date_and_resolved(three: list[Organization]) -> None:
    first, second = down(three[0], minutes_ago=3), down(three[1])
    up(three[2], 2)
    assert watch_providers() == (1, 0)
    assert watch_providers() == (0, 0)
    third = down(three[2])
    watch_providers()
    incident = ProviderIncident.objects.get()
    assert incident.opened_at == first.health_changed_at
    assert (incident.failing_connections, incident.worst_connections, incident.all_connections) == (3, 3, 5)
    assert incident.failing_organizations == 3
    for connection in (second, third):
        Connection.objects.filter(pk=connection.pk).update(health_status="healthy")
    assert watch_providers() == (0, 1)
    incident.refresh_from_db()
    assert (incident.failing_connections, incident.worst_connections) == (1, 3)
    assert incident.resolved_at


def test_the_trouble_of_one_organization_is_its_own(three: list[Organization]) -> None:
    down(three[0])
    down(three[0])
    assert watch_providers() == (0, 0)


def test_a_few_of_many_are_not_the_provider(three: list[Organization]) -> None:
    down(three[0])
    down(three[1])
    up(three[2], 5)
    assert watch_providers() == (0, 0)


def test_those_that_went_down_long_apart_have_nothing_in_common(three: list[Organization]) -> None:
    down(three[0], minutes_ago=600)
    down(three[1])
    assert watch_providers() == (0, 0)


def test_refused_credentials_and_announced_work_are_nobodys_incident(three: list[Organization]) -> None:
    down(three[0])
    down(three[1], status=Connection.Status.ERROR, is_stopped_by_health=True)
    announced = down(three[2])
    now = timezone.now()
    schedule_window(three[2], starts_at=now, ends_at=now + timedelta(hours=1), reason="r", connection=announced)
    assert watch_providers(now + timedelta(seconds=1)) == (0, 0)


def test_a_tenant_reads_that_there_is_one_and_not_how_many_it_hits(three: list[Organization]) -> None:
    down(three[0])
    down(three[1])
    watch_providers()
    stranger = OrganizationFactory()
    with acting_for(three[2].pk):
        assert ProviderIncident.objects.values_list("id", flat=True).count() == 0  # it does not use the provider
    up(three[2])
    with acting_for(three[2].pk):
        assert ProviderIncident.objects.only(*ProviderIncident.SHOWN_TO_TENANTS).get().resolved_at is None
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            list(ProviderIncident.objects.all())
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic(), database.cursor() as sql:
            sql.execute("UPDATE provider_incidents SET resolved_at = now()")
    with acting_for(stranger.pk):
        assert not ProviderIncident.objects.values_list("id", flat=True)


@pytest.mark.django_db(transaction=True)
def test_a_sweep_finds_it_and_finds_that_it_is_over(three: list[Organization], provider: WireServer) -> None:
    for organization in three:
        connect(provider, organization=organization)
    provider.answer = lambda request: BROKEN
    _sweep(2)
    assert ProviderIncident.objects.get(resolved_at=None).failing_connections == 3
    provider.answer = lambda request: WELL
    _sweep(2)
    assert ProviderIncident.objects.get().resolved_at


def _sweep(times: int) -> None:
    for _ in range(times):
        Connection.objects.update(next_health_check=None)
        check_due()
