from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from stdnum import iso11649

from integrations.configuration import schema_of, validate_configuration
from integrations.errors import InvalidRequest
from integrations.providers.payment.bank_transfer import BankTransfer, in_fours, payment_reference
from integrations.providers.results import PaymentRequest
from tests.providers.wire_client import WireClient

from .wire import CONFIGURATION, STANDING

PROVIDER = BankTransfer()


def client(**configuration: Any) -> WireClient:
    return WireClient(PROVIDER, "http://127.0.0.1:9", {}, configuration={**CONFIGURATION, **configuration})


def order(**fields: Any) -> PaymentRequest:
    return PaymentRequest(
        **{
            "amount": Decimal("12.50"),
            "currency": "AED",
            "reference": "order-1",
            "payment_id": str(uuid4()),
            "instructions_url": "https://hub.example/pay/1/instructions/",
            **fields,
        }
    )


def valid(**configuration: Any) -> None:
    validate_configuration(
        PROVIDER, environment="production", configuration={**CONFIGURATION, "currency": "AED", **configuration}
    )


def test_the_reference_is_one_that_banks_can_check() -> None:
    references = [payment_reference(str(uuid4())) for _ in range(500)]
    assert len(set(references)) == 500
    for reference in references:
        assert iso11649.is_valid(reference)
        assert len(reference) == 14
        assert not set(reference[4:]) & set("01ILOU")


def test_a_slip_in_the_reference_is_noticed() -> None:
    reference = payment_reference("01980000-0000-7000-8000-000000000001")
    for place in range(4, len(reference)):
        other = "A" if reference[place] != "A" else "B"
        assert not iso11649.is_valid(reference[:place] + other + reference[place + 1 :])
    for place in range(4, len(reference) - 1):
        first, second = reference[place], reference[place + 1]
        swapped = reference[:place] + second + first + reference[place + 2 :]
        assert first == second or not iso11649.is_valid(swapped)


def test_asked_again_it_is_the_same_payment() -> None:
    request = order()
    first, second = (PROVIDER.create_payment(client(), request, idempotency_key=key) for key in "ab")
    assert first == second
    assert first.redirect_url == request.instructions_url
    assert first.method == "bank_transfer"


def test_only_the_account_s_currency_is_taken() -> None:
    with pytest.raises(InvalidRequest, match="SAR alone"):
        PROVIDER.create_payment(client(currency="SAR"), order(), idempotency_key="a")
    dinars = order(amount=Decimal("1.250"), currency="KWD")
    assert PROVIDER.create_payment(client(currency="KWD"), dinars, idempotency_key="a").amount == Decimal("1.250")


def test_the_instructions_can_be_copied() -> None:
    lines = {line.key: line.value for line in PROVIDER.instructions(CONFIGURATION, STANDING)}
    assert lines == {
        "amount": "12.50 AED",
        "reference": "RF84 7K3M 9Q2X TB",
        "account_name": "Needle and Thread LLC",
        "bank_name": "Sample Bank",
        "iban": "AE07 0331 2345 6789 0123 456",
        "swift": "SAMPAEAD",
    }


def test_a_note_in_one_language_is_better_than_none() -> None:
    configuration = {**CONFIGURATION, "instructions_ar": "أرسل الإيصال"}
    note = PROVIDER.instructions(configuration, STANDING)[-1]
    assert (note.key, note.value, note.value_ar) == ("note", "أرسل الإيصال", "أرسل الإيصال")


@pytest.mark.parametrize(
    "iban", ["AE070331234567890123456", "SA03 8000 0000 6080 1016 7519", "KW81CBKU0000000000001234560101"]
)
def test_ibans_of_the_registry_are_taken(iban: str) -> None:
    valid(iban=iban)


@pytest.mark.parametrize(
    "iban",
    [
        "AE080331234567890123456",
        "AE07033123456789012345",
        "AE0703312345678901234567",
        "ae070331234567890123456",
        "XX07 0331 2345 6789 0123 456",
        "",
    ],
)
def test_an_iban_with_a_slip_is_refused_before_anything_is_saved(iban: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        valid(iban=iban)
    assert refusal.value.field == "configuration.iban"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("swift", "SAMP"),
        ("currency", "XAU"),
        ("payment_days", 0),
        ("payment_days", 366),
        ("payment_days", "7"),
        ("payment_days", True),
        ("base_url", "https://a.example"),
    ],
)
def test_what_else_cannot_be_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        valid(**{field: value})
    assert refusal.value.field == f"configuration.{field}"


def test_the_time_to_pay_is_the_connection_s() -> None:
    assert PROVIDER.payment_window({"payment_days": 3}) == timedelta(days=3)
    assert PROVIDER.payment_window({}) == timedelta(days=7)


def test_nobody_is_asked_for_an_address_to_call() -> None:
    assert "base_url" not in schema_of(PROVIDER)["properties"]["configuration"]["properties"]


def test_what_is_asked_of_it_follows_from_our_books() -> None:
    ours = replace(client(), standing=STANDING)
    refund = PROVIDER.refund_payment(
        ours, STANDING.provider_reference, amount=None, currency="AED", idempotency_key="k"
    )
    assert (refund.amount, refund.status) == (Decimal("12.50"), "pending")


def test_a_fours_of_a_short_text_is_itself() -> None:
    assert in_fours("RF8") == "RF8"
