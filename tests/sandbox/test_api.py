from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.test import Client

from integrations.models import SandboxPayment

pytestmark = pytest.mark.django_db

KEY = "sk_sandbox_sample_not_a_key"


def call(
    path: str, body: dict[str, Any] | str | None = None, *, key: str = KEY, idempotency_key: str = ""
) -> tuple[int, dict[str, Any]]:
    """POST where there is a body, GET otherwise."""
    client, headers = Client(), {"Authorization": f"Bearer {key}"}
    if body is None:
        answer = client.get(f"/sandbox/v1/{path}", headers=headers)
    else:
        text = body if isinstance(body, str) else json.dumps(body)
        headers["Idempotency-Key"] = idempotency_key or f"key-{time.monotonic_ns()}"
        answer = client.post(f"/sandbox/v1/{path}", text, content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def create(**fields: Any) -> dict[str, Any]:
    order = {"amount": "12.50", "currency": "AED", "reference": "order-1", "payment_token": "tok_visa", **fields}
    status, payment = call("payments", {name: value for name, value in order.items() if value is not None})
    assert status == 201, payment
    return payment


def refusal(answer: tuple[int, dict[str, Any]]) -> tuple[int, str, str]:
    status, body = answer
    return status, body["error"]["code"], body["error"].get("field", "")


def test_a_token_pays_at_once() -> None:
    payment = create()

    assert (payment["status"], payment["amount"], payment["amount_captured"]) == ("captured", "12.50", "12.50")
    assert payment["payment_url"] is None


def test_without_a_token_the_payer_is_sent_to_the_hosted_page() -> None:
    payment = create(payment_token=None)

    assert payment["status"] == "awaiting_payer"
    assert Client().get(payment["payment_url"]).status_code == 200


def test_an_authorisation_is_captured_in_part_and_refunded_in_steps() -> None:
    payment = create(capture=False)
    assert payment["status"] == "authorised"

    _, payment = call(f"payments/{payment['id']}/capture", {"amount": "10.00"})
    assert (payment["status"], payment["amount_captured"]) == ("captured", "10.00")

    _, refund = call(f"payments/{payment['id']}/refunds", {"amount": "4.00"})
    assert (refund["status"], refund["amount"]) == ("succeeded", "4.00")
    assert call(f"payments/{payment['id']}")[1]["status"] == "partially_refunded"

    call(f"payments/{payment['id']}/refunds", {})
    _, payment = call(f"payments/{payment['id']}")
    assert (payment["status"], payment["amount_refunded"]) == ("refunded", "10.00")


def test_more_than_was_authorised_or_captured_is_refused() -> None:
    authorised, captured = create(capture=False), create()

    too_much = {"amount": "12.51"}
    assert refusal(call(f"payments/{authorised['id']}/capture", too_much)) == (422, "amount_too_large", "amount")
    assert refusal(call(f"payments/{captured['id']}/refunds", too_much)) == (422, "amount_too_large", "amount")


def test_an_authorisation_is_voided_once_and_a_captured_payment_never() -> None:
    authorised, captured = create(capture=False), create()

    assert call(f"payments/{authorised['id']}/void", {})[1]["status"] == "cancelled"
    assert refusal(call(f"payments/{authorised['id']}/void", {}))[:2] == (409, "invalid_state")
    assert refusal(call(f"payments/{captured['id']}/void", {}))[:2] == (409, "invalid_state")


@pytest.mark.parametrize(
    ("amount", "code"), [("10.02", "insufficient_funds"), ("10.05", "card_declined"), ("10.08", "expired_card")]
)
def test_marked_amounts_are_declined(amount: str, code: str) -> None:
    payment = create(amount=amount)

    assert (payment["status"], payment["failure"]["code"], payment["amount_captured"]) == ("failed", code, "0.00")
    assert payment["failure"]["message"]


def test_an_amount_of_53_fils_finds_the_sandbox_down() -> None:
    order = {"amount": "10.53", "currency": "AED", "reference": "order-1"}

    assert refusal(call("payments", order))[:2] == (503, "unavailable")
    assert not SandboxPayment.objects.exists()


def test_an_amount_of_3_fils_is_slow() -> None:
    started = time.monotonic()
    create(amount="10.03")

    assert time.monotonic() - started >= 3


def test_the_same_idempotency_key_gets_the_first_answer_again() -> None:
    order = {"amount": "12.50", "currency": "AED", "reference": "order-1"}

    first = call("payments", order, idempotency_key="once")
    assert call("payments", order, idempotency_key="once") == first
    assert SandboxPayment.objects.count() == 1


def test_an_idempotency_key_is_not_taken_for_another_request() -> None:
    order = {"amount": "12.50", "currency": "AED", "reference": "order-1"}
    call("payments", order, idempotency_key="once")

    again = call("payments", {**order, "amount": "13.00"}, idempotency_key="once")
    assert refusal(again)[:2] == (409, "idempotency_key_reused")


def test_a_refused_request_leaves_its_idempotency_key_free() -> None:
    payment = create(capture=False)
    path = f"payments/{payment['id']}/capture"

    assert call(path, {"amount": "99.00"}, idempotency_key="once")[0] == 422
    assert call(path, {"amount": "12.50"}, idempotency_key="once")[0] == 200


@pytest.mark.parametrize("key", ["", "sk_sandbox_revoked", "sk_test_sample_not_a_key", "sk_sandbox_ä", "sk_sandbox_"])
def test_a_bad_key_is_refused(key: str) -> None:
    assert refusal(call("account", key=key))[:2] == (401, "invalid_api_key")


def test_a_good_key_finds_its_account() -> None:
    assert call("account")[0] == 200


def test_a_payment_of_another_account_does_not_exist() -> None:
    payment = create()

    assert refusal(call(f"payments/{payment['id']}", key="sk_sandbox_another_sample"))[:2] == (404, "not_found")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"amount": "12.505"}, "invalid_field", "amount"),
        ({"amount": "-1.00"}, "invalid_field", "amount"),
        ({"amount": "0.00"}, "invalid_field", "amount"),
        ({"amount": "1e3"}, "invalid_field", "amount"),
        ({"amount": 12.5}, "invalid_field", "amount"),
        ({"currency": "XYZ"}, "invalid_field", "currency"),
        ({"currency": None}, "missing_field", "currency"),
        ({"reference": ""}, "missing_field", "reference"),
        ({"reference": "x" * 256}, "invalid_field", "reference"),
        ({"capture": "yes"}, "invalid_field", "capture"),
        ({"colour": "blue"}, "unknown_field", "colour"),
        ({"customer": {"card": "4242"}}, "unknown_field", "customer.card"),
        ({"metadata": {"nested": {}}}, "invalid_field", "metadata"),
        ({"success_url": "javascript:alert(1)"}, "invalid_field", "success_url"),
        ({"payment_token": "tok_gold"}, "unknown_token", "payment_token"),
        ({"reference": "nul\0"}, "invalid_text", ""),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], code: str, field: str) -> None:
    order = {"amount": "12.50", "currency": "AED", "reference": "order-1", **change}
    answer = call("payments", {name: value for name, value in order.items() if value is not None})

    assert refusal(answer) == (400, code, field)
    assert not SandboxPayment.objects.exists()


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "[" * 100_000, '"text"', '{"reference": "\\ud800"}'])
def test_a_body_that_is_no_json_object_is_refused(body: str) -> None:
    assert refusal(call("payments", body))[:2] == (400, "invalid_json")


def test_a_write_wants_an_idempotency_key() -> None:
    order = {"amount": "12.50", "currency": "AED", "reference": "order-1"}
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = Client().post("/sandbox/v1/payments", order, content_type="application/json", headers=headers)

    assert answer.json()["error"]["code"] == "missing_idempotency_key"


def test_an_unknown_address_and_a_wrong_method_are_said_in_json() -> None:
    assert refusal(call("nothing"))[:2] == (404, "not_found")
    assert refusal(call("payments"))[:2] == (405, "method_not_allowed")


@pytest.mark.parametrize(("currency", "amount"), [("KWD", "1.234"), ("JPY", "500")])
def test_amounts_keep_their_currency_s_decimals(currency: str, amount: str) -> None:
    assert create(currency=currency, amount=amount)["amount"] == amount
