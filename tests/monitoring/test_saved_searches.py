"""Searches of the log that are kept: one's own, and those that are shared."""

from __future__ import annotations

import pytest
from django.test import Client

from integrations.models import Membership, Organization
from integrations.tenancy import acting_for
from monitoring.models import AuditLog, SavedSearch
from tests.clients import signed_in
from tests.factories import ConnectionFactory, OrganizationFactory

pytestmark = pytest.mark.django_db

LOGS = "/integrations/logs/"


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory()


def save(client: Client, query: str, name: str, **more: str) -> str:
    response = client.post(f"{LOGS}searches/save/?{query}", {"name": name, **more}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_a_search_is_saved_opened_renamed_and_deleted(organization: Organization) -> None:
    client = signed_in(organization)
    connection = ConnectionFactory(organization=organization)
    save(client, f"q=card_declined&status=4xx&period=7d&connection={connection.pk}", "  Declined   cards ")
    search = SavedSearch.objects.get()
    assert search.name == "Declined cards"
    listed = client.get(LOGS).context["searches"]
    assert [one.name for one in listed] == ["Declined cards"]
    opened = client.get(f"{LOGS}?{listed[0].query}").context["form"]
    assert opened.search.text == "card_declined"
    assert (opened.search.status, opened.search.connection) == ("4xx", connection.pk)
    assert 'aria-current="true"' in client.get(f"{LOGS}?{listed[0].query}").content.decode()
    described = client.get(f"{LOGS}searches/").context["rows"][0]["filters"]
    assert described == [
        ("Search the log", "card_declined"), ("Connection", connection.connection_name), ("Status", "4xx"),
        ("Period", "Last 7 days"),
    ]  # fmt: skip
    client.post(f"{LOGS}searches/{search.pk}/change/", {"name": "Refused"})
    assert "Refused" in client.get(f"{LOGS}searches/").content.decode()
    client.post(f"{LOGS}searches/{search.pk}/delete/")
    assert not SavedSearch.objects.exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [("", "A name has 1 to 80 characters."), ("x" * 81, "A name has 1 to 80"), ("MINE", "of this name already")],
)
def test_a_bad_name_is_told(name: str, told: str, organization: Organization) -> None:
    client = signed_in(organization)
    save(client, "q=a1", "Mine")
    assert told in save(client, "q=b2", name)
    assert SavedSearch.objects.count() == 1


def test_a_shared_search_is_seen_by_all_and_changed_by_its_owner_or_an_admin(organization: Organization) -> None:
    owner, colleague = signed_in(organization), signed_in(organization)
    save(owner, "q=a1", "Ours", is_shared="on")
    save(owner, "q=b2", "Private")
    shared, private = SavedSearch.objects.get(name="Ours"), SavedSearch.objects.get(name="Private")
    assert [one.name for one in colleague.get(LOGS).context["searches"]] == ["Ours"]
    assert colleague.post(f"{LOGS}searches/{shared.pk}/delete/").status_code == 403
    assert colleague.post(f"{LOGS}searches/{private.pk}/delete/").status_code == 404
    admin = signed_in(organization, Membership.Role.ADMIN)
    assert admin.post(f"{LOGS}searches/{private.pk}/delete/").status_code == 404
    assert admin.post(f"{LOGS}searches/{shared.pk}/delete/").status_code == 302
    assert [one.name for one in SavedSearch.objects.all()] == ["Private"]
    actions = AuditLog.objects.filter(organization=organization).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["log_search.shared", "log_search.deleted"]


def test_a_viewer_saves_for_themselves_alone(organization: Organization) -> None:
    save(signed_in(organization, Membership.Role.VIEWER), "q=a1", "Mine", is_shared="on")
    assert not SavedSearch.objects.get().is_shared


def test_searches_stay_behind_the_wall(organization: Organization) -> None:
    save(signed_in(organization), "q=a1", "Ours", is_shared="on")
    stranger_of = OrganizationFactory()
    stranger = signed_in(stranger_of, Membership.Role.ADMIN)
    assert "Ours" not in stranger.get(f"{LOGS}searches/").content.decode()
    key = SavedSearch.objects.get().pk
    assert stranger.post(f"{LOGS}searches/{key}/change/", {"name": "Theirs"}).status_code == 404
    with acting_for(stranger_of.pk):
        assert not SavedSearch.objects.exists()


def test_an_administrator_sees_and_deletes_what_is_shared_and_not_what_others_keep(organization: Organization) -> None:
    owner, admin = signed_in(organization), signed_in(organization, Membership.Role.ADMIN)
    save(owner, "q=a1", "Ours", is_shared="on")
    save(owner, "q=b2", "Private")
    listed = admin.get("/admin/monitoring/savedsearch/").content.decode()
    assert "Ours" in listed
    assert "Private" not in listed
    key = SavedSearch.objects.get(name="Ours").pk
    admin.post(f"/admin/monitoring/savedsearch/{key}/delete/", {"post": "yes"})
    assert [one.name for one in SavedSearch.objects.all()] == ["Private"]
    assert AuditLog.objects.filter(action="log_search.deleted", organization=organization).exists()
    assert owner.get("/admin/monitoring/savedsearch/").status_code == 403
