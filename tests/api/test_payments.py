from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from integrations.models import Connection, Organization, Payment
from tests.factories import PaymentFactory, token_for
from tests.operations.stripe_wire import StripeWire, connect, declined, fails

from .client import ApiClient, error_of

ORDER = {"amount": "12.50", "currency": "AED", "reference": "order-1", "payment_token": "pm_card_visa"}
PROMISED = {
    "id", "status", "amount", "currency", "reference", "provider_reference", "connection", "redirect_url",
    "client_secret", "amount_captured", "amount_refunded", "attempts", "failure_code", "failure_message", "customer",
    "method", "capture", "created_at", "updated_at",
}  # fmt: skip


def test_a_payment_is_taken_and_shown(api: ApiClient, connection: Connection) -> None:
    response = api.post("payments/", {**ORDER, "customer": {"name": "Aisha"}, "metadata": {"cart": "7"}})
    assert response.status_code == 201
    payment = response.json()
    assert set(payment) >= PROMISED
    assert (payment["status"], payment["amount"], payment["amount_captured"]) == ("captured", "12.50", "12.50")
    assert (payment["amount_refunded"], payment["connection"]) == ("0.00", str(connection.pk))
    assert payment["attempts"][0]["outcome"] == "accepted"
    assert api.get(f"payments/{payment['id']}/").json() == payment


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("5", "AED", "5.00"),
        ("1.5", "KWD", "1.500"),
        ("500", "JPY", "500"),
        (7, "AED", "7.00"),
        ("00.50", "AED", "0.50"),
    ],
)
def test_money_is_a_decimal_string_with_the_currencys_decimals(
    amount: Any, currency: str, shown: str, api: ApiClient, connection: Connection
) -> None:
    payment = api.post("payments/", {**ORDER, "amount": amount, "currency": currency}).json()
    assert (payment["amount"], payment["amount_captured"], payment["currency"]) == (shown, shown, currency)


def test_a_json_number_is_taken_exactly(api: ApiClient, connection: Connection) -> None:
    """Sixteen digits and two decimals pass no binary float unharmed."""
    body = b'{"amount": 999999999999.37, "currency": "AED", "reference": "a", "payment_token": "pm_card_visa"}'
    assert api.post("payments/", body).json()["amount"] == "999999999999.37"


def test_an_authorisation_is_captured_in_part_and_refunded(api: ApiClient, connection: Connection) -> None:
    payment = api.post("payments/", {**ORDER, "capture": False}).json()
    assert (payment["status"], payment["capture"]) == ("authorised", False)
    path = f"payments/{payment['id']}/"
    captured = api.post(f"{path}capture/", {"amount": "10.00"})
    assert (captured.status_code, captured.json()["amount_captured"]) == (200, "10.00")
    refunded = api.post(f"{path}refund/", {"amount": "2.50", "reason": "returned"}).json()
    assert (refunded["status"], refunded["amount_refunded"]) == ("partially_refunded", "2.50")
    assert api.post(f"{path}refund/").json()["status"] == "refunded"
    assert [operation["kind"] for operation in refunded["operations"]] == ["refund", "capture", "create"]


def test_an_authorisation_is_let_go(api: ApiClient, connection: Connection) -> None:
    payment = api.post("payments/", {**ORDER, "capture": False}).json()
    assert api.post(f"payments/{payment['id']}/void/").json()["status"] == "cancelled"


def test_a_payment_is_brought_up_to_date(api: ApiClient, connection: Connection, wire: StripeWire) -> None:
    payment = api.post("payments/", {**ORDER, "payment_token": ""}).json()
    assert payment["status"] == "requires_action"
    wire.confirm(payment["provider_reference"])
    assert api.post(f"payments/{payment['id']}/sync/").json()["status"] == "captured"


def test_the_same_key_takes_the_payment_once(api: ApiClient, connection: Connection, wire: StripeWire) -> None:
    first = api.post("payments/", ORDER, Idempotency_Key="cart-7")
    again = api.post("payments/", ORDER, Idempotency_Key="cart-7")
    assert first.json() == again.json()
    assert wire.charges == Payment.objects.count() == 1
    other = api.post("payments/", {**ORDER, "amount": "13.00"}, Idempotency_Key="cart-7")
    assert (other.status_code, error_of(other)["code"]) == (409, "conflict")
    assert wire.charges == 1


def test_the_same_key_refunds_once(api: ApiClient, connection: Connection, wire: StripeWire) -> None:
    path = f"payments/{api.post('payments/', ORDER).json()['id']}/refund/"
    for _ in range(2):
        assert api.post(path, {"amount": "5.00"}, Idempotency_Key="a").json()["amount_refunded"] == "5.00"
    assert len(wire.refunds) == 1


def test_organizations_may_use_the_same_key(
    api: ApiClient, connection: Connection, other: Organization, wire: StripeWire
) -> None:
    connect(other, wire)
    mine = api.post("payments/", ORDER, Idempotency_Key="cart-7").json()
    theirs = ApiClient(token_for(other)).post("payments/", ORDER, Idempotency_Key="cart-7")
    assert theirs.status_code == 201
    assert theirs.json()["id"] != mine["id"]


