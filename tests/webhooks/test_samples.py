"""A test event takes the way of a genuine one, and moves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from integrations.errors import Conflict, NotSupported
from integrations.models import Connection, Payment
from integrations.providers.events import EventIdentity, EventType, NormalizedEvent
from integrations.providers.registry import get_provider
from integrations.providers.results import PaymentResult, PaymentStatus
from integrations.providers.signatures import BodyField, SharedToken
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, PaymentFactory
from webhooks.endpoints import create_endpoint, rotate_secret, set_active
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent
from webhooks.payloads import payload_of
from webhooks.replay import replay_event
from webhooks.samples import send_test_event
from webhooks.signals import event_processed
from webhooks.store import ReceivedEvent

from .outside import SignedJSON, WithCertificate, connect, deliver

OURS = [(slug, kind) for slug in ("stripe", "sandbox") for kind in get_provider(slug).event_types]


@pytest.fixture
def sandbox(db: None) -> WebhookEndpoint:
    return create_endpoint(ConnectionFactory(slug="sandbox", credentials={"api_key": "sk_sandbox_sample"}))[0]


@pytest.mark.django_db
@pytest.mark.parametrize(("slug", "kind"), OURS)
def test_each_type_has_a_sample_in_the_provider_s_shape(slug: str, kind: str) -> None:
    endpoint, _ = create_endpoint(ConnectionFactory(slug=slug))
    stored = WebhookEvent.objects.get(pk=send_test_event(endpoint, kind))
    assert (stored.event_type, stored.is_test, stored.signature_verified) == (kind, True, True)
    assert (bool(stored.subject), bool(stored.occurred_at), bool(stored.signature)) == (True, True, True)
    (told,) = get_provider(slug).parse_events(payload_of(stored), stored.headers)
    assert told.subject == stored.subject
    assert told.type is not EventType.UNKNOWN


@pytest.mark.django_db(transaction=True)
def test_each_is_processed_to_the_end_and_makes_no_payment() -> None:
    endpoints = {slug: create_endpoint(ConnectionFactory(slug=slug))[0] for slug in ("stripe", "sandbox")}
    for slug, kind in OURS:
        send_test_event(endpoints[slug], kind)
    assert drain() == len(OURS)
    statuses = set(WebhookEvent.objects.values_list("processing_status", flat=True))
    assert statuses == {WebhookEvent.Status.COMPLETED}
    assert not Payment.objects.exists()


def test_it_is_signed_by_the_secret_of_the_moment(endpoint: WebhookEndpoint) -> None:
    rotate_secret(endpoint, webhook_secret="whsec_renewed_sample")
    assert send_test_event(endpoint, "charge.captured")


def test_it_is_audited(endpoint: WebhookEndpoint) -> None:
    sent = send_test_event(endpoint, "charge.captured")
    entry = AuditLog.objects.get(action="webhook_endpoint.test_sent")
    assert entry.changes == {"event": str(sent), "event_type": "charge.captured", "signature_checked": True}


@pytest.mark.django_db(transaction=True)
def test_a_test_event_about_a_payment_that_there_is_changes_it_no_more(connection: Connection) -> None:
    endpoint, _ = create_endpoint(connection)
    sent = send_test_event(endpoint, "payment_intent.succeeded")
    subject = WebhookEvent.objects.get(pk=sent).subject
    payment = PaymentFactory(connection=connection, provider_reference=subject, status="pending", amount="10.00")
    assert drain() == 1
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == ("pending", 0)
    assert not payment.operations.filter(kind="event").exists()


SCHEMES = ("outside_json", "outside_form", "outside_batch", "outside_query", "outside_path", "outside_headers")


@pytest.mark.parametrize("slug", SCHEMES)
def test_it_goes_by_whatever_scheme_the_provider_has(slug: str, outside_providers: None) -> None:
    stored = WebhookEvent.objects.get(pk=send_test_event(connect(slug), "told"))
    assert (stored.event_type, stored.is_test) == ("told", True)


@pytest.fixture
def unsignable(outside_providers: None) -> WebhookEndpoint:
    """Of a provider that alone can sign its events."""
    endpoint: WebhookEndpoint = connect("outside_certificate")
    return endpoint


def test_what_only_the_provider_can_sign_is_stored_as_a_test_that_was_not_verified(unsignable: WebhookEndpoint) -> None:
    sent = send_test_event(unsignable, "told")
    stored = WebhookEvent.objects.get()
    assert (stored.pk, stored.event_type, stored.processing_status) == (sent, "told", "pending")
    assert (stored.is_test, stored.signature_verified, stored.signature) == (True, False, "")
    assert AuditLog.objects.get(action="webhook_endpoint.test_sent").changes["signature_checked"] is False


def test_a_scheme_that_cannot_sign_where_its_token_is_leaves_the_test_unsigned(
    outside_providers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = connect("outside_json")
    monkeypatch.setattr(SignedJSON, "signature", SharedToken(BodyField("deep.inside")))
    send_test_event(endpoint, "told")
    stored = WebhookEvent.objects.get()
    assert (stored.is_test, stored.signature_verified) == (True, False)


@pytest.mark.django_db(transaction=True)
def test_a_test_that_was_not_verified_is_processed_and_told_and_moves_no_money(
    outside_providers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = connect("outside_certificate")
    monkeypatch.setattr(WithCertificate, "parse_events", lambda self, payload, headers: [_paid(payload)])
    sent = send_test_event(endpoint, "told")
    subject = WebhookEvent.objects.get(pk=sent).subject
    payment = PaymentFactory(
        connection=endpoint.connection, provider_reference=subject, status="pending", amount="10.00"
    )
    told: list[dict[str, Any]] = []

    def listen(sender: object, body: dict[str, Any], **kwargs: object) -> None:
        told.append(body)

    event_processed.connect(listen)
    assert drain() == 1
    replay_event(WebhookEvent.objects.get(pk=sent))
    assert drain() == 1
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == ("pending", 0)
    assert not payment.operations.filter(kind="event").exists()
    assert WebhookEvent.objects.get().processing_status == WebhookEvent.Status.COMPLETED
    assert [(body["type"], body["is_test"]) for body in told] == [("payment.captured", True)] * 2


def _paid(payload: Mapping[str, Any]) -> NormalizedEvent:
    paid = PaymentResult(str(payload["thing"]), PaymentStatus.CAPTURED, Decimal("10.00"), "AED", Decimal("10.00"))
    return NormalizedEvent(EventType.PAYMENT_CAPTURED, paid.provider_reference, payment=paid)


def test_only_a_test_may_be_stored_unverified(endpoint: WebhookEndpoint) -> None:
    identity = EventIdentity("evt_1", "charge.captured")
    with pytest.raises(ValueError, match="test"):
        ReceivedEvent(endpoint.organization_id, endpoint.pk, identity, b"{}", {}, "", signature_verified=False)


def test_nobody_outside_can_send_what_a_test_sends_unsigned(unsignable: WebhookEndpoint) -> None:
    send_test_event(unsignable, "told")
    sent = WebhookEvent.objects.get()
    body = bytes(sent.raw_body or b"").replace(b"evt_test", b"evt_forged")
    assert deliver(unsignable, body, headers=sent.headers).status_code == 401
    assert WebhookEvent.objects.count() == 1


def test_a_type_without_a_sample_cannot_be_tried(endpoint: WebhookEndpoint, sandbox: WebhookEndpoint) -> None:
    for one in (endpoint, sandbox):
        with pytest.raises(NotSupported, match=r"no sample of customer\.created"):
            send_test_event(one, "customer.created")
    assert not WebhookEvent.objects.exists()


def test_an_address_that_is_switched_off_cannot_be_tried(endpoint: WebhookEndpoint) -> None:
    set_active(endpoint, active=False)
    with pytest.raises(Conflict):
        send_test_event(endpoint, "charge.captured")


def test_an_address_that_another_process_switched_on_can_be_tried_at_once(endpoint: WebhookEndpoint) -> None:
    set_active(endpoint, active=False)
    assert deliver(endpoint).status_code == 404  # this process has looked
    WebhookEndpoint.objects.update(is_active=True)
    assert send_test_event(endpoint, "charge.captured")


def test_an_address_whose_secret_is_still_to_come_cannot_be_tried(connection: Connection) -> None:
    awaiting, _ = create_endpoint(connection, secret_follows=True)
    with pytest.raises(Conflict, match="secret is missing"):
        send_test_event(awaiting, "charge.captured")


def test_nobody_outside_can_call_an_event_a_test(endpoint: WebhookEndpoint) -> None:
    from .stripe_sender import event, post

    body: Any = event()
    post(f"/webhooks/{endpoint.pk}/", body, User_Agent="Hub test event", X_Hub_Test="true")
    assert not WebhookEvent.objects.get().is_test
