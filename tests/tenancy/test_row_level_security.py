"""The wall, tried around the ORM: raw SQL as the tenant role."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from integrations.models import Organization
from integrations.tenancy import acting_as_service, acting_for, current_organization_id, is_walled
from tests.factories import ConnectionFactory, CredentialFactory, MembershipFactory, OrganizationFactory

pytestmark = pytest.mark.django_db

# Tables without an organization of their own, and why tenants need no wall there.
NOT_A_TENANTS = {
    "django_content_type": "the same for all",
    "auth_permission": "the same for all",
    "auth_group": "names of groups",
    "auth_group_permissions": "the same for all",
    "users_groups": "names of groups",
    "users_user_permissions": "codes of permissions",
}


def execute(sql: str, *params: object) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else [(cursor.rowcount,)]


@pytest.fixture
def two_organizations() -> tuple[Organization, Organization]:
    ours, theirs = OrganizationFactory(), OrganizationFactory()
    for organization in (ours, theirs):
        CredentialFactory(connection=ConnectionFactory(organization=organization))
    return ours, theirs


def test_every_table_that_tenants_may_touch_is_walled() -> None:
    open_tables = execute(
        """SELECT DISTINCT g.table_name FROM information_schema.role_table_grants g
           JOIN pg_class c ON c.oid = g.table_name::regclass
           WHERE g.grantee = 'hub_tenant' AND NOT c.relrowsecurity"""
    )
    assert {name for (name,) in open_tables} == set(NOT_A_TENANTS)


def test_every_table_with_an_organization_is_walled() -> None:
    unwalled = execute(
        """SELECT a.attrelid::regclass::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
           WHERE a.attname = 'organization_id' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
             AND c.relnamespace = 'public'::regnamespace
             AND NOT (c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))"""
    )
    assert unwalled == []


def test_a_partition_of_the_log_cannot_be_read_around_the_wall() -> None:
    partitions = execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'integration_logs'::regclass"
    )
    assert len(partitions) >= 4
    with acting_for(OrganizationFactory().pk):
        for (partition,) in partitions:
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                execute(f"SELECT count(*) FROM {partition}")


@pytest.mark.parametrize("table", ["integration_connections", "api_credentials", "organizations"])
def test_a_tenant_reads_its_own_rows_only(table: str, two_organizations: tuple[Organization, Organization]) -> None:
    ours, theirs = two_organizations
    column = "id" if table == "organizations" else "organization_id"
    with acting_for(ours.pk):
        assert {row[0] for row in execute(f"SELECT {column} FROM {table}")} == {ours.pk}
        assert execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", theirs.pk) == [(0,)]


def test_a_tenant_of_nothing_sees_nothing(two_organizations: tuple[Organization, Organization]) -> None:
    with acting_for(None):
        for table in ("integration_connections", "api_credentials", "organizations", "memberships"):
            assert execute(f"SELECT count(*) FROM {table}") == [(0,)]


def test_a_tenant_changes_and_deletes_its_own_rows_only(two_organizations: tuple[Organization, Organization]) -> None:
    ours, theirs = two_organizations
    with acting_for(ours.pk):
        assert execute("UPDATE integration_connections SET region = 'ae'") == [(1,)]
        assert execute("DELETE FROM api_credentials") == [(1,)]
    assert execute("SELECT region FROM integration_connections WHERE organization_id = %s", theirs.pk) == [("",)]
    assert execute("SELECT organization_id FROM api_credentials") == [(theirs.pk,)]


def test_a_tenant_cannot_write_a_row_for_another(two_organizations: tuple[Organization, Organization]) -> None:
    ours, theirs = two_organizations
    user = MembershipFactory(organization=ours).user
    with acting_for(ours.pk):
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            MembershipFactory(organization=theirs, user=user)
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            execute("UPDATE integration_connections SET organization_id = %s", theirs.pk)


def test_a_tenant_cannot_make_or_change_organizations(two_organizations: tuple[Organization, Organization]) -> None:
    ours, _ = two_organizations
    with acting_for(ours.pk):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            execute("UPDATE organizations SET name = 'x'")


def test_a_tenant_sees_its_own_people_only(two_organizations: tuple[Organization, Organization]) -> None:
    ours, theirs = two_organizations
    member = MembershipFactory(organization=ours).user
    MembershipFactory(organization=theirs)
    with acting_for(ours.pk):
        assert execute("SELECT id FROM users") == [(member.pk,)]


def test_the_wall_stands_after_an_exception(two_organizations: tuple[Organization, Organization]) -> None:
    ours, theirs = two_organizations
    with pytest.raises(ZeroDivisionError), acting_for(ours.pk):
        raise ZeroDivisionError
    assert not is_walled()
    assert execute("SELECT current_user <> 'hub_tenant', current_setting('hub.organization_id')") == [(True, "")]
    assert {row[0] for row in execute("SELECT organization_id FROM integration_connections")} == {ours.pk, theirs.pk}


def test_a_failed_statement_inside_leaves_nothing_behind(two_organizations: tuple[Organization, Organization]) -> None:
    ours, _ = two_organizations
    with pytest.raises(ProgrammingError), transaction.atomic(), acting_for(ours.pk):
        execute("SELECT no_such_column FROM integration_connections")
    assert execute("SELECT current_user <> 'hub_tenant', current_setting('hub.organization_id')") == [(True, "")]


def test_contexts_nest_and_restore(two_organizations: tuple[Organization, Organization]) -> None:
    ours, theirs = two_organizations

    def seen() -> set[UUID]:
        return {row[0] for row in execute("SELECT organization_id FROM integration_connections")}  # type: ignore[misc]

    with acting_for(ours.pk):
        with acting_for(theirs.pk):
            assert seen() == {theirs.pk}
        with acting_as_service():
            assert seen() == {ours.pk, theirs.pk}
        assert seen() == {ours.pk}
        assert current_organization_id() == ours.pk
    assert current_organization_id() is None
