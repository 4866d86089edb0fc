"""The pages of destinations and deliveries, as people of different roles see them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Connection, Membership
from tests.clients import signed_in
from tests.factories import ConnectionFactory
from webhooks.forward.destinations import create_destination, disable_destination, update_destination
from webhooks.forward.drain import drain
from webhooks.models import WebhookDelivery, WebhookDestination, WebhookEndpoint

from .arrivals import plant_deliveries
from .receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)

Role = Membership.Role
FILLED = {
    "url": "https://hooks.example.com/ledger", "description": "Ledger", "form": "normalized",
    "event_types": "payment.*, message.*", "headers": "Authorization: Bearer canary-0-yellow", "schedule": "10 20",
    "max_concurrency": "4", "max_per_second": "", "provider_types": ["payment"], "is_ordered": "on",
}  # fmt: skip


@pytest.fixture
def staff(connection: Connection) -> Client:
    return signed_in(connection.organization, Role.STAFF)


def page(client: Client, name: str, *args: Any, **query: Any) -> str:
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def post(client: Client, name: str, *args: Any, data: Any = None) -> str:
    response = client.post(reverse(name, args=args), data or {}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def test_the_empty_list_says_what_to_do(staff: Client) -> None:
    assert "No destination yet" in page(staff, "webhook-destinations")


def test_a_destination_is_made_and_its_secret_shown_once(staff: Client) -> None:
    shown = post(staff, "webhook-destination-new", data=FILLED)
    destination = WebhookDestination.objects.get()
    secret = str(destination.signing_secret.reveal())
    assert secret in shown.replace("&#x2B;", "+").replace("&#x3D;", "=")
    assert (destination.event_types, destination.header_names) == (["payment.*", "message.*"], ["authorization"])
    assert (destination.retry_policy, destination.provider_types) == ({"schedule": [10, 20]}, ["payment"])
    again = page(staff, "webhook-destination", destination.pk)
    assert "whsec_" not in again
    assert "canary" not in shown + again
    assert "Ledger" in page(staff, "webhook-destinations")


def test_what_is_wrong_is_said_beside_its_field(staff: Client) -> None:
    response = staff.post(
        reverse("webhook-destination-new"), {**FILLED, "url": "https://10.0.0.1/", "headers": "Host: a"}
    )
    assert response.status_code == 400
    assert "inside a network" in response.content.decode() or "10.0.0.1" in response.content.decode()
    assert not WebhookDestination.objects.exists()


def test_headers_are_kept_unless_others_are_written(staff: Client) -> None:
    post(staff, "webhook-destination-new", data=FILLED)
    destination = WebhookDestination.objects.get()
    changed = {**FILLED, "description": "Books", "headers": "", "keep_headers": "on"}
    assert "Books" in post(staff, "webhook-destination-change", destination.pk, data=changed)
    destination.refresh_from_db()
    assert destination.header_names == ["authorization"]
    post(staff, "webhook-destination-change", destination.pk, data={**changed, "keep_headers": ""})
    destination.refresh_from_db()
    assert (destination.header_names, destination.headers) == ([], None)
    assert "canary" not in page(staff, "webhook-destination-change", destination.pk)


def test_a_secret_is_rotated_and_shown_once(staff: Client, destination: WebhookDestination) -> None:
    old = str(destination.signing_secret.reveal())
    shown = post(staff, "webhook-destination-rotate", destination.pk)
    assert re.search(r"whsec_\S+", shown)
    destination.refresh_from_db()
    assert str(destination.previous_signing_secret.reveal()) == old


def test_a_test_is_sent_and_its_answer_shown(
    staff: Client, destination: WebhookDestination, receiver: Receiver
) -> None:
    receiver.answers = 503
    shown = post(staff, "webhook-destination-test", destination.pk)
    assert "503" in shown
    assert receiver.requests


def test_a_delivery_shows_its_attempts_and_is_sent_again(
    staff: Client, destination: WebhookDestination, endpoint: WebhookEndpoint, receiver: Receiver
) -> None:
    update_destination(destination, retry_policy={"schedule": []})
    planted = plant_deliveries(endpoint, destination, 3)
    receiver.answers = 500
    for _ in planted:
        drain()
    shown = page(staff, "webhook-delivery", planted[0].pk)
    assert "The receiver answered 500." in shown
    assert "Attempt 1" in shown
    post(staff, "webhook-delivery-retry", planted[0].pk)
    assert WebhookDelivery.objects.filter(status="pending").count() == 1
    post(staff, "webhook-destination-retry", destination.pk, data={"delivery": [str(planted[1].pk), "x"]})
    assert WebhookDelivery.objects.filter(status="pending").count() == 2
    post(staff, "webhook-destination-retry", destination.pk, data={"all": "1"})
    assert WebhookDelivery.objects.filter(status="pending").count() == 3
    receiver.answers = 204
    drain()
    log = page(staff, "webhook-destination", destination.pk, status="delivered")
    assert str(planted[0].pk) in log
    assert str(planted[0].pk) not in page(staff, "webhook-destination", destination.pk, status="failed")


def test_what_cannot_be_sent_again_is_not_offered_to_be_chosen(
    staff: Client, connection: Connection, destination: WebhookDestination, endpoint: WebhookEndpoint
) -> None:
    plant_deliveries(endpoint, destination, 1)
    WebhookDelivery.objects.update(status="failed")
    assert 'name="delivery"' in page(staff, "webhook-destination", destination.pk)
    viewer = signed_in(connection.organization, Membership.Role.VIEWER)
    assert 'name="delivery"' not in page(viewer, "webhook-destination", destination.pk)
    disable_destination(destination)
    assert 'name="delivery"' not in page(staff, "webhook-destination", destination.pk)


def test_nothing_chosen_sends_nothing_again(
    staff: Client, destination: WebhookDestination, endpoint: WebhookEndpoint
) -> None:
    plant_deliveries(endpoint, destination, 1)
    WebhookDelivery.objects.update(status="failed")
    assert "First choose" in post(staff, "webhook-destination-retry", destination.pk)
    assert WebhookDelivery.objects.get().status == "failed"


def test_one_that_is_off_says_why_and_is_switched_on(staff: Client, destination: WebhookDestination) -> None:
    disable_destination(destination)
    assert "Switched off by hand" in page(staff, "webhook-destination", destination.pk)
    for is_active in (True, True, False, False):  # pressed twice, or on a page that is out of date
        post(staff, "webhook-destination-toggle", destination.pk, data={"active": str(int(is_active))})
        destination.refresh_from_db()
        assert destination.is_active is is_active


def test_an_event_s_page_lists_where_it_went(
    staff: Client, destination: WebhookDestination, arrive: Callable[..., Any]
) -> None:
    event = arrive()
    assert "Forwarded to" in page(staff, "webhook-event", event.pk)


def test_a_viewer_sees_and_changes_nothing(
    connection: Connection, destination: WebhookDestination, endpoint: WebhookEndpoint
) -> None:
    viewer = signed_in(connection.organization, Role.VIEWER)
    test_url = reverse("webhook-destination-test", args=[destination.pk])
    assert test_url not in page(viewer, "webhook-destination", destination.pk)
    assert test_url in page(signed_in(connection.organization, Role.STAFF), "webhook-destination", destination.pk)
    for name in ("change", "rotate", "toggle", "test", "delete", "retry"):
        assert viewer.post(reverse(f"webhook-destination-{name}", args=[destination.pk])).status_code == 403
    staff = signed_in(connection.organization, Role.STAFF)
    assert staff.post(reverse("webhook-destination-delete", args=[destination.pk])).status_code == 403
    administrator = signed_in(connection.organization, Role.ADMIN)
    assert administrator.post(reverse("webhook-destination-delete", args=[destination.pk])).status_code == 302
    assert not WebhookDestination.objects.exists()


def test_another_organization_s_destination_is_not_found(staff: Client, receiver: Receiver) -> None:
    theirs, _ = create_destination(ConnectionFactory().organization, url=receiver.url)
    for name in ("webhook-destination", "webhook-destination-change"):
        assert staff.get(reverse(name, args=[theirs.pk])).status_code == 404
    for name in ("rotate", "toggle", "test", "retry"):
        assert staff.post(reverse(f"webhook-destination-{name}", args=[theirs.pk])).status_code == 404
    assert str(theirs.pk) not in page(staff, "webhook-destinations")
    assert receiver.requests == []


def test_in_the_admin_secrets_only_go_in(connection: Connection) -> None:
    administrator = signed_in(connection.organization, Role.ADMIN)
    given = {
        "url": "https://hooks.example.com/", "form": "normalized", "max_concurrency": "8", "retry_policy": "{}",
        "new_headers": "X-Api-Key: canary-0-yellow",
    }  # fmt: skip
    shown = administrator.post(reverse("admin:webhooks_webhookdestination_add"), given, follow=True).content.decode()
    destination = WebhookDestination.objects.get()
    assert "whsec_" in shown
    assert (destination.organization, destination.header_names) == (connection.organization, ["x-api-key"])
    url = reverse("admin:webhooks_webhookdestination_change", args=[destination.pk])
    before = administrator.get(url).content.decode()
    assert "whsec_" not in before
    assert "canary" not in before
    secret = "whsec_" + "c2FtcGxlIHNlY3JldCBmb3IgdGVzdHMgb25seSBmb3I="
    administrator.post(url, {**given, "new_headers": "", "new_secret": secret, "is_active": "", "description": "Off"})
    destination.refresh_from_db()
    assert str(destination.signing_secret.reveal()) == secret
    assert (destination.is_active, destination.disabled_reason, destination.description) == (False, "by_hand", "Off")
    refused = administrator.post(url, {**given, "url": "https://127.0.0.1/", "new_headers": "Host: x"}).content.decode()
    assert "This header cannot be set: host." in refused


def test_strangers_are_sent_to_sign_in(destination: WebhookDestination) -> None:
    assert Client().get(reverse("webhook-destination", args=[destination.pk])).status_code == 302


def test_the_pauses_before_retries_are_told_in_words(staff: Client, destination: WebhookDestination) -> None:
    update_destination(destination, retry_policy={"schedule": [5, 90, 300, 7200, 86_400]})
    told = "5 seconds, 90 seconds, 5 minutes, 2 hours, 24 hours"
    assert told in page(staff, "webhook-destination", destination.pk)
    staff.cookies["django_language"] = "ar"
    assert "5 ثوان، 90 ثانية، 5 دقائق، ساعتان، 24 ساعة" in page(staff, "webhook-destination", destination.pk)


def test_the_kinds_of_provider_are_told_in_the_reader_s_language(
    staff: Client, destination: WebhookDestination
) -> None:
    update_destination(destination, provider_types=["payment", "shipping"])
    assert "Payment, Shipping" in page(staff, "webhook-destination", destination.pk)
    staff.cookies["django_language"] = "ar"
    assert "الدفع، الشحن" in page(staff, "webhook-destination", destination.pk)


def test_in_arabic_a_count_of_deliveries_reads_otherwise_than_the_state_of_one(
    staff: Client, destination: WebhookDestination, endpoint: WebhookEndpoint
) -> None:
    planted = plant_deliveries(endpoint, destination, 1)
    drain()
    staff.cookies["django_language"] = "ar"
    listed, shown = page(staff, "webhook-destinations"), page(staff, "webhook-delivery", planted[0].pk)
    assert [word in listed for word in ("المسلَّمة", "الفاشلة")] == [True, True]
    assert "تم التسليم" not in listed
    assert [word in shown for word in ("عملية التسليم", "سُلّمت في", "تم التسليم")] == [True, True, True]
    assert "التوصيل" not in shown


def test_the_kinds_of_provider_are_boxes_that_stay_checked(staff: Client) -> None:
    post(staff, "webhook-destination-new", data=FILLED)
    form = page(staff, "webhook-destination-change", WebhookDestination.objects.get().pk)
    boxes = re.findall(r'<input type="checkbox" name="provider_types"[^>]*>', form)
    assert [re.search(r'value="(\w+)"', box)[1] for box in boxes if "checked" in box] == ["payment"]
    assert len(boxes) > 5


def test_a_test_that_failed_is_not_offered_to_be_sent_again(
    staff: Client, destination: WebhookDestination, receiver: Receiver
) -> None:
    receiver.answers = 500
    post(staff, "webhook-destination-test", destination.pk)
    shown = page(staff, "webhook-destination", destination.pk)
    assert "hub.test" in shown
    assert 'name="delivery"' not in shown
