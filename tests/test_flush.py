"""A test that commits leaves nothing to the next: whatever it wrote is gone, and what all tests share is as it was."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.test import TransactionTestCase

from integrations.models import Organization
from tests.factories import ConnectionFactory, MembershipFactory, OrganizationFactory
from tests.flush import _filled_tables, _flush

pytestmark = pytest.mark.django_db(transaction=True)


def filled_tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_filled_tables())
        return [table for (table,) in cursor.fetchall()]


def test_rows_that_refer_to_each_other_are_gone_and_permissions_stay() -> None:
    permissions, types = set(Permission.objects.values_list("pk")), set(ContentType.objects.values_list("pk"))
    ConnectionFactory(credentials={"api_key": "sk_test_sample_not_a_key"})
    person = MembershipFactory().user
    person.user_permissions.add(Permission.objects.first())
    assert len(filled_tables()) > 5

    _flush(TransactionTestCase())

    assert filled_tables() == []
    assert set(Permission.objects.values_list("pk")) == permissions
    assert set(ContentType.objects.values_list("pk")) == types


def test_a_permission_that_a_test_took_away_or_renamed_is_back() -> None:
    before = set(Permission.objects.values_list("codename", "name"))
    Permission.objects.filter(codename="view_payment").delete()
    Permission.objects.filter(codename="add_payment").update(name="Renamed")

    _flush(TransactionTestCase())

    assert set(Permission.objects.values_list("codename", "name")) == before


def test_many_rows_are_gone_too() -> None:
    Organization.objects.bulk_create(Organization(name=f"{n}", slug=f"shop-{n}") for n in range(501))

    _flush(TransactionTestCase())

    assert filled_tables() == []


def test_what_a_thread_is_still_writing_is_waited_for_and_gone_as_well() -> None:
    has_written, may_end = threading.Event(), threading.Event()

    def write() -> None:
        with transaction.atomic():
            OrganizationFactory()
            has_written.set()
            may_end.wait(20)
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    assert has_written.wait(20)
    threading.Timer(0.3, may_end.set).start()

    _flush(TransactionTestCase())

    writer.join()
    assert filled_tables() == []
