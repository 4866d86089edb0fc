"""What happened to a payment: its own calls and events in the order of time, and nobody else's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection, Membership, Organization, Payment, PaymentOperation, User
from integrations.models.base import first_uuid7
from integrations.operations.announce import record_action
from integrations.request_id import Origin, originating
from monitoring.models import CallLog
from monitoring.payment_trail import trail_of
from tests.factories import ConnectionFactory, MembershipFactory, OrganizationFactory, PaymentFactory, UserFactory
from webhooks.endpoints import create_endpoint
from webhooks.models import WebhookEndpoint, WebhookEvent

pytestmark = pytest.mark.django_db
REFERENCE = "pi_3QsampleOfOurs"
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory()


@pytest.fixture
def connection(organization: Organization) -> Connection:
    return ConnectionFactory(organization=organization)


@pytest.fixture
def payment(connection: Connection) -> Payment:
    """Created by a shop's program under the request id `shop-request`."""
    payment: Payment = PaymentFactory(connection=connection, provider_reference=REFERENCE)
    PaymentOperation.objects.create(organization=payment.organization, payment=payment, kind="create")
    asked(payment, "payment.created", "shop-request", actor="token shop")
    return payment


def asked(payment: Payment, action: str, request_id: str, *, actor: str, **changes: Any) -> None:
    with originating(Origin(request_id=request_id, actor=actor)):
        record_action(action, payment, changes)


def call(
    connection: Connection, endpoint: str, *, request_id: str = "", body: str = "", at: datetime | None = None
) -> CallLog:
    return CallLog.objects.create(
        organization_id=connection.organization_id, connection=connection, log_type=CallLog.Type.API_RESPONSE,
        method="POST", endpoint=endpoint, request_body=body, response_status=200, response_time_ms=12,
        request_id=request_id, created_at=at or timezone.now(),
    )  # fmt: skip


def event(endpoint: WebhookEndpoint, subject: str = REFERENCE, *, at: datetime | None = None, **fields: Any) -> None:
    moment = at or timezone.now()
    count = WebhookEvent.objects.count()
    WebhookEvent.objects.create(
        pk=first_uuid7(moment).__class__(int=first_uuid7(moment).int + count), organization_id=endpoint.organization_id,
        webhook_endpoint=endpoint, event_id=f"evt_{count}", event_type="charge.captured", subject=subject,
        signature_verified=True, received_at=moment, **fields,
    )  # fmt: skip


def endpoints_called(payment: Payment) -> list[str]:
    trail = trail_of(payment, calls=True, events=True, actors=True)
    return [step.row.endpoint for step in trail.steps if step.kind == "call"]


def test_the_calls_of_the_request_that_created_it_are_its_own(payment: Payment, connection: Connection) -> None:
    call(connection, "https://api.stripe.com/v1/payment_intents", request_id="shop-request")
    call(connection, "https://api.stripe.com/v1/others", request_id="another-request")
    assert endpoints_called(payment) == ["https://api.stripe.com/v1/payment_intents"]


def test_so_are_those_to_a_connection_that_was_tried_before(payment: Payment, connection: Connection) -> None:
    first = ConnectionFactory(organization=payment.organization)
    call(first, "https://first.example.com/charge", request_id="shop-request")
    assert endpoints_called(payment) == []
    payment.attempts = [{"connection": str(first.pk), "outcome": "failed"}]
    assert endpoints_called(payment) == ["https://first.example.com/charge"]


def test_a_request_id_that_a_caller_gave_to_many_payments_proves_nothing(
    payment: Payment, connection: Connection
) -> None:
    other = PaymentFactory(connection=connection, provider_reference="pi_3QanothersSample")
    asked(other, "payment.created", "shop-request", actor="token shop")
    call(connection, "https://api.stripe.com/v1/payment_intents", request_id="shop-request", body="of the other")
    call(connection, f"https://api.stripe.com/v1/payment_intents/{REFERENCE}/capture", request_id="shop-request")
    assert endpoints_called(payment) == [f"https://api.stripe.com/v1/payment_intents/{REFERENCE}/capture"]


def test_a_sweep_s_call_is_its_own_where_its_reference_was_called(payment: Payment, connection: Connection) -> None:
    asked(payment, "payment.sync", "sweep", actor="system")
    call(connection, f"https://api.stripe.com/v1/payment_intents/{REFERENCE}", request_id="sweep")
    call(connection, "https://api.example.com/lookup", request_id="sweep", body=f'{{"id": "{REFERENCE}"}}')
    call(connection, "https://api.stripe.com/v1/payment_intents/pi_3QanothersSample", request_id="sweep")
    assert sorted(endpoints_called(payment)) == [
        "https://api.example.com/lookup",
        f"https://api.stripe.com/v1/payment_intents/{REFERENCE}",
    ]


def test_a_short_reference_is_not_looked_for_in_others_calls(payment: Payment, connection: Connection) -> None:
    payment.provider_reference = "12"
    asked(payment, "payment.sync", "sweep", actor="system")
    call(connection, "https://api.example.com/payments/9912", request_id="sweep")
    assert endpoints_called(payment) == []


def test_calls_of_another_time_and_of_another_organization_are_not_found(
    payment: Payment, connection: Connection
) -> None:
    call(connection, "https://late.example.com/", request_id="shop-request", at=timezone.now() + timedelta(hours=3))
    theirs = ConnectionFactory()
    call(theirs, f"https://theirs.example.com/{REFERENCE}", request_id="shop-request")
    payment.attempts = [{"connection": str(theirs.pk), "outcome": "failed"}]
    assert endpoints_called(payment) == []


