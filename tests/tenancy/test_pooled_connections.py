"""A database session that served one request carries nothing of it into the next."""

from __future__ import annotations

import time

import psycopg
import pytest
from django.db import close_old_connections, connection
from django.test import Client, override_settings
from django.urls import reverse

from integrations.models import Membership, Organization
from integrations.tenancy import acting_for
from tests.factories import ConnectionFactory, MembershipFactory, OrganizationFactory

pytestmark = pytest.mark.django_db(transaction=True)


def session_state() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, coalesce(current_setting('hub.organization_id', true), '')")
        return cursor.fetchone()


def backend_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def wait_for_session(pid: int) -> None:
    """The pool wipes a session in a thread of its own before it gives it out again."""
    for _ in range(200):
        if backend_pid() == pid:
            return
        connection.close()
        time.sleep(0.01)
    pytest.fail("the session did not come back")


@pytest.fixture
def organization() -> Organization:
    organization = OrganizationFactory()
    ConnectionFactory(organization=organization)
    return organization


def test_the_pool_is_really_used() -> None:
    pid = backend_pid()
    connection.close()
    wait_for_session(pid)


def test_a_session_returned_inside_the_block_is_wiped(organization: Organization) -> None:
    service = session_state()
    with acting_for(organization.pk):
        assert session_state() == ("hub_tenant", str(organization.pk))
        pid = backend_pid()
        connection.close()
    wait_for_session(pid)
    assert session_state() == service


def test_a_session_opened_inside_the_block_is_walled(organization: Organization) -> None:
    connection.close()
    with acting_for(organization.pk):
        assert session_state() == ("hub_tenant", str(organization.pk))
        connection.close()
        assert session_state() == ("hub_tenant", str(organization.pk))


def test_a_session_that_dies_inside_the_block_is_replaced_by_a_walled_one(organization: Organization) -> None:
    with acting_for(organization.pk):
        pid = backend_pid()
        with psycopg.connect(**connection.get_connection_params()) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises(Exception, match=r"terminat|closed"):
            session_state()
        close_old_connections()
        connection.close()
        assert session_state() == ("hub_tenant", str(organization.pk))
    assert session_state()[0] != "hub_tenant"


def sign_in(organization: Organization) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(MembershipFactory(organization=organization, role=Membership.Role.ADMIN).user)
    return client


def test_a_request_leaves_the_session_as_it_found_it(organization: Organization) -> None:
    service = session_state()
    assert sign_in(organization).get("/integrations/connections/").status_code == 200
    assert session_state() == service


@override_settings(ROOT_URLCONF="tests.tenancy.urls")
@pytest.mark.parametrize("path", ["fails/", "fails-in-sql/", "fails-in-a-transaction/"])
def test_a_request_that_fails_leaves_nothing_behind(path: str, organization: Organization) -> None:
    service = session_state()
    assert sign_in(organization).get(f"/{path}").status_code == 500
    assert session_state() == service


@override_settings(ROOT_URLCONF="tests.tenancy.urls")
def test_a_streamed_answer_is_made_behind_the_wall(organization: Organization) -> None:
    ConnectionFactory()
    response = sign_in(organization).get("/streams/")
    assert b"".join(response.streaming_content) == b"hub_tenant 1;hub_tenant 1;"
    assert session_state()[0] != "hub_tenant"


@override_settings(ROOT_URLCONF="tests.tenancy.urls")
def test_a_stranger_without_membership_sees_nothing(organization: Organization) -> None:
    client = sign_in(organization)
    Membership.objects.all().delete()
    assert client.get(reverse("count")).content == b"hub_tenant 0;"
