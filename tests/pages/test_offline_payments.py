from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Connection, Organization, Payment, PaymentProof
from integrations.operations.offline_receipts import confirm_payment
from integrations.operations.payment_proofs import AT_MOST, MAX_BYTES, add_proof
from integrations.operations.payments import refund_payment
from monitoring.models import AuditLog, CallLog
from tests.factories import MembershipFactory, OrganizationFactory, PaymentFactory, catalogue_row
from tests.operations.offline import PDF, PNG, again, bank, came, cash, courier, transfer
from tests.providers.bank_transfer.wire import CONFIGURATION

from .test_setup import _act, _submit


@pytest.fixture(autouse=True)
def _a_folder_of_its_own(tmp_path: Path, settings: Any) -> None:
    folder = {"BACKEND": "integrations.folder_storage.FolderStorage", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "folder": folder}


@pytest.fixture
def payment(organization: Organization) -> Payment:
    bank(organization, instructions="Thank you", instructions_ar="شكراً")
    return again(transfer(organization))


@pytest.fixture
def proof(payment: Payment) -> PaymentProof:
    return add_proof(payment, file_name="slip.pdf", content=PDF)


def told(response: Any) -> list[str]:
    return [message.level_tag for message in response.context["messages"]]


def detail(client: Client, payment: Payment) -> str:
    return str(client.get(reverse("payment", args=[payment.pk])).content.decode())


def confirm(client: Client, payment: Payment, **fields: str) -> Any:
    given = {"amount": "100.00", "currency": "AED", "reference": "FT1", "confirmed": "yes"}
    given |= {"received_on": f"{timezone.localdate():%d/%m/%Y}", **fields}
    return client.post(reverse("payment-confirm", args=[payment.pk]), given, follow=True)


# What staff see and do


def test_a_connection_is_set_up_without_a_credential(administrator: Client, organization: Organization) -> None:
    catalogue_row("bank_transfer")
    administrator.get(reverse("setup"), {"reset": "1"})
    _submit(administrator, "provider", provider="bank_transfer")
    given = {**CONFIGURATION, "connection_name": "Our account", "environment": "production", "currency": "AED"}
    wrong = _submit(
        administrator, "configuration", **{**given, "iban": "AE08 0331 2345 6789 0123 456"}, payment_days="7"
    )
    assert "look for a typing error" in wrong.content.decode()
    _submit(administrator, "configuration", **given, payment_days="7")
    page = administrator.get(reverse("setup-step", args=["credentials"])).content.decode()
    assert "No credentials are needed" in page
    _submit(administrator, "credentials")
    assert "The connection works." in _act(administrator, "test", **{"HX-Request": "true"}).content.decode()
    _act(administrator, "save")
    connection = Connection.objects.get()
    assert (connection.status, connection.configuration["payment_days"]) == (Connection.Status.ACTIVE, 7)
    assert not CallLog.objects.exists()


def test_the_section_is_there_for_payments_without_a_gateway_alone(
    payment: Payment, administrator: Client, organization: Organization
) -> None:
    assert "Proofs and confirmation" in detail(administrator, payment)
    card = PaymentFactory(organization=organization, connection__organization=organization)
    assert "Proofs and confirmation" not in detail(administrator, card)


def test_who_may_only_look_has_no_section_and_no_way_in(payment: Payment, proof: PaymentProof, viewer: Client) -> None:
    assert "Proofs and confirmation" not in detail(viewer, payment)
    assert confirm(viewer, payment).status_code == 403
    assert viewer.post(reverse("payment-refuse", args=[payment.pk]), {"reason": "x"}).status_code == 403
    assert viewer.get(reverse("payment-proof", args=[payment.pk, proof.pk])).status_code == 403
    assert again(payment).status == Payment.Status.REQUIRES_ACTION


def test_nobody_speaks_of_a_gateway_where_there_is_none(payment: Payment, administrator: Client) -> None:
    assert "waits for the money" in detail(administrator, payment)
    confirm(administrator, payment)
    page = detail(administrator, payment)
    assert "The money has arrived" in page
    trail = administrator.get(reverse("payment-trail", args=[payment.pk]), headers={"HX-Request": "true"}).text
    assert "gateway" not in page[page.index('id="main"') :].replace("Payment gateways", "")
    assert "payment.succeeded" in trail, "as destinations are told"
    assert "Webhook" not in trail