@pytest.mark.parametrize("key", ["x" * 256, "a\tb"])
def test_a_key_that_cannot_be_kept_is_refused(key: str, api: ApiClient, connection: Connection) -> None:
    response = api.post("payments/", ORDER, Idempotency_Key=key)
    assert (response.status_code, error_of(response)["field"]) == (400, "idempotency_key")


def test_a_decline_is_a_payment_that_failed(api: ApiClient, connection: Connection, wire: StripeWire) -> None:
    wire.override = declined
    response = api.post("payments/", ORDER)
    assert response.status_code == 201
    payment = response.json()
    assert (payment["status"], payment["amount_captured"]) == ("failed", "0.00")
    assert payment["failure_code"]
    assert payment["failure_message"]


def test_an_outage_is_the_providers_and_may_be_waited_for(
    api: ApiClient, organization: Organization, wire: StripeWire
) -> None:
    connect(organization, wire, configuration={"base_url": "http://127.0.0.1:9"})
    response = api.post("payments/", ORDER)
    assert (response.status_code, error_of(response)["code"]) == (503, "provider_unavailable")


def test_what_a_provider_refuses_is_told_with_its_code(
    api: ApiClient, connection: Connection, wire: StripeWire
) -> None:
    path = f"payments/{api.post('payments/', ORDER).json()['id']}/refund/"
    wire.override = fails(400)
    response = api.post(path)
    assert (response.status_code, error_of(response)["code"]) == (422, "rejected_by_provider")
    assert "provider_code" in error_of(response)


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [("capture", {}, 409), ("void", None, 409), ("refund", {"amount": "12.51"}, 400), ("refund", {"amount": "0"}, 400)],
)
def test_a_change_that_cannot_be_is_refused_and_nothing_is_sent(
    action: str, body: Any, status: int, api: ApiClient, connection: Connection, wire: StripeWire
) -> None:
    payment = api.post("payments/", ORDER).json()
    sent = len(wire.calls("POST"))
    response = api.post(f"payments/{payment['id']}/{action}/", body)
    assert response.status_code == status
    assert error_of(response)["code"] == ("conflict" if status == 409 else "invalid_request")
    assert len(wire.calls("POST")) == sent
    assert api.get(f"payments/{payment['id']}/").json() == payment


def test_the_client_secret_is_for_those_who_take_payments(
    api: ApiClient, organization: Organization, connection: Connection, wire: StripeWire
) -> None:
    payment = api.post("payments/", {**ORDER, "payment_token": ""}).json()
    assert payment["client_secret"] == "pi_sample_secret_not_a_secret"
    path = f"payments/{payment['id']}/"
    assert ApiClient(token_for(organization, "read")).get(path).json()["client_secret"] is None
    assert b"_secret_" not in api.get("payments/").content
    wire.confirm(payment["provider_reference"])
    assert api.post(f"{path}sync/").json()["client_secret"] is None


def test_without_a_connection_there_is_no_payment(api: ApiClient) -> None:
    response = api.post("payments/", ORDER)
    assert (response.status_code, error_of(response)["code"]) == (409, "configuration_error")
    assert not Payment.objects.exists()


def test_a_connection_that_is_not_active_takes_none(api: ApiClient, connection: Connection) -> None:
    Connection.objects.update(status=Connection.Status.INACTIVE)
    response = api.post("payments/", {**ORDER, "connection": str(connection.pk)})
    assert (response.status_code, error_of(response)["code"]) == (409, "connection_not_ready")


def test_payments_are_filtered(api: ApiClient, connection: Connection) -> None:
    paid = PaymentFactory(connection=connection, status="captured", amount_captured=Decimal("12.50"))
    dinar = PaymentFactory(connection=connection, currency="KWD", reference="kuwait")

    def found(**query: str) -> list[str]:
        return [row["id"] for row in api.get("payments/", query).json()["results"]]

    assert found() == [str(dinar.pk), str(paid.pk)]
    assert found(status="captured") == found(currency="AED") == [str(paid.pk)]
    assert found(reference="kuwait") == [str(dinar.pk)]
    assert found(connection=str(connection.pk), since="2026-01-01T00:00:00Z") == [str(dinar.pk), str(paid.pk)]
    assert found(until="2026-01-01T00:00:00Z") == found(reference="nothing") == []


def test_a_payment_whose_answer_got_lost_is_asked_for_again_as_the_same_charge(
    api: ApiClient, connection: Connection, wire: StripeWire
) -> None:
    wire.lose_answers = True
    payment = api.post("payments/", {**ORDER, "success_url": "https://shop.example/thanks"}).json()
    assert (payment["status"], payment["attempts"][0]["outcome"]) == ("pending", "unknown")
    wire.lose_answers = False
    assert api.post(f"payments/{payment['id']}/sync/").json()["status"] == "captured"
    assert wire.charges == 1
    # The provider refuses a key that comes again with another body.
    assert len({call.body for call in wire.calls("POST", "/payment_intents")}) == 1
