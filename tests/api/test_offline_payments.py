from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Organization, Payment, PaymentProof
from integrations.operations.payment_proofs import MAX_BYTES
from monitoring.models import AuditLog
from tests.factories import MembershipFactory, PaymentFactory, token_for
from tests.operations.offline import PDF, bank, courier

from .client import ApiClient, error_of

BOUNDARY = "limit-of-parts"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def form(content: bytes, name: str = "receipt.pdf", part: str = "file", kind: str = "application/pdf") -> bytes:
    disposition = f'form-data; name="{part}"; filename="{name}"'
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\nContent-Type: {kind}\r\n\r\n"
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


@pytest.fixture(autouse=True)
def _a_folder_of_its_own(tmp_path: Path, settings: Any) -> None:
    folder = {"BACKEND": "integrations.folder_storage.FolderStorage", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "folder": folder}


@pytest.fixture
def payment(organization: Organization, api: ApiClient) -> dict[str, Any]:
    bank(organization, instructions="Thank you", instructions_ar="شكراً")
    order = {"amount": "100.00", "currency": "AED", "reference": "order-1", "method": "bank_transfer"}
    made: dict[str, Any] = api.post("payments/", order).json()
    return made


def came(**fields: Any) -> dict[str, Any]:
    usual = {"amount": "100.00", "currency": "AED", "reference": "FT1", "confirmed": True}
    return {**usual, "received_on": timezone.localdate().isoformat(), **fields}


def test_a_connection_needs_no_credentials(api: ApiClient, organization: Organization) -> None:
    from tests.factories import catalogue_row
    from tests.providers.bank_transfer.wire import CONFIGURATION

    catalogue_row("bank_transfer")
    made = api.post(
        "connections/",
        {
            "provider": "bank_transfer",
            "connection_name": "Ours",
            "environment": "production",
            "configuration": CONFIGURATION,
        },
    )
    assert made.status_code == 201, made.content
    connection = made.json()["id"]
    assert api.post(f"connections/{connection}/test/").json()["ok"] is True
    assert api.post(f"connections/{connection}/activate/").json()["status"] == "active"
    refused = api.get(f"connections/{connection}/proxy/v1/anything")
    assert (refused.status_code, error_of(refused)["code"]) == (422, "not_supported")


def test_how_to_pay_is_told_as_data(payment: dict[str, Any], settings: Any) -> None:
    told = payment["instructions"]
    assert told["url"] == payment["redirect_url"] == f"{settings.PUBLIC_URL}/pay/{payment['id']}/instructions/"
    lines = {line["key"]: line for line in told["lines"]}
    assert lines["iban"]["text"] == "AE07 0331 2345 6789 0123 456"
    assert lines["reference"]["text"].replace(" ", "") == payment["provider_reference"]
    assert lines["amount"]["text"] == "100.00 AED"
    assert (lines["note"]["text"], lines["note"]["text_ar"]) == ("Thank you", "شكراً")


def test_a_gateway_s_payment_has_no_instructions(api: ApiClient, organization: Organization) -> None:
    payment = PaymentFactory(organization=organization, connection__organization=organization)
    assert api.get(f"payments/{payment.pk}/").json()["instructions"] is None


def test_what_has_arrived_is_confirmed(api: ApiClient, payment: dict[str, Any]) -> None:
    for _ in range(2):
        answer = api.post(f"payments/{payment['id']}/confirm/", came())
        assert answer.status_code == 200, answer.content
        assert (answer.json()["status"], answer.json()["amount_captured"]) == ("captured", "100.00")
    assert Payment.objects.get().operations.filter(kind="capture").count() == 1


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"confirmed": False}, 400, "confirmed"),
        ({"confirmed": None}, 400, "confirmed"),
        ({"amount": "a"}, 400, "amount"),
        ({"currency": "USD"}, 400, "currency"),
        ({"received_on": "yesterday"}, 400, "received_on"),
        ({"received_on": "9999-12-31"}, 400, "received_on"),
        ({"received_on": "0001-01-01"}, 400, "received_on"),
        ({"reference": ""}, 400, "reference"),
        ({"iban": "x"}, 400, "iban"),
    ],
)
def test_a_confirmation_is_explicit_and_whole(
    api: ApiClient, payment: dict[str, Any], change: dict[str, Any], status: int, field: str
) -> None:
    refused = api.post(f"payments/{payment['id']}/confirm/", came(**change))
    assert (refused.status_code, error_of(refused)["field"]) == (status, field)
    assert Payment.objects.get().status == "requires_action"


def test_without_a_word_of_confirmation_nothing_is(api: ApiClient, payment: dict[str, Any]) -> None:
    body = came()
    del body["confirmed"]
    assert error_of(api.post(f"payments/{payment['id']}/confirm/", body))["field"] == "confirmed"


def test_readers_and_viewers_confirm_nothing(payment: dict[str, Any], organization: Organization) -> None:
    reader = ApiClient(token_for(organization, "read"))
    person = ApiClient()
    person.django.force_login(MembershipFactory(organization=organization, role="viewer").user)
    for caller in (reader, person):
        for path in ("confirm/", "refuse/", "proofs/"):
            assert caller.post(f"payments/{payment['id']}/{path}", came()).status_code == 403
        assert caller.get(f"payments/{payment['id']}/proofs/").status_code == 403