def test_a_proof_is_downloaded_and_who_did_is_known(payment: Payment, proof: PaymentProof, client: Client) -> None:
    person = MembershipFactory(organization=payment.organization, role="staff").user
    client.force_login(person)
    assert "slip.pdf" in detail(client, payment)
    file = client.get(reverse("payment-proof", args=[payment.pk, proof.pk]))
    assert file.content == PDF
    assert file.headers["Content-Type"] == "application/pdf"
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in file.headers["Content-Security-Policy"]
    assert AuditLog.objects.get(action="payment.proof_viewed").actor == person.username


def test_the_day_of_a_transfer_is_written_as_days_are_here(payment: Payment, administrator: Client) -> None:
    text = detail(administrator, payment)
    assert re.search(r'<input type="text"\s+name="received_on"[^>]* placeholder="DD/MM/YYYY"', text)
    assert not re.search(r'<input[^>]* name="[^"]*"[^>]* type="date"', text)
    for wrong in ("12/31/2025", "soon", ""):
        assert told(confirm(administrator, payment, received_on=wrong)) == ["error"]
    assert told(confirm(administrator, payment)) == ["success"]


def test_confirming_wants_a_word_of_its_own(payment: Payment, administrator: Client) -> None:
    assert told(confirm(administrator, payment, confirmed="")) == ["error"]
    assert again(payment).status == Payment.Status.REQUIRES_ACTION
    for _ in range(2):
        assert told(confirm(administrator, payment)) == ["success"]
    assert again(payment).status == Payment.Status.CAPTURED
    assert payment.operations.filter(kind="capture").count() == 1
    assert AuditLog.objects.get(action="payment.confirmed").changes["reference"] == "FT1"


@pytest.mark.parametrize("fields", [{"amount": "x"}, {"currency": "USD"}, {"received_on": "soon"}, {"reference": ""}])
def test_what_is_wrong_is_said_and_changes_nothing(
    payment: Payment, administrator: Client, fields: dict[str, str]
) -> None:
    answer = confirm(administrator, payment, **fields)
    assert told(answer) == ["error"]
    assert again(payment).amount_captured == 0
    for name, usual in {"amount": "100.00", "reference": "FT1"}.items():
        assert f'value="{fields.get(name, usual)}"' in answer.text, "it stays to be mended"


def test_less_is_shown_as_less_and_can_be_taken_as_all(payment: Payment, administrator: Client) -> None:
    confirm(administrator, payment, amount="99.00")
    assert "Less has arrived than was ordered" in detail(administrator, payment)
    confirm(administrator, payment, amount="99.00", settles="yes")
    assert again(payment).status == Payment.Status.CAPTURED


def test_a_refusal_says_why(payment: Payment, administrator: Client) -> None:
    url = reverse("payment-refuse", args=[payment.pk])
    assert told(administrator.post(url, {"reason": " "}, follow=True)) == ["error"]
    assert told(administrator.post(url, {"reason": "Nothing came"}, follow=True)) == ["success"]
    assert again(payment).status == Payment.Status.CANCELLED
    assert "Nothing came" in detail(administrator, payment)


def test_a_refund_waits_for_somebody_to_pay_it(payment: Payment, administrator: Client) -> None:
    confirm_payment(payment, came())
    change = reverse("payment-change", args=[payment.pk, "refund"])
    asked = administrator.post(change, {"amount": "30.00", "once": "a"}, follow=True)
    assert "Pay the money back, and then say below how." in asked.text
    assert "provider said" not in asked.text
    assert "Refund to be paid" in detail(administrator, payment)
    url = reverse("payment-record-refund", args=[payment.pk, payment.operations.get(kind="refund").pk])
    day = timezone.localdate().isoformat()
    assert told(administrator.post(url, {"method": "cash", "reference": "R1", "paid_on": day}, follow=True)) == [
        "success"
    ]
    assert again(payment).amount_refunded == 30
    assert "Refund to be paid" not in detail(administrator, payment)


def test_a_refund_can_be_let_go(payment: Payment, administrator: Client) -> None:
    confirm_payment(payment, came())
    refund_payment(payment)
    url = reverse("payment-record-refund", args=[payment.pk, payment.operations.get(kind="refund").pk])
    assert told(administrator.post(url, {"action": "drop"}, follow=True)) == ["error"], "it was not confirmed"
    assert payment.operations.get(kind="refund").status == "pending"
    assert told(administrator.post(url, {"action": "drop", "confirmed": "yes"}, follow=True)) == ["success"]
    assert payment.operations.get(kind="refund").status == "cancelled"


