from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from integrations.errors import InvalidRequest, NotSupported, Rejected, Unavailable
from integrations.models import Connection, Payment, SandboxWebhook
from integrations.operations.payments import PaymentOrder, create_payment
from integrations.sandbox.delivery import deliver_due
from integrations.sandbox.validation import TOKEN
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, CredentialFactory
from tests.wire import WireAnswer, WireServer
from webhooks.endpoints import create_endpoint, rotate_secret, set_active, update_endpoint
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent

from .stripe_sender import SECRET

OTHER_SECRET = "whsec_another_sample_not_a_secret"


def audited(action: str) -> list[dict[str, Any]]:
    return list(AuditLog.objects.filter(action=action).values())


def test_an_endpoint_has_an_address_of_its_own(connection: Connection, settings: Any) -> None:
    settings.PUBLIC_URL = "https://hub.example.com"
    endpoint, _ = create_endpoint(connection, event_types=["charge.refunded"])
    stored = WebhookEndpoint.objects.get()
    assert stored == endpoint
    assert stored.webhook_url == f"https://hub.example.com/webhooks/{endpoint.pk}/"
    assert (stored.organization_id, stored.connection) == (connection.organization_id, connection)
    assert (stored.event_types, stored.is_active) == (["charge.refunded"], True)


def test_the_secret_given_is_used(connection: Connection) -> None:
    endpoint, secret = create_endpoint(connection, webhook_secret=SECRET)
    endpoint.refresh_from_db()
    assert secret == SECRET == endpoint.webhook_secret.reveal()


def test_else_the_connections_own(connection: Connection) -> None:
    CredentialFactory(connection=connection, credential_key="webhook_secret", value=OTHER_SECRET)
    assert create_endpoint(connection)[1] == OTHER_SECRET
    assert create_endpoint(connection, webhook_secret=SECRET)[1] == SECRET


def test_but_none_that_was_switched_off(connection: Connection) -> None:
    CredentialFactory(connection=connection, credential_key="webhook_secret", value=OTHER_SECRET, is_active=False)
    assert create_endpoint(connection)[1] != OTHER_SECRET


def test_else_a_fresh_one_each_time(connection: Connection) -> None:
    secrets = {create_endpoint(connection)[1] for _ in range(3)}
    assert len(secrets) == 3
    assert all(len(secret) > 30 and secret.startswith("whsec_") for secret in secrets)


def test_secrets_are_stored_sealed(connection: Connection) -> None:
    endpoint, _ = create_endpoint(connection, webhook_secret=SECRET)
    rotate_secret(endpoint, webhook_secret=OTHER_SECRET)
    with database.cursor() as cursor:
        cursor.execute("SELECT row_to_json(e)::text FROM webhook_endpoints e")
        (row,) = cursor.fetchone()
        cursor.execute("SELECT coalesce(string_agg(row_to_json(a)::text, ''), '') FROM audit_logs a")
        (audit,) = cursor.fetchone()
    for secret in (SECRET, OTHER_SECRET):
        assert secret not in row + audit
        assert secret not in repr(WebhookEndpoint.objects.get().__dict__)
    assert audit


