"""PayPal's webhooks: registered by its API, verified by the id that it issues, believed once it was asked."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from integrations.errors import (
    InvalidRequest,
    Rejected,
)
from integrations.models import Connection, Organization, Payment, PaymentDispute
from integrations.operations.payments import (
    sync_payment,
)
from tests.factories import ConnectionFactory
from tests.providers.signers import PAYPAL_ADDRESS, issue, paypal_request
from tests.wire import WireAnswer
from webhooks import certificates
from webhooks.endpoints import create_endpoint, rotate_secret
from webhooks.inbox import drain
from webhooks.models import WebhookEndpoint, WebhookEvent

from .far_end import Create, Far, S, told
from .wire import CREDENTIALS

pytestmark = pytest.mark.django_db(transaction=True)


EVENTS = Path(__file__).parent / "events"


@pytest.fixture
def certificate() -> Iterator[None]:
    """PayPal's is at hand, as once it was fetched."""
    certificates.forget()
    issued = issue("messageverificationcerts.paypal.com", at=_today())
    kept = certificates._Answer(time.monotonic() + 60, certificate=issued.pem)
    certificates._answers[PAYPAL_ADDRESS] = kept
    yield
    certificates.forget()


@pytest.fixture
def endpoint(connection: Connection, certificate: None) -> WebhookEndpoint:
    return create_endpoint(connection)[0]


def _today() -> int:
    return int(time.time()) // 86_400 * 86_400


def deliver(endpoint: WebhookEndpoint, payload: dict[str, Any], *, webhook_id: str = "") -> int:
    body = json.dumps(payload).encode()
    signer = issue("messageverificationcerts.paypal.com", at=_today())
    signed = paypal_request(body, webhook_id or CREDENTIALS["webhook_secret"], at=int(time.time()), signer=signer)
    path = f"/webhooks/{endpoint.pk}/"
    return Client().post(path, body, content_type="application/json", headers=dict(signed.headers)).status_code


def test_an_order_that_paypal_tells_of_is_completed(agreed: Payment, endpoint: WebhookEndpoint, far: Far) -> None:
    """The payer need not come back: the webhook's id is the connection's own, and the event only makes us look."""
    assert deliver(endpoint, told("CHECKOUT.ORDER.APPROVED", agreed)) == 200
    assert deliver(endpoint, told("CHECKOUT.ORDER.APPROVED", agreed)) == 200
    assert WebhookEvent.objects.count() == 1
    assert drain() == 1

    agreed.refresh_from_db()
    assert (agreed.status, agreed.amount_captured) == (S.CAPTURED, Decimal("12.50"))
    assert far.wire.done["capture"] == 1


def test_paypal_is_told_the_address_and_issues_the_id_that_its_events_are_verified_with(
    organization: Organization, agreed: Payment, certificate: None, far: Far
) -> None:
    two = {key: value for key, value in CREDENTIALS.items() if key != "webhook_secret"}
    configuration = {"base_url": far.server.url}
    bare = ConnectionFactory(organization=organization, slug="paypal", configuration=configuration, credentials=two)
    endpoint, secret = create_endpoint(bare, register=True)

    (webhook,) = far.wire.webhooks
    assert (webhook["id"], webhook["url"]) == (secret, endpoint.webhook_url)
    assert {"name": "CHECKOUT.ORDER.APPROVED"} in webhook["event_types"]
    event = told("CHECKOUT.ORDER.APPROVED", agreed)
    assert deliver(endpoint, event) == 401
    assert deliver(endpoint, event, webhook_id=secret) == 200


def test_an_endpoint_that_paypal_refuses_is_not_kept(connection: Connection, far: Far) -> None:
    far.wire.override = lambda request: (
        WireAnswer(400, {"name": "VALIDATION_ERROR"}) if request.path.endswith("/webhooks") else None
    )
    with pytest.raises(Rejected):
        create_endpoint(connection, register=True)
    assert not WebhookEndpoint.objects.exists()


def test_another_id_is_entered_and_not_asked_for(
    connection: Connection, agreed: Payment, certificate: None, far: Far
) -> None:
    endpoint, _ = create_endpoint(connection, register=True)
    with pytest.raises(InvalidRequest):
        rotate_secret(endpoint)
    rotate_secret(endpoint, webhook_secret="2AB12345CD6789012")

    assert deliver(endpoint, told("CHECKOUT.ORDER.APPROVED", agreed), webhook_id="2AB12345CD6789012") == 200
    assert len(far.wire.webhooks) == 1


def test_an_event_that_another_webhook_s_id_signed_is_refused(agreed: Payment, endpoint: WebhookEndpoint) -> None:
    assert deliver(endpoint, told("CHECKOUT.ORDER.APPROVED", agreed), webhook_id="WEBHOOK_ID") == 401
    assert not WebhookEvent.objects.exists()


def test_a_genuine_sender_s_false_word_takes_nothing(create: Create, endpoint: WebhookEndpoint, far: Far) -> None:
    payment = create()
    false = told("PAYMENT.CAPTURE.COMPLETED", payment, id="CAPTURE1", status="COMPLETED", custom_id=str(payment.pk))
    assert deliver(endpoint, false) == 200
    drain()

    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == (S.REQUIRES_ACTION, 0)


def test_a_dispute_is_written_down_and_followed_to_its_end(agreed: Payment, endpoint: WebhookEndpoint) -> None:
    """By its custom text alone: PayPal names the capture, and no order. The order tells nothing of it."""
    sync_payment(agreed)
    dispute = json.loads((EVENTS / "CUSTOMER.DISPUTE.UPDATED.json").read_bytes())
    dispute["resource"]["disputed_transactions"][0]["custom"] = str(agreed.pk)
    assert deliver(endpoint, dispute) == 200
    drain()

    written = PaymentDispute.objects.get(payment=agreed)
    assert (written.provider_reference, written.status) == ("PP-D-1234", PaymentDispute.Status.OPEN)
    assert (written.amount, written.reason) == (Decimal("12.50"), "MERCHANDISE_OR_SERVICE_NOT_RECEIVED")
    agreed.refresh_from_db()
    assert agreed.status == S.DISPUTED

    dispute["id"], dispute["event_type"] = "WH-resolved", "CUSTOMER.DISPUTE.RESOLVED"
    dispute["create_time"] = "2027-01-26T09:00:00Z"
    dispute["resource"] |= {"status": "RESOLVED", "dispute_outcome": {"outcome_code": "RESOLVED_SELLER_FAVOUR"}}
    for _ in range(2):
        assert deliver(endpoint, dispute) == 200
        drain()
    written.refresh_from_db()
    assert (written.status, sync_payment(agreed).status) == (PaymentDispute.Status.WON, S.CAPTURED)