def test_cash_is_confirmed_by_the_courier_s_reference(organization: Organization, administrator: Client) -> None:
    courier(organization)
    payment = cash(organization)
    shown = detail(administrator, payment)
    assert "Confirm the cash" in shown
    assert "The payer has sent no proof yet." not in shown
    confirm(administrator, payment, amount="60.00", reference="AWB")
    assert (again(payment).status, again(payment).difference) == ("captured", "underpaid")


def test_another_organization_s_payment_is_not_found(administrator: Client) -> None:
    other = OrganizationFactory()
    bank(other)
    payment = again(transfer(other))
    proof = add_proof(payment, file_name="slip.pdf", content=PDF)
    assert confirm(administrator, payment).status_code == 404
    assert administrator.get(reverse("payment-proof", args=[payment.pk, proof.pk])).status_code == 404
    assert administrator.post(reverse("payment-refuse", args=[payment.pk]), {"reason": "x"}).status_code == 404
    assert again(payment).status == Payment.Status.REQUIRES_ACTION


def test_a_proof_of_another_payment_is_not_found(payment: Payment, proof: PaymentProof, administrator: Client) -> None:
    other = transfer(payment.organization, reference="other")
    assert administrator.get(reverse("payment-proof", args=[other.pk, proof.pk])).status_code == 404


def test_a_form_from_elsewhere_confirms_nothing(payment: Payment) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(MembershipFactory(organization=payment.organization, role="admin").user)
    assert confirm(client, payment).status_code == 403
    assert again(payment).status == Payment.Status.REQUIRES_ACTION


# What payers see and do


def instructions(payment: Payment, client: Client | None = None, **query: str) -> Any:
    return (client or Client()).get(f"/pay/{payment.pk}/instructions/", query)


def send(payment: Payment, content: bytes = PDF, name: str = "slip.pdf", **query: str) -> Any:
    return Client(enforce_csrf_checks=True).post(
        f"/pay/{payment.pk}/instructions/", {"file": SimpleUploadedFile(name, content)}, query_params=query
    )


def test_the_payer_is_told_where_to_and_under_what_reference(payment: Payment) -> None:
    response = instructions(payment)
    for text in (
        "AE07 0331 2345 6789 0123 456",
        'data-copy="AE070331234567890123456"',
        "SAMPAEAD",
        "AED\N{NO-BREAK SPACE}100.00",
        "Needle and Thread LLC",
        "Ours",
        "Thank you",
    ):
        assert text in response.text
    assert payment.provider_reference in response.text.replace(" ", "")
    assert "set-cookie" not in {name.lower() for name in response.headers}
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response.headers["Cache-Control"]


def test_a_payer_of_a_test_is_told_to_transfer_nothing(payment: Payment, organization: Organization) -> None:
    assert "Test: no real money moves" in instructions(payment).text
    Connection.objects.filter(organization=organization).update(environment="production")
    assert "no real money" not in instructions(payment).text


def test_it_is_said_in_either_language(payment: Payment) -> None:
    arabic = instructions(payment, language="ar").text
    assert 'lang="ar" dir="rtl"' in arabic
    assert "مرجع الدفع" in arabic
    assert "شكراً" in arabic
    ordered = transfer(payment.organization, language="ar", reference="ar")
    assert 'dir="rtl"' in instructions(ordered).text
    assert 'dir="ltr"' in instructions(ordered, language="en").text


def test_a_proof_is_taken_without_an_account(payment: Payment) -> None:
    response = send(payment, language="ar")
    assert response.status_code == 302
    assert response.url == f"/pay/{payment.pk}/instructions/?language=ar"
    assert "The proof has arrived" in instructions(payment, language="en").text
    assert payment.proofs.get().uploaded_by is None
    assert AuditLog.objects.get(action="payment.proof_added").actor == "payer"


def test_who_is_signed_in_elsewhere_is_a_payer_here(payment: Payment, client: Client) -> None:
    client.force_login(MembershipFactory(organization=OrganizationFactory()).user)
    client.post(f"/pay/{payment.pk}/instructions/", {"file": SimpleUploadedFile("a.png", PNG)})
    assert payment.proofs.get().uploaded_by is None
    assert AuditLog.objects.get(action="payment.proof_added").actor == "payer"


