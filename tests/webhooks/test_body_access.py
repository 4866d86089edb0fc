"""The whole body is for those who may have it and say why; all others see an outline."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from integrations.models import Membership
from integrations.tenancy import acting_for
from tests.api.client import ApiClient, error_of
from tests.clients import signed_in
from tests.factories import OrganizationFactory, token_for
from webhooks.archive import archive_bodies
from webhooks.models import WebhookAccessLog, WebhookEndpoint, WebhookEvent

from .archived import BODY, EMAIL, PLANTED, completed, files

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("folder")]
Role = Membership.Role


@pytest.fixture(params=["in the row", "archived"])
def stored(request: pytest.FixtureRequest, endpoint: WebhookEndpoint) -> WebhookEvent:
    row = completed(endpoint)
    if request.param == "archived":
        archive_bodies()
    return WebhookEvent.objects.get(pk=row.pk)


def person(row: WebhookEvent, role: str) -> Client:
    return signed_in(row.organization, role)


def program(row: WebhookEvent, *scopes: str) -> ApiClient:
    return ApiClient(token_for(row.organization, *scopes))


def body_path(row: WebhookEvent) -> str:
    return f"webhook-events/{row.pk}/body/"


def test_a_program_downloads_the_very_bytes_and_its_reason_is_written_down(stored: WebhookEvent) -> None:
    for given in ({"query": {"reason": "chargeback 17"}}, {"Hub_Reason": "chargeback 17"}):
        answer = program(stored, "webhooks").get(body_path(stored), **given)
        assert answer.content == BODY
        assert (answer["Cache-Control"], answer["X-Content-Type-Options"]) == ("no-store", "nosniff")
    first, second = WebhookAccessLog.objects.all()
    assert first.webhook_event_id == second.webhook_event_id == stored.pk
    assert {(one.actor, one.action, one.ip_address, one.reason) for one in (first, second)} == {
        ("token:test", "download", "127.0.0.1", "chargeback 17")
    }


@pytest.mark.parametrize("reason", ["", "   ", "x" * 256, "a\x00b", "a\nb"])
def test_without_a_reason_there_is_no_body(stored: WebhookEvent, reason: str) -> None:
    answer = program(stored, "webhooks").get(body_path(stored), {"reason": reason} if reason else None)
    assert answer.status_code == 400
    assert error_of(answer)["field"] == "reason"
    assert not WebhookAccessLog.objects.exists()


def test_the_scope_to_read_is_not_enough(stored: WebhookEvent) -> None:
    api = program(stored, "read")
    assert api.get(f"webhook-events/{stored.pk}/").status_code == 200
    assert api.get(body_path(stored), {"reason": "to see"}).status_code == 403
    assert not WebhookAccessLog.objects.exists()


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.STAFF, 200), (Role.ADMIN, 200)])
def test_a_person_needs_the_permission_by_rest_and_on_the_page(stored: WebhookEvent, role: str, status: int) -> None:
    client = person(stored, role)
    by_rest = ApiClient(django=client).get(body_path(stored), {"reason": "a dispute"})
    page = reverse("webhook-event-body", args=[stored.pk])
    by_page = client.post(page, {"reason": "a dispute", "action": "read"})
    assert (by_rest.status_code, by_page.status_code) == (status, status)
    assert (EMAIL in by_page.content.decode()) == (status == 200)
    assert WebhookAccessLog.objects.count() == (2 if status == 200 else 0)


def test_the_outline_shows_nobody_to_anybody(stored: WebhookEvent, caplog: pytest.LogCaptureFixture) -> None:
    page = person(stored, Role.ADMIN).get(reverse("webhook-event", args=[stored.pk])).content.decode()
    api = program(stored)
    detail = api.get(f"webhook-events/{stored.pk}/")
    shown = page + detail.content.decode() + api.get("webhook-events/").content.decode() + caplog.text
    assert not [planted for planted in PLANTED if planted in shown]
    assert detail.json()["payload"]["data"]["object"]["billing_details"]["email"] == "c***@example.com"
    assert "c***@example.com" in page
    assert not WebhookAccessLog.objects.exists()


def test_the_page_unfolds_the_outline_and_reads_it_left_to_right_in_arabic_too(stored: WebhookEvent) -> None:
    client = person(stored, Role.STAFF)
    text = client.get(reverse("webhook-event", args=[stored.pk]), headers={"Accept-Language": "ar"}).content.decode()
    tree = text.partition('class="hub-tree" dir="ltr"')[2]
    assert tree.count("<details") > 2
    assert "billing_details" in tree


def test_the_page_shows_the_body_and_who_has_read_it(stored: WebhookEvent) -> None:
    client = person(stored, Role.STAFF)
    assert "Read by" not in client.get(reverse("webhook-event", args=[stored.pk])).content.decode()
    path = reverse("webhook-event-body", args=[stored.pk])
    client.post(path, {"reason": "the payer asked", "action": "read"})
    again = client.get(reverse("webhook-event", args=[stored.pk])).content.decode()
    assert "the payer asked" in again
    assert WebhookAccessLog.objects.get().actor in again
    assert EMAIL not in again


def test_the_page_gives_the_body_as_a_file(stored: WebhookEvent) -> None:
    path = reverse("webhook-event-body", args=[stored.pk])
    answer = person(stored, Role.STAFF).post(path, {"reason": "for the bank", "action": "download"})
    assert answer.content == BODY
    assert answer["Content-Disposition"] == f'attachment; filename="{stored.pk}.bin"'
    assert WebhookAccessLog.objects.get().action == "download"


@pytest.mark.parametrize("given", [{}, {"action": "read"}, {"reason": "why", "action": "sell"}, {"reason": "why"}])
def test_the_page_asks_again_for_what_is_missing(stored: WebhookEvent, given: dict[str, str]) -> None:
    answer = person(stored, Role.STAFF).post(reverse("webhook-event-body", args=[stored.pk]), given)
    assert answer.status_code == 400
    assert EMAIL not in answer.content.decode()
    assert not WebhookAccessLog.objects.exists()


def test_the_log_is_on_the_admin_s_pages(stored: WebhookEvent) -> None:
    program(stored).get(body_path(stored), {"reason": "audit of May"})
    shown = person(stored, Role.ADMIN).get(reverse("admin:webhooks_webhookaccesslog_changelist")).content.decode()
    assert "audit of May" in shown


@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_a_file_that_is_gone_or_altered_is_a_clear_error(endpoint: WebhookEndpoint, folder: Path, damage: str) -> None:
    row = completed(endpoint)
    archive_bodies()
    (file,) = files(folder)
    file.unlink() if damage == "missing" else file.write_bytes(file.read_bytes()[:-1] + b"!")
    answer = program(row).get(body_path(row), {"reason": "to see"})
    assert (answer.status_code, error_of(answer)["code"]) == (410, "body_damaged")
    page = person(row, Role.STAFF).post(
        reverse("webhook-event-body", args=[row.pk]), {"reason": "to see", "action": "read"}
    )
    assert page.status_code == 410
    assert "The archived body of this event" in page.content.decode()
    assert not WebhookAccessLog.objects.exists()


def test_a_body_that_was_never_there_or_is_deleted_is_not_found(endpoint: WebhookEndpoint) -> None:
    row = completed(endpoint, raw_body=None)
    answer = program(row).get(body_path(row), {"reason": "to see"})
    assert (answer.status_code, error_of(answer)["code"]) == (404, "body_not_kept")


def test_the_log_cannot_be_changed_nor_written_for_another_organization(stored: WebhookEvent) -> None:
    program(stored).get(body_path(stored), {"reason": "to see"})
    other = OrganizationFactory()
    for organization_id in (stored.organization_id, other.pk):
        with pytest.raises(DatabaseError), acting_for(organization_id), transaction.atomic():
            WebhookAccessLog.objects.create(organization_id=uuid4(), webhook_event=stored, actor="somebody")
    with pytest.raises(DatabaseError), transaction.atomic():
        WebhookAccessLog.objects.update(reason="nothing")
    with acting_for(other.pk):
        assert not WebhookAccessLog.objects.exists()
        assert not WebhookEvent.objects.filter(body__gt="").exists()
