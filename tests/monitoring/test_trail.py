"""The audit log: what changed is in it, and nobody changes what is in it."""

from __future__ import annotations

import threading

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError

from integrations.models import Organization
from integrations.operations.announce import record_action
from integrations.request_id import Origin, originating
from integrations.tenancy import acting_for
from monitoring.audit import broken_entries
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, OrganizationFactory


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory()


def act(organization: Organization, action: str = "connection.updated") -> None:
    with transaction.atomic():
        record_action(action, ConnectionFactory(organization=organization), {"region": ["", "ae"]})


@pytest.mark.django_db
def test_an_entry_says_who_did_what_and_whence(organization: Organization) -> None:
    with originating(Origin("request-1", actor="amal", ip_address="192.0.2.7", user_agent="Firefox")):
        act(organization)
    entry = AuditLog.objects.get()
    assert (entry.actor, entry.action, entry.request_id) == ("amal", "connection.updated", "request-1")
    assert (entry.ip_address, entry.user_agent, entry.changes) == ("192.0.2.7", "Firefox", {"region": ["", "ae"]})
    assert entry.organization_id == organization.pk


@pytest.mark.django_db
def test_each_organization_has_a_chain_of_its_own(organization: Organization) -> None:
    other = OrganizationFactory()
    for one in (organization, other, organization):
        act(one)
    ours = list(AuditLog.objects.filter(organization=organization).order_by("id"))
    assert ours[0].previous_hash == ""
    assert ours[1].previous_hash == ours[0].hash
    assert list(broken_entries()) == []


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["UPDATE audit_logs SET actor = 'x'", "DELETE FROM audit_logs"])
def test_an_entry_cannot_be_changed_or_deleted(statement: str, organization: Organization) -> None:
    act(organization)
    with pytest.raises(IntegrityError, match="append only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    with acting_for(organization.pk), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.django_db
def test_who_gets_around_that_breaks_the_chain(organization: Organization, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        act(organization)
    second = AuditLog.objects.order_by("id")[1]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL hub.retention = 'on'")
        cursor.execute("UPDATE audit_logs SET actor = 'nobody' WHERE id = %s", [second.pk])
    with pytest.raises(SystemExit) as ended:
        call_command("verify_audit")
    assert ended.value.code == 1
    assert str(second.pk) in capsys.readouterr().out


@pytest.mark.django_db
def test_a_change_that_is_rolled_back_leaves_no_entry(organization: Organization) -> None:
    with transaction.atomic():
        act(organization)
        transaction.set_rollback(True)
    assert not AuditLog.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_make_one_unbroken_chain(organization: Organization) -> None:
    def write() -> None:
        try:
            for _ in range(5):
                act(organization)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert AuditLog.objects.count() == 30
    assert list(broken_entries()) == []