def test_events_about_it_are_found_and_no_others(payment: Payment, connection: Connection) -> None:
    endpoint, _ = create_endpoint(connection, webhook_secret="whsec_sample_not_a_secret")
    event(endpoint)
    event(endpoint, "pi_3QanothersSample")
    event(endpoint, is_test=True)
    event(endpoint, at=timezone.now() + timedelta(days=3))
    elsewhere, _ = create_endpoint(ConnectionFactory(), webhook_secret="whsec_sample_not_a_secret")
    event(elsewhere)
    steps = trail_of(payment, calls=True, events=True, actors=True).steps
    assert [step.row.subject for step in steps if step.kind == "event"] == [REFERENCE]


def test_an_event_that_waited_before_it_was_applied_is_found(payment: Payment, connection: Connection) -> None:
    endpoint, _ = create_endpoint(connection, webhook_secret="whsec_sample_not_a_secret")
    applied = timezone.now() + timedelta(days=2)
    told = PaymentOperation.objects.create(organization=payment.organization, payment=payment, kind="event")
    PaymentOperation.objects.filter(pk=told.pk).update(created_at=applied)
    event(endpoint, at=applied - timedelta(minutes=40))
    steps = trail_of(payment, calls=True, events=True, actors=True).steps
    assert [step.kind for step in steps] == ["operation", "event", "operation"]


def test_all_is_in_the_order_of_time_newest_first(payment: Payment, connection: Connection) -> None:
    call(
        connection, "https://api.stripe.com/v1/1", request_id="shop-request", at=timezone.now() - timedelta(seconds=30)
    )
    call(
        connection, "https://api.stripe.com/v1/2", request_id="shop-request", at=timezone.now() + timedelta(seconds=30)
    )
    steps = trail_of(payment, calls=True, events=True, actors=True).steps
    assert [step.kind for step in steps] == ["call", "operation", "call"]
    assert [step.at for step in steps] == sorted((step.at for step in steps), reverse=True)


def test_who_asked_for_what_is_told_to_those_who_may_read_the_audit_log(payment: Payment) -> None:
    refund = PaymentOperation.objects.create(organization=payment.organization, payment=payment, kind="refund")
    asked(payment, "payment.refund", "desk-request", actor="cashier", operation=str(refund.pk))
    told = {step.row.kind: step.by for step in trail_of(payment, calls=True, events=True, actors=True).steps}
    assert told == {"create": "token shop", "refund": "cashier"}
    assert {step.by for step in trail_of(payment, calls=True, events=True, actors=False).steps} == {""}


def test_little_is_read_however_long_the_story(
    payment: Payment, connection: Connection, django_assert_max_num_queries: Any
) -> None:
    create_endpoint(connection, webhook_secret="whsec_sample_not_a_secret")
    for number in range(60):
        asked(payment, "payment.sync", f"request-{number}", actor="admin")
    PaymentOperation.objects.bulk_create(
        PaymentOperation(organization=payment.organization, payment=payment, kind="sync") for _ in range(250)
    )
    with django_assert_max_num_queries(6):
        trail = trail_of(payment, calls=True, events=True, actors=True)
    assert trail.is_cut
    assert len(trail.steps) == 200


def page_of(payment: Payment, user: User) -> str:
    client = Client()
    client.force_login(user)
    answer = client.get(reverse("payment-trail", args=[payment.pk]), headers=FRAGMENT)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_shows_calls_and_events_with_links(payment: Payment, connection: Connection) -> None:
    endpoint, _ = create_endpoint(connection, webhook_secret="whsec_sample_not_a_secret")
    logged = call(connection, "https://api.stripe.com/v1/payment_intents", request_id="shop-request")
    event(endpoint)
    member = MembershipFactory(organization=payment.organization, role=Membership.Role.VIEWER).user
    text = page_of(payment, member)
    assert reverse("log", args=[logged.pk]) in text
    assert reverse("webhook-event", args=[WebhookEvent.objects.get().pk]) in text
    assert "token shop" not in text
    assert "token shop" in page_of(payment, MembershipFactory(organization=payment.organization, role="admin").user)


def test_what_a_call_asked_for_is_shown_to_its_end(payment: Payment, connection: Connection) -> None:
    path = f"/v1/payments/{'x' * 60}/refunds"
    call(connection, f"https://api.stripe.com{path}", request_id="shop-request")
    member = MembershipFactory(organization=payment.organization, role=Membership.Role.VIEWER).user
    assert path in page_of(payment, member)


def test_who_may_see_payments_alone_sees_no_calls(payment: Payment, connection: Connection) -> None:
    call(connection, "https://api.stripe.com/v1/payment_intents", request_id="shop-request")
    person = UserFactory()
    MembershipFactory(organization=payment.organization, user=person, role="none")
    person.user_permissions.add(Permission.objects.get(codename="view_payment"))
    text = page_of(payment, person)
    assert "Create" in text
    assert "payment_intents" not in text


def test_another_organizations_trail_is_not_found(payment: Payment) -> None:
    client = Client()
    client.force_login(MembershipFactory(role="admin").user)
    assert client.get(reverse("payment-trail", args=[payment.pk]), headers=FRAGMENT).status_code == 404
    assert Client().get(reverse("payment-trail", args=[payment.pk])).status_code == 302
