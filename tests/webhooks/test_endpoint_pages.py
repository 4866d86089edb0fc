"""The pages of an address: made, changed, paused, tried by a test event."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection
from tests.factories import ConnectionFactory
from tests.operations.stripe_wire import stripe_wire
from webhooks.endpoints import create_endpoint
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent
from webhooks.tallies import DayCounts, Ended, count_ended, counts_of_a_day, hours_of

from .event_pages import NEW, shown, store
from .stripe_sender import SECRET


def test_a_new_address_shows_its_secret_once(administrator: Client, connection: Connection) -> None:
    response = administrator.post(reverse("webhook-endpoint-new"), {**NEW, "connection": connection.pk})
    endpoint = WebhookEndpoint.objects.get()
    secret = endpoint.webhook_secret.reveal()
    assert response.status_code == 200
    assert secret in response.content.decode()
    assert endpoint.webhook_url in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    assert endpoint.event_types == ["charge.refunded", "charge.captured", "customer.created"]
    assert secret not in administrator.get(reverse("webhook-endpoint", args=[endpoint.pk])).content.decode()


def test_a_secret_that_was_given_is_never_shown(administrator: Client, connection: Connection) -> None:
    given = {**NEW, "connection": connection.pk, "webhook_secret": SECRET}
    assert SECRET not in administrator.post(reverse("webhook-endpoint-new"), given).content.decode()
    assert WebhookEndpoint.objects.get().webhook_secret.reveal() == SECRET


@pytest.mark.parametrize(
    "wrong",
    [
        {"others": "x" * 101},
        {"scope": "some", "picked": [], "others": ""},
        {"scope": "none"},
        {"webhook_secret": "a\x00b"},
        {"connection": "1"},
    ],
)
def test_a_new_address_that_cannot_be_is_refused(
    administrator: Client, connection: Connection, wrong: dict[str, str]
) -> None:
    response = administrator.post(reverse("webhook-endpoint-new"), {**NEW, "connection": connection.pk, **wrong})
    assert response.status_code == 400
    assert not WebhookEndpoint.objects.exists()


def test_no_address_is_made_for_another_s_connection(administrator: Client) -> None:
    foreign = ConnectionFactory()
    response = administrator.post(reverse("webhook-endpoint-new"), {**NEW, "connection": foreign.pk})
    assert response.status_code == 400
    assert not WebhookEndpoint.objects.exists()


def test_an_address_is_switched_off_and_on(administrator: Client, endpoint: WebhookEndpoint) -> None:
    shown = reverse("webhook-endpoint", args=[endpoint.pk])
    for is_active in (False, False, True, True):  # pressed twice, or on a page that is out of date
        wanted = {"active": str(int(is_active))}
        response = administrator.post(reverse("webhook-endpoint-toggle", args=[endpoint.pk]), wanted)
        assert response.status_code == 302
        assert f'name="active" value="{int(not is_active)}"' in " ".join(administrator.get(shown).text.split())
        endpoint.refresh_from_db()
        assert endpoint.is_active is is_active


def test_a_new_secret_is_shown_once(administrator: Client, endpoint: WebhookEndpoint, settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with stripe_wire() as wire:
        Connection.objects.filter(pk=endpoint.connection_id).update(configuration={"base_url": wire.url})
        text = administrator.post(reverse("webhook-endpoint-rotate", args=[endpoint.pk])).content.decode()
    endpoint.refresh_from_db()
    assert endpoint.webhook_secret.reveal() in text
    assert SECRET not in text
    assert endpoint.previous_webhook_secret is not None


def test_a_test_event_is_sent_signed(staff: Client, endpoint: WebhookEndpoint) -> None:
    page = staff.get(reverse("webhook-endpoint", args=[endpoint.pk])).content.decode()
    assert "signed as it signs" in page
    assert "skips the signature" not in page
    asked = {"event_type": "charge.captured"}
    sent = staff.post(reverse("webhook-endpoint-test", args=[endpoint.pk]), asked, follow=True).content.decode()
    assert "was signed, verified and stored" in sent
    assert ("Signature verified" in sent, "Signature not checked" in sent) == (True, False)


def test_a_test_event_that_only_the_provider_could_sign_says_that_it_skipped_the_signature(
    staff: Client, connection: Connection, outside_providers: None
) -> None:
    theirs = ConnectionFactory(organization=connection.organization, slug="outside_certificate")
    endpoint, _ = create_endpoint(theirs, webhook_secret=SECRET)
    page = staff.get(reverse("webhook-endpoint", args=[endpoint.pk])).content.decode()
    assert "Only Names its certificate by address itself can sign its events" in page
    assert "signed as it signs" not in page
    asked = {"event_type": "told"}
    sent = staff.post(reverse("webhook-endpoint-test", args=[endpoint.pk]), asked, follow=True).content.decode()
    assert "It skipped the signature, which was not checked." in sent
    assert ("Signature verified" in sent, "Signature not checked" in sent) == (False, True)
    dry_run = staff.get(reverse("webhook-event-rehearsal", args=[WebhookEvent.objects.get().pk])).content.decode()
    assert "Nothing: it is a test event." in dry_run


def test_the_events_to_pick_from_are_those_of_the_chosen_provider(
    administrator: Client, connection: Connection
) -> None:
    sandbox = ConnectionFactory(organization=connection.organization, slug="sandbox")
    for chosen, offered in ((connection, "charge.dispute.created"), (sandbox, "payment.authorised")):
        choices = choices_of(administrator, chosen.pk)
        assert offered in choices
    assert "charge.dispute.created" not in choices
    assert "hub-mono" not in choices_of(administrator, uuid4())


def choices_of(client: Client, connection: UUID) -> str:
    headers = {"HX-Request": "true"}
    return client.get(reverse("webhook-event-choices"), {"connection": connection}, headers=headers).content.decode()


def test_the_events_of_an_address_are_chosen_again(administrator: Client, endpoint: WebhookEndpoint) -> None:
    edit = reverse("webhook-endpoint-edit", args=[endpoint.pk])
    picked = {"scope": "some", "picked": ["charge.refunded"], "others": "customer.created"}
    assert administrator.post(edit, {**picked, "picked": [], "others": ""}).status_code == 400
    assert administrator.post(edit, picked).status_code == 302
    endpoint.refresh_from_db()
    assert endpoint.event_types == ["charge.refunded", "customer.created"]
    assert 'value="customer.created"' in administrator.get(edit).content.decode()
    administrator.post(edit, {"scope": "all", "others": "customer.created"})
    endpoint.refresh_from_db()
    assert endpoint.event_types == []


def test_an_address_shows_what_became_of_its_events_hour_by_hour(staff: Client, endpoint: WebhookEndpoint) -> None:
    now = timezone.now()
    ended = Ended(endpoint.organization_id, endpoint.pk, now, succeeded=True)
    count_ended([ended, ended, replace(ended, succeeded=False)])
    count_ended([ended])
    text = shown(staff)
    assert hours_of([endpoint.pk])[endpoint.pk][-1] == (3, 1)
    assert text.count("hub-sparkline__good") == text.count("hub-sparkline__bad") == 1
    assert counts_of_a_day(endpoint.organization_id) == DayCounts(succeeded=3, failed=1, waiting=0)
    endpoint.refresh_from_db()
    assert (endpoint.total_triggers, endpoint.success_count, endpoint.failure_count) == (4, 3, 1)
    assert endpoint.last_triggered == now


@pytest.mark.django_db(transaction=True)
def test_a_paused_address_holds_its_events_until_it_goes_on(administrator: Client, endpoint: WebhookEndpoint) -> None:
    pause = reverse("webhook-endpoint-pause", args=[endpoint.pk])
    for _ in range(2):
        administrator.post(pause, {"paused": "1"})
    assert "Paused" in administrator.get(reverse("webhook-endpoint", args=[endpoint.pk])).content.decode()
    held = store(endpoint, "evt_held")
    drain()
    held.refresh_from_db()
    assert (held.processing_status, held.next_attempt_at) == ("pending", None)
    administrator.post(pause, {"paused": "0"})
    drain()
    held.refresh_from_db()
    assert held.processing_status in {"completed", "failed"}


@pytest.mark.django_db(transaction=True)
def test_a_test_event_is_sent_from_the_page_and_its_story_is_told(
    administrator: Client, viewer: Client, endpoint: WebhookEndpoint
) -> None:
    send = reverse("webhook-endpoint-test", args=[endpoint.pk])
    assert (
        'value="charge.refunded"' in administrator.get(reverse("webhook-endpoint", args=[endpoint.pk])).content.decode()
    )
    assert viewer.post(send, {"event_type": "charge.refunded"}).status_code == 403
    shown_next = administrator.post(send, {"event_type": "charge.refunded"})
    sent = WebhookEvent.objects.get()
    assert (sent.is_test, shown_next["Location"]) == (True, reverse("webhook-event", args=[sent.pk]))
    drain()
    text = administrator.get(shown_next["Location"]).content.decode()
    for told in ("Test event", "Attempt 1", "Completed"):
        assert told in text
    administrator.post(send, {"event_type": "no.such.type"})
    assert WebhookEvent.objects.count() == 1


def test_two_addresses_of_a_provider_are_told_apart(administrator: Client, endpoint: WebhookEndpoint) -> None:
    Connection.objects.filter(pk=endpoint.connection_id).update(connection_name="Mall of the Emirates")
    for name in ("webhook-endpoint", "webhook-endpoint-edit"):
        shown = administrator.get(reverse(name, args=[endpoint.pk])).content.decode()
        assert "<bdi>Mall of the Emirates</bdi>" in shown