def test_a_refusal_cancels(api: ApiClient, payment: dict[str, Any]) -> None:
    assert api.post(f"payments/{payment['id']}/refuse/", {"reason": "Nothing came"}).json()["status"] == "cancelled"
    assert error_of(api.post(f"payments/{payment['id']}/refuse/", {}))["field"] == "reason"


def test_it_can_be_voided_and_not_captured_or_asked_for(api: ApiClient, payment: dict[str, Any]) -> None:
    for path, body in (("sync/", None), ("capture/", {})):
        assert api.post(f"payments/{payment['id']}/{path}", body).status_code == 422
    assert api.post(f"payments/{payment['id']}/void/").json()["status"] == "cancelled"


def test_a_refund_is_asked_for_paid_and_told(api: ApiClient, payment: dict[str, Any]) -> None:
    api.post(f"payments/{payment['id']}/confirm/", came())
    asked = api.post(f"payments/{payment['id']}/refund/", {"amount": "30.00"}).json()
    assert (asked["status"], asked["amount_refunded"]) == ("captured", "0.00")
    refund = next(one["id"] for one in asked["operations"] if one["kind"] == "refund")
    body = {"refund": refund, "method": "cash", "reference": "R1", "paid_on": timezone.localdate().isoformat()}
    told = api.post(f"payments/{payment['id']}/record-refund/", body).json()
    assert (told["status"], told["amount_refunded"]) == ("partially_refunded", "30.00")
    assert api.post(f"payments/{payment['id']}/drop-refund/", {"refund": refund}).status_code == 409


def test_cash_is_confirmed_in_the_same_way(api: ApiClient, organization: Organization) -> None:
    courier(organization, emirates="DU")
    order = {"amount": "50.00", "currency": "AED", "reference": "o", "method": "cod", "country": "AE"}
    refused = api.post("payments/", order)
    assert (refused.status_code, error_of(refused)["field"]) == (400, "shipping_address")
    made = api.post("payments/", {**order, "shipping_address": {"region": "Dubai", "country": "AE"}}).json()
    assert made["status"] == "pending"
    told = api.post(f"payments/{made['id']}/confirm/", came(amount="49.00", reference="AWB")).json()
    assert (told["status"], told["amount_captured"], told["difference"]) == ("captured", "49.00", "underpaid")


def upload(api: ApiClient, payment: dict[str, Any], body: bytes, **options: Any) -> Any:
    return api.post(f"payments/{payment['id']}/proofs/", body, **{"content_type": FORM, **options})


def test_a_proof_is_sent_listed_and_fetched(api: ApiClient, payment: dict[str, Any]) -> None:
    made = upload(api, payment, form(PDF))
    assert made.status_code == 201, made.content
    assert (made.json()["file_name"], made.json()["size"]) == ("receipt.pdf", len(PDF))
    (listed,) = api.get(f"payments/{payment['id']}/proofs/").json()["results"]
    assert listed == made.json()
    file = api.get(f"payments/{payment['id']}/proofs/{listed['id']}/file/")
    assert file.content == PDF
    assert file["Content-Disposition"] == 'attachment; filename="receipt.pdf"'
    assert (file["X-Content-Type-Options"], file["Cache-Control"]) == ("nosniff", "no-store")
    assert "sandbox" in file["Content-Security-Policy"]
    assert AuditLog.objects.filter(action="payment.proof_viewed").count() == 1


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (form(b"<html></html>"), FORM, 400),
        (form(PDF, part="other"), FORM, 400),
        (b"nonsense", FORM, 400),
        (b"--x", "multipart/form-data", 400),
        (PDF, "application/pdf", 415),
        (json.dumps({"file": "text"}).encode(), "application/json", 415),
        (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--{BOUNDARY}--\r\n'.encode(),
            FORM,
            400,
        ),
    ],
)
def test_what_is_no_proof_is_refused(
    api: ApiClient, payment: dict[str, Any], body: bytes, content_type: str, status: int
) -> None:
    answer = upload(api, payment, body, content_type=content_type)
    assert answer.status_code == status, answer.content
    assert PaymentProof.objects.count() == (status == 201)


def test_a_huge_body_is_refused_unread(api: ApiClient, payment: dict[str, Any]) -> None:
    assert upload(api, payment, form(PDF.ljust(MAX_BYTES + 100_000))).status_code == 413
    assert upload(api, payment, form(PDF.ljust(MAX_BYTES + 10))).status_code == 400
    assert not PaymentProof.objects.exists()


def test_fifty_are_too_many(api: ApiClient, payment: dict[str, Any]) -> None:
    answers = [upload(api, payment, form(PDF + b"%" * number + b"%%EOF")).status_code for number in range(50)]
    assert (answers.count(201), answers.count(409)) == (10, 40)


def test_nobody_sends_a_proof_for_another_s_payment(payment: dict[str, Any], other: Organization) -> None:
    stranger = ApiClient(token_for(other))
    assert upload(stranger, payment, form(PDF)).status_code == 404
    assert not PaymentProof.objects.exists()


def test_a_proof_is_found_below_its_own_payment_alone(api: ApiClient, payment: dict[str, Any]) -> None:
    proof = upload(api, payment, form(PDF)).json()["id"]
    order = {"amount": "1.00", "currency": "AED", "reference": "order-2", "method": "bank_transfer"}
    other = api.post("payments/", order).json()
    assert api.get(f"payments/{other['id']}/proofs/{proof}/file/").status_code == 404
    assert api.get(f"payments/{other['id']}/proofs/").json()["results"] == []
