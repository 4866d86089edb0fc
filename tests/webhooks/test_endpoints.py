from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from twilio.request_validator import RequestValidator

from integrations.errors import InvalidRequest, NotSupported, Rejected
from integrations.models import Connection
from monitoring.models import AuditLog
from tests.factories import ConnectionFactory, CredentialFactory
from tests.wire import WireAnswer, WireServer
from webhooks.endpoints import address_for, create_endpoint, rotate_secret
from webhooks.models import WebhookEndpoint

from .outside import SECRET as OUTSIDE_SECRET
from .outside import connect, post
from .stripe_sender import SECRET

SANDBOX_KEY = "sk_sandbox_sample"


@pytest.fixture
def gateway(settings: Any) -> Iterator[WireServer]:
    """The sandbox gateway's end of the wire, that takes every webhook."""
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with WireServer(lambda request: WireAnswer(200, {})) as server:
        yield server


@pytest.fixture
def registering(db: None, gateway: WireServer) -> Connection:
    """A connection to a provider that is told of webhooks by its API."""
    return ConnectionFactory(
        slug="sandbox", configuration={"base_url": gateway.url}, credentials={"api_key": SANDBOX_KEY}
    )


def refuse(gateway: WireServer, status: int = 422) -> None:
    gateway.answer = lambda request: WireAnswer(status, {"error": {"code": "invalid_field", "message": "No."}})


def secrets_of(endpoint: WebhookEndpoint) -> tuple[str, str | None]:
    stored = WebhookEndpoint.objects.get(pk=endpoint.pk)
    previous = stored.previous_webhook_secret
    return stored.webhook_secret.reveal(), previous.reveal() if previous else None


def test_an_endpoint_has_an_address_of_ours_and_a_fresh_secret(connection: Connection, settings: Any) -> None:
    settings.PUBLIC_URL = "https://hub.example.com"
    endpoint, secret = create_endpoint(connection)
    assert endpoint.webhook_url == f"https://hub.example.com/webhooks/{endpoint.pk}/"
    assert secret.startswith("whsec_")
    assert secrets_of(endpoint) == (secret, None)
    assert create_endpoint(connection)[1] != secret


def test_a_connection_s_own_signing_secret_is_used(connection: Connection) -> None:
    CredentialFactory(connection=connection, credential_key="webhook_secret", value=SECRET)
    endpoint, shown = create_endpoint(connection)
    assert (endpoint.webhook_secret.reveal(), shown) == (SECRET, "")


def test_a_given_secret_goes_before_the_connection_s_own(connection: Connection) -> None:
    CredentialFactory(connection=connection, credential_key="webhook_secret", value="whsec_own_sample")
    assert create_endpoint(connection, webhook_secret=SECRET)[1] == SECRET


@pytest.mark.parametrize("secret", ["whsec_\x00", " whsec_sample", "whsec_\n", "x" * 513])
def test_a_secret_that_cannot_be_one_is_refused(connection: Connection, secret: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create_endpoint(connection, webhook_secret=secret)
    assert refused.value.field == "webhook_secret"
    assert secret not in str(refused.value)


def test_a_provider_without_an_api_for_it_is_not_told(db: None) -> None:
    connection = ConnectionFactory(slug="tap", credentials={"secret_api_key": "sk_test_sampleNotAKey"})
    with pytest.raises(NotSupported):
        create_endpoint(connection, register=True)
    assert not WebhookEndpoint.objects.exists()


def test_a_provider_is_told_the_address_and_the_secret(registering: Connection, gateway: WireServer) -> None:
    endpoint, secret = create_endpoint(registering, register=True)
    (told,) = gateway.requests
    assert told.json() == {"url": endpoint.webhook_url, "secret": secret}
    assert told.headers["authorization"] == f"Bearer {SANDBOX_KEY}"


def test_the_address_to_tell_twilio_takes_what_twilio_signs_for_it(outside_providers: None) -> None:
    endpoint = connect("outside_form")
    told, fields = address_for(endpoint, OUTSIDE_SECRET), {"id": "SM1", "kind": "delivered"}
    signed = RequestValidator(OUTSIDE_SECRET).compute_signature(told, fields)
    headers = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signed}
    assert post(told, urlencode(fields).encode(), headers).status_code == 200


@pytest.mark.parametrize("slug", ["outside_query", "outside_path"])
def test_an_address_that_is_the_proof_holds_the_secret(slug: str, outside_providers: None) -> None:
    endpoint = connect(slug)
    told = address_for(endpoint, OUTSIDE_SECRET)
    assert OUTSIDE_SECRET in told
    assert post(told, b'{"kind": "told"}', {}).status_code == 200
    assert post(endpoint.webhook_url, b'{"kind": "told"}', {}).status_code == 401


def test_an_endpoint_that_the_provider_does_not_take_is_not_kept(registering: Connection, gateway: WireServer) -> None:
    refuse(gateway)
    with pytest.raises(Rejected):
        create_endpoint(registering, register=True)
    assert not WebhookEndpoint.objects.exists()
    actions = AuditLog.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["webhook_endpoint.created", "webhook_endpoint.deleted"]


def test_a_rotation_keeps_the_old_secret_for_a_while(endpoint: WebhookEndpoint) -> None:
    fresh = rotate_secret(endpoint, webhook_secret="whsec_renewed_sample")
    assert secrets_of(endpoint) == (fresh, SECRET)
    until = WebhookEndpoint.objects.get(pk=endpoint.pk).previous_secret_expires_at
    assert until is not None
    assert 23 < (until - timezone.now()).total_seconds() / 3600 <= 24


def test_a_provider_is_told_of_a_rotation(registering: Connection, gateway: WireServer) -> None:
    endpoint, first = create_endpoint(registering, register=True)
    second = rotate_secret(endpoint)
    assert [request.json()["secret"] for request in gateway.requests] == [first, second]


def test_a_rotation_that_the_provider_refuses_changes_nothing(registering: Connection, gateway: WireServer) -> None:
    endpoint, first = create_endpoint(registering, register=True)
    refuse(gateway)
    for _ in range(2):
        with pytest.raises(Rejected):
            rotate_secret(endpoint)
    assert secrets_of(endpoint) == (first, None)


def test_no_secret_is_written_into_the_audit_log(registering: Connection) -> None:
    endpoint, first = create_endpoint(registering)
    second = rotate_secret(endpoint)
    written = str(list(AuditLog.objects.values()))
    assert first not in written
    assert second not in written


@pytest.mark.parametrize("slug", ["paymob", "paypal", "tap", "tamara"])
def test_no_secret_is_made_up_where_the_provider_would_never_sign_with_it(slug: str, db: None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        create_endpoint(ConnectionFactory(slug=slug))
    assert refused.value.field == "webhook_secret"
    assert not WebhookEndpoint.objects.exists()


def test_an_api_key_that_signs_webhooks_too_is_used_and_never_shown(db: None) -> None:
    connection = ConnectionFactory(slug="tap", credentials={"secret_api_key": "sk_test_sampleNotAKey"})
    endpoint, shown = create_endpoint(connection)
    assert (shown, secrets_of(endpoint)) == ("", ("sk_test_sampleNotAKey", None))
    CredentialFactory(connection=connection, credential_key="secret_api_key", value="sk_test_newerNotAKey")
    assert rotate_secret(endpoint) == ""
    endpoint.refresh_from_db()
    assert secrets_of(endpoint) == ("sk_test_newerNotAKey", "sk_test_sampleNotAKey")