@pytest.mark.parametrize("secret", ["a\nb", " padded ", "NUL\x00", "x" * 513])
def test_a_secret_that_cannot_be_one_is_refused(connection: Connection, secret: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create_endpoint(connection, webhook_secret=secret)
    assert refused.value.field == "webhook_secret"
    assert secret not in str(refused.value)
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize("event_type", ["", "x" * 101, "a\x00b", "a\nb"])
def test_an_event_type_that_cannot_be_one_is_refused(connection: Connection, event_type: str) -> None:
    with pytest.raises(InvalidRequest):
        create_endpoint(connection, event_types=[event_type])
    endpoint, _ = create_endpoint(connection)
    with pytest.raises(InvalidRequest):
        update_endpoint(endpoint, event_types=[event_type])
    endpoint.refresh_from_db()
    assert endpoint.event_types == []


def test_a_provider_that_takes_no_addresses_by_its_api_is_not_told(connection: Connection) -> None:
    with pytest.raises(NotSupported):
        create_endpoint(connection, register=True)
    assert not WebhookEndpoint.objects.exists()


def test_a_rotation_keeps_the_secret_before_for_a_while(connection: Connection) -> None:
    endpoint, _ = create_endpoint(connection, webhook_secret=SECRET)
    fresh = rotate_secret(endpoint, overlap=timedelta(hours=1))
    endpoint.refresh_from_db()
    assert fresh not in ("", SECRET)
    assert endpoint.webhook_secret.reveal() == fresh
    assert endpoint.previous_webhook_secret is not None
    assert endpoint.previous_webhook_secret.reveal() == SECRET
    assert endpoint.previous_secret_expires_at is not None
    assert timedelta(minutes=59) < endpoint.previous_secret_expires_at - timezone.now() <= timedelta(hours=1)
    assert len(audited("webhook_endpoint.secret_rotated")) == 1


def test_what_is_changed_is_written_down(connection: Connection) -> None:
    endpoint, _ = create_endpoint(connection)
    set_active(endpoint, active=False)
    (entry,) = audited("webhook_endpoint.updated")
    assert entry["changes"] == {"is_active": [True, False]}
    assert len(audited("webhook_endpoint.created")) == 1


@pytest.fixture
def sandbox(transactional_db: None, live_server: LiveServer, settings: Any) -> Connection:
    settings.PUBLIC_URL = live_server.url
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    return ConnectionFactory(slug="sandbox", credentials={"api_key": "sk_sandbox_endpoints"})


def pay(connection: Connection) -> Payment:
    order = PaymentOrder(
        amount="20.00", currency="AED", reference="order-1", payment_token=TOKEN, connection_id=connection.pk
    )
    return create_payment(connection.organization, order)


def test_a_provider_with_an_api_is_told_the_address_and_calls_it(sandbox: Connection) -> None:
    endpoint, secret = create_endpoint(sandbox, register=True)
    registered = SandboxWebhook.objects.get()
    assert (registered.url, registered.secret.reveal()) == (endpoint.webhook_url, secret)

    payment = pay(sandbox)
    Payment.objects.update(status=Payment.Status.PENDING, amount_captured=0)  # as if the answer had been lost
    assert deliver_due() == 1
    received = WebhookEvent.objects.get()
    assert (received.webhook_endpoint, received.event_type) == (endpoint, "payment.captured")
    assert drain() == 1
    payment.refresh_from_db()
    assert payment.status == Payment.Status.CAPTURED


def test_a_rotation_tells_the_provider_the_new_secret(sandbox: Connection) -> None:
    endpoint, _ = create_endpoint(sandbox, register=True)
    secret = rotate_secret(endpoint)
    assert SandboxWebhook.objects.get().secret.reveal() == secret
    pay(sandbox)
    assert deliver_due() == 1
    assert WebhookEvent.objects.count() == 1


@pytest.fixture
def refusing(sandbox: Connection) -> Iterator[Connection]:
    """To a provider that takes no address, for it says so."""
    with WireServer(lambda request: WireAnswer(422, {"error": {"code": "no", "message": "No."}})) as wire:
        sandbox.configuration = {"base_url": wire.url}
        sandbox.save()
        yield sandbox


def test_nothing_is_kept_of_an_address_that_the_provider_refuses(refusing: Connection) -> None:
    with pytest.raises(Rejected):
        create_endpoint(refusing, register=True)
    assert not WebhookEndpoint.objects.exists()
    assert [len(audited(f"webhook_endpoint.{what}")) for what in ("created", "deleted")] == [1, 1]


def test_a_rotation_that_the_provider_refuses_changes_nothing(refusing: Connection) -> None:
    endpoint, secret = create_endpoint(refusing)
    with pytest.raises(Rejected):
        rotate_secret(endpoint)
    endpoint.refresh_from_db()
    assert endpoint.webhook_secret.reveal() == secret
    assert (endpoint.previous_webhook_secret, endpoint.previous_secret_expires_at) == (None, None)


def test_a_rotation_that_may_have_reached_the_provider_keeps_both_secrets(sandbox: Connection) -> None:
    endpoint, secret = create_endpoint(sandbox)
    with WireServer(lambda request: WireAnswer(500)) as wire:
        sandbox.configuration = {"base_url": wire.url}
        sandbox.save()
        with pytest.raises(Unavailable):
            rotate_secret(WebhookEndpoint.objects.get())
        fresh = wire.requests[-1].json()["secret"]
    endpoint.refresh_from_db()
    assert endpoint.webhook_secret.reveal() == fresh != secret
    assert endpoint.previous_webhook_secret is not None
    assert endpoint.previous_webhook_secret.reveal() == secret
