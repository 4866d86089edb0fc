from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Connection, Organization, Payment
from integrations.operations.payments import PaymentOrder, create_payment
from integrations.sandbox.validation import TOKEN
from tests.factories import ConnectionFactory, PaymentFactory


@pytest.fixture
def sandbox(transactional_db: None, live_server: Any, settings: Any, organization: Organization) -> Connection:
    settings.PUBLIC_URL = live_server.url
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    connection: Connection = ConnectionFactory(
        organization=organization, slug="sandbox", credentials={"api_key": "sk_sandbox_pages"}
    )
    return connection


def _pay(connection: Connection, *, capture: bool) -> Payment:
    order = PaymentOrder(
        amount="20.00", currency="AED", reference="order-1", capture=capture, payment_token=TOKEN,
        connection_id=connection.pk,
    )  # fmt: skip
    return create_payment(connection.organization, order)


def _change(client: Client, payment: Payment, kind: str, **given: str) -> Payment:
    client.post(reverse("payment-change", args=[payment.pk, kind]), given)
    payment.refresh_from_db()
    return payment


def test_an_authorised_payment_is_captured_from_its_page(sandbox: Connection, administrator: Client) -> None:
    payment = _pay(sandbox, capture=False)
    assert administrator.get(reverse("payment", args=[payment.pk])).context["possible"] == ["capture", "void"]
    assert _change(administrator, payment, "capture", once="a").status == Payment.Status.CAPTURED


def test_a_refund_form_that_is_sent_twice_refunds_once(sandbox: Connection, administrator: Client) -> None:
    payment = _pay(sandbox, capture=True)
    for _ in range(2):
        _change(administrator, payment, "refund", amount="5.00", once="same-form")
    assert str(payment.amount_refunded) == "5.0000"


def test_a_refusal_is_shown_and_changes_nothing(sandbox: Connection, administrator: Client) -> None:
    payment = _pay(sandbox, capture=True)
    url = reverse("payment-change", args=[payment.pk, "refund"])
    shown = administrator.post(url, {"amount": "999.00", "once": "b"})
    assert shown.status_code == 400
    assert "hub-field__error" in shown.text
    payment.refresh_from_db()
    assert payment.amount_refunded == 0


@pytest.mark.parametrize("kind", ["capture", "void", "refund", "sync"])
def test_a_viewer_changes_no_payment(viewer: Client, organization: Organization, kind: str) -> None:
    payment = PaymentFactory(connection=ConnectionFactory(organization=organization))
    assert viewer.post(reverse("payment-change", args=[payment.pk, kind])).status_code == 403


def test_an_unknown_change_is_not_found(administrator: Client, organization: Organization) -> None:
    payment = PaymentFactory(connection=ConnectionFactory(organization=organization))
    assert administrator.post(reverse("payment-change", args=[payment.pk, "shred"])).status_code == 404


def test_a_payment_shows_which_connections_were_tried_and_why_each_was_left(
    sandbox: Connection, administrator: Client
) -> None:
    first = ConnectionFactory(organization=sandbox.organization, connection_name="Till of yesterday", is_primary=True)
    Connection.objects.filter(pk=first.pk).update(health_status="down")
    order = PaymentOrder(amount="20.00", currency="AED", reference="order-1")
    payment = create_payment(sandbox.organization, order)
    text = administrator.get(reverse("payment", args=[payment.pk])).content.decode()
    for told in ("Till of yesterday", "Passed over", "connection_down", sandbox.connection_name, "Accepted"):
        assert told in text
