"""The pages under /integrations/webhooks/, as people of different roles see them."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection, Membership, Organization
from integrations.models.base import first_uuid7
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, MembershipFactory
from tests.operations.stripe_wire import stripe_wire
from webhooks.endpoints import create_endpoint
from webhooks.inbox import drain
from webhooks.models import WebhookAccessLog, WebhookEndpoint, WebhookEvent
from webhooks.tallies import DayCounts, Ended, count_ended, counts_of_a_day, hours_of

from .stripe_sender import SECRET

Role = Membership.Role


def signed_in(organization: Organization, role: str) -> Client:
    client = Client()
    client.force_login(MembershipFactory(organization=organization, role=role).user)
    return client


@pytest.fixture
def staff(connection: Connection) -> Client:
    return signed_in(connection.organization, Role.STAFF)


@pytest.fixture
def administrator(connection: Connection) -> Client:
    return signed_in(connection.organization, Role.ADMIN)


@pytest.fixture
def viewer(connection: Connection) -> Client:
    return signed_in(connection.organization, Role.VIEWER)


@pytest.fixture
def received(endpoint: WebhookEndpoint) -> WebhookEvent:
    return store(endpoint, "evt_ours", raw_body=b'{"id": "evt_ours", "note": "<b>bold</b> \\u0645"}')


def store(endpoint: WebhookEndpoint, event_id: str, event_type: str = "charge.captured", **fields: Any) -> WebhookEvent:
    return WebhookEvent.objects.create(
        organization=endpoint.organization, webhook_endpoint=endpoint, event_id=event_id, event_type=event_type,
        **{"raw_body": b"{}", "signature_verified": True, **fields},
    )  # fmt: skip


@pytest.fixture
def theirs(db: None) -> WebhookEvent:
    endpoint, _ = create_endpoint(ConnectionFactory(connection_name="Theirs"), webhook_secret=SECRET)
    return store(endpoint, "evt_theirs")


def shown(client: Client, **query: Any) -> str:
    response = client.get(reverse("webhooks"), query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_list_shows_addresses_and_events_of_ours_alone(
    staff: Client, endpoint: WebhookEndpoint, received: WebhookEvent, theirs: WebhookEvent
) -> None:
    text = shown(staff)
    assert endpoint.connection.connection_name in text
    assert "evt_ours" in text
    assert "evt_theirs" not in text
    assert "Theirs" not in text
    assert SECRET not in text


def test_the_empty_list_says_what_to_do(staff: Client) -> None:
    assert "No webhook address yet" in shown(staff)


def test_events_are_found_by_what_is_known_of_them(
    staff: Client, endpoint: WebhookEndpoint, received: WebhookEvent
) -> None:
    store(endpoint, "evt_failed", "payment_intent.canceled", processing_status="failed")
    WebhookEvent.objects.filter(event_id="evt_failed").update(subject="pi_1", error_message="It was declined.")
    by_text = ({"q": "evt_failed"}, {"q": "payment_intent"}, {"q": "pi_1"}, {"q": "declined"})
    for query in (*by_text, {"status": "failed"}, {"type": "payment_intent.canceled"}):
        text = shown(staff, **query)
        assert ("evt_failed" in text, "evt_ours" in text) == (True, False)
    both = shown(staff, endpoint=endpoint.pk, connection=endpoint.connection_id)
    assert "evt_failed" in both
    assert "evt_ours" in both
    assert "evt_ours" not in shown(staff, endpoint=uuid4())
    assert "evt_ours" in shown(staff, period="1h")


@pytest.mark.parametrize(
    "query",
    [{"status": "nonsense"}, {"q": "\x00"}, {"q": "x" * 300}, {"endpoint": "'"}, {"connection": "1"}, {"replay": "1"},
     {"type": "x" * 101}, {"period": "1y"}, {"q": "%"}],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_shows_no_events(
    staff: Client, received: WebhookEvent, query: dict[str, str]
) -> None:
    text = shown(staff, **query)
    assert "evt_ours" not in text
    assert ('role="alert"' in text) == (query != {"q": "%"})


def test_a_place_in_the_list_that_is_none_is_its_beginning(staff: Client, received: WebhookEvent) -> None:
    assert "evt_ours" in shown(staff, before="nonsense")


def test_events_are_found_by_the_time_of_their_arrival(staff: Client, endpoint: WebhookEndpoint) -> None:
    for hour in (5, 6, 7):
        moment = datetime(2026, 2, 1, hour, 5, tzinfo=UTC)
        store(endpoint, f"evt_at_{hour}", id=first_uuid7(moment), received_at=moment)
    text = shown(staff, since="01/02/2026 10:00", until="01/02/2026 11:05")
    assert [f"evt_at_{hour}" in text for hour in (5, 6, 7)] == [False, True, False]
    replayed = re.search(r'id="replay".*?</form>', text, re.DOTALL)
    assert replayed
    assert 'name="since" value="2026-02-01T10:00:00+04:00"' in replayed[0]
    assert 'name="until" value="2026-02-01T11:05:00+04:00"' in replayed[0]


@pytest.mark.parametrize("name", ["since", "until"])
def test_a_time_that_is_none_shows_no_events_and_says_so(staff: Client, received: WebhookEvent, name: str) -> None:
    for headers in ({}, {"HX-Request": "true"}):
        text = staff.get(reverse("webhooks"), {name: "31/02/2026 10:00"}, headers=headers).content.decode()
        assert "Write the day and time as DD/MM/YYYY HH:MM" in text
        assert "evt_ours" not in text


def test_older_events_are_a_link_away(staff: Client, endpoint: WebhookEndpoint) -> None:
    for number in range(60):
        store(endpoint, f"evt_{number:02}")
    first = staff.get(reverse("webhooks"))
    assert "evt_59" in first.content.decode()
    assert "evt_09" not in first.content.decode()
    last = first.context["events"][-1]
    older = shown(staff, before=last.pk)
    assert "evt_09" in older
    assert "evt_59" not in older


def test_htmx_gets_the_events_alone(staff: Client, received: WebhookEvent) -> None:
    response = staff.get(reverse("webhooks"), headers={"HX-Request": "true"})
    text = response.content.decode()
    assert "evt_ours" in text
    assert text.lstrip().startswith("<section")
    assert "<html" not in text


def test_the_event_s_page_shows_an_outline_which_is_no_reading(staff: Client, received: WebhookEvent) -> None:
    text = staff.get(reverse("webhook-event", args=[received.pk])).content.decode()
    assert "evt_ours" in text
    assert "[13 characters]" in text
    assert "&gt;bold&lt;" not in text
    assert not WebhookAccessLog.objects.exists()


def test_a_compressed_body_is_shown_as_text(staff: Client, endpoint: WebhookEndpoint) -> None:
    packed = store(
        endpoint, "evt_packed", raw_body=gzip.compress(b'{"name": "Mariam"}'), headers={"content-encoding": "gzip"}
    )
    asked = {"reason": "a complaint", "action": "read"}
    assert "Mariam" in staff.post(reverse("webhook-event-body", args=[packed.pk]), asked).text


@pytest.mark.parametrize("body", [b"\xff\x00not json", b"", None, b"[" * 5000, b"9" * 5000, b'{"name": "a\\ud800b"}'])
def test_a_body_of_any_kind_can_be_shown(staff: Client, endpoint: WebhookEndpoint, body: bytes | None) -> None:
    event = store(endpoint, "evt_odd", raw_body=body)
    assert staff.get(reverse("webhook-event", args=[event.pk])).status_code == 200


def test_the_list_and_the_replay_read_no_body(staff: Client, received: WebhookEvent) -> None:
    shown(staff)
    staff.post(reverse("webhook-event-replay", args=[received.pk]))
    assert not WebhookAccessLog.objects.exists()


def test_an_event_is_replayed(staff: Client, received: WebhookEvent) -> None:
    WebhookEvent.objects.update(processing_status="failed", next_attempt_at=None, error_message="No.", retry_count=8)
    response = staff.post(reverse("webhook-event-replay", args=[received.pk]))
    assert (response.status_code, response["Location"]) == (302, reverse("webhook-event", args=[received.pk]))
    received.refresh_from_db()
    assert (received.processing_status, received.retry_count, received.error_message) == ("pending", 0, "")
    assert received.next_attempt_at is not None
    assert AuditLog.objects.get(action="webhook_event.replayed").actor


NEW = {"scope": "some", "picked": ["charge.refunded"], "others": "charge.captured, customer.created"}


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


READS = ["webhook-event", "webhook-endpoint"]
WRITES = [
    "webhook-event-body", "webhook-event-replay", "webhook-endpoint-toggle", "webhook-endpoint-rotate",
    "webhook-endpoint-test",
]  # fmt: skip


def address(name: str, event: WebhookEvent) -> str:
    return reverse(name, args=[event.pk if "event" in name else event.webhook_endpoint_id])


def state(event: WebhookEvent) -> tuple[Any, Any]:
    endpoints = WebhookEndpoint.objects.filter(pk=event.webhook_endpoint_id).values("is_active", "updated_at")
    return list(endpoints), list(
        WebhookEvent.objects.filter(pk=event.pk).values("processing_status", "next_attempt_at")
    )


@pytest.mark.parametrize("name", READS)
def test_a_viewer_may_look(viewer: Client, received: WebhookEvent, name: str) -> None:
    assert viewer.get(address(name, received)).status_code == 200


@pytest.mark.parametrize("name", WRITES)
def test_a_viewer_may_change_nothing(viewer: Client, received: WebhookEvent, name: str) -> None:
    before = state(received)
    assert viewer.post(address(name, received)).status_code == 403
    assert state(received) == before


def test_a_viewer_makes_no_address(viewer: Client, connection: Connection) -> None:
    assert viewer.get(reverse("webhook-endpoint-new")).status_code == 403
    assert viewer.post(reverse("webhook-endpoint-new"), {**NEW, "connection": connection.pk}).status_code == 403
    assert not WebhookEndpoint.objects.exists()


def test_a_viewer_is_offered_no_button(viewer: Client, received: WebhookEvent) -> None:
    text = shown(viewer) + "".join(viewer.get(address(name, received)).content.decode() for name in READS)
    assert not [name for name in WRITES if address(name, received) in text]
    assert reverse("webhook-endpoint-new") not in text


@pytest.mark.parametrize("name", [*READS, *WRITES])
def test_what_is_another_organizations_is_not_found(administrator: Client, theirs: WebhookEvent, name: str) -> None:
    before = state(theirs)
    call = administrator.get if name in READS else administrator.post
    assert call(address(name, theirs)).status_code == 404
    assert state(theirs) == before
    assert not WebhookAccessLog.objects.exists()


@pytest.mark.parametrize("name", [*READS, *WRITES])
def test_strangers_are_sent_to_sign_in(received: WebhookEvent, name: str) -> None:
    call = Client().get if name in READS else Client().post
    response = call(address(name, received))
    assert response.status_code == 302
    assert "login" in response["Location"]
    assert not WebhookAccessLog.objects.exists()


@pytest.mark.parametrize("name", WRITES)
def test_nothing_changes_by_a_link_or_without_a_csrf_token(received: WebhookEvent, name: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(MembershipFactory(organization=received.organization, role=Role.ADMIN).user)
    before = state(received)
    assert client.get(address(name, received)).status_code == 405
    assert client.post(address(name, received)).status_code == 403
    assert state(received) == before


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


def test_attempts_are_told_to_the_second(staff: Client, endpoint: WebhookEndpoint) -> None:
    attempts = [
        {"at": f"2026-11-26T20:53:{second}+00:00", "status": "retrying", "error": "Not yet.", "duration_ms": 4}
        for second in ("27", "56")
    ]
    event = store(endpoint, "evt_tried", attempts=attempts)
    shown = staff.get(reverse("webhook-event", args=[event.pk])).content.decode()
    assert [moment in shown for moment in ("27/11/2026 00:53:27<", "27/11/2026 00:53:56<")] == [True, True]