def test_html_named_pdf_is_no_proof(payment: Payment) -> None:
    response = send(payment, b"<html><script>alert(1)</script></html>")
    assert response.status_code == 400
    assert "A proof is a PDF, PNG or JPEG file." in response.text
    assert not payment.proofs.exists()


def test_a_huge_file_is_refused(payment: Payment) -> None:
    for size in (MAX_BYTES + 10, MAX_BYTES * 3):
        response = send(payment, PDF.ljust(size))
        assert response.status_code in (400, 413)
        assert "5 MB" in response.text
    assert not payment.proofs.exists()


def test_nothing_is_no_proof(payment: Payment) -> None:
    response = Client().post(f"/pay/{payment.pk}/instructions/")
    assert response.status_code == 400
    assert "Choose a file first." in response.text
    assert "This file is empty." in send(payment, b"").text


def test_a_proof_is_said_to_have_come_only_where_one_has(payment: Payment) -> None:
    """Whatever the address says."""
    assert "has arrived" not in instructions(payment, sent="1").text
    for number in range(2):
        send(payment, PDF + b"%" * number + b"%%EOF")
    assert "2 proofs have arrived" in instructions(payment).text
    confirm_payment(payment, came())
    assert "proofs have arrived" not in instructions(payment).text


def test_of_what_came_in_part_the_rest_is_still_to_pay(payment: Payment) -> None:
    confirm_payment(payment, came(amount="30.00"))
    shown = re.sub(r"<[^>]*>|\s+", " ", instructions(payment).text)
    assert re.search(r"Has arrived +AED.30\.00 +Still to pay +AED.70\.00", shown)


def test_after_ten_there_is_room_for_no_more(payment: Payment) -> None:
    answers = [send(payment, PDF + b"%" * number + b"%%EOF").status_code for number in range(50)]
    assert (answers.count(302), answers.count(409)) == (AT_MOST, 50 - AT_MOST)
    assert "<form" not in instructions(payment).text


def test_once_it_is_paid_there_is_nothing_to_copy_and_nothing_to_send(payment: Payment) -> None:
    confirm_payment(payment, came())
    shown = instructions(payment).text
    assert "Thank you. Your payment has arrived." in shown
    assert "AE07" not in shown
    assert "<form" not in shown
    assert send(payment).status_code == 409


def test_once_it_is_cancelled_nobody_is_asked_to_pay(payment: Payment) -> None:
    Payment.objects.update(status=Payment.Status.CANCELLED)
    shown = instructions(payment).text
    assert "AE07" not in shown
    assert "<form" not in shown
    assert "This payment is cancelled." in shown


def test_what_was_given_back_is_said_to_be(payment: Payment) -> None:
    Payment.objects.update(status=Payment.Status.REFUNDED)
    assert "Your money was given back." in instructions(payment).text


def test_who_comes_back_as_from_a_gateway_is_told_how_to_pay(payment: Payment) -> None:
    back = Client().get(f"/pay/{payment.pk}/return/", {"language": "ar"})
    assert (back.status_code, back.url) == (302, f"/pay/{payment.pk}/instructions/?language=ar")


def test_when_the_time_is_over_a_proof_may_still_come(payment: Payment) -> None:
    Payment.objects.update(status=Payment.Status.FAILED)
    assert "The time to pay is over." in instructions(payment).text
    assert send(payment).status_code == 302


def test_cash_is_to_be_had_ready(organization: Organization) -> None:
    courier(organization, instructions="Exact change, please")
    shown = instructions(cash(organization)).text
    assert "You pay when your order arrives" in shown
    assert "Exact change, please" in shown
    assert "<form" not in shown


def test_there_is_a_way_back_to_the_shop(organization: Organization) -> None:
    bank(organization)
    payment = transfer(organization, success_url="https://shop.example/thanks")
    assert "https://shop.example/thanks?payment=" in instructions(payment).text


def test_a_gateway_s_payment_has_no_such_page_and_nobody_s_has_none(organization: Organization) -> None:
    card = PaymentFactory(organization=organization, connection__organization=organization, provider_reference="pi_1")
    assert instructions(card).status_code == 404
    assert Client().get(f"/pay/{uuid4()}/instructions/").status_code == 404
