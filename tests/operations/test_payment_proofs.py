from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integrations.errors import (
    BodyDamaged,
    ConfigurationError,
    Conflict,
    IntegrationError,
    InvalidRequest,
    NotSupported,
)
from integrations.models import Organization, Payment, PaymentProof
from integrations.operations.offline_receipts import confirm_payment
from integrations.operations.payment_proofs import AT_MOST, MAX_BYTES, add_proof, read_proof
from integrations.operations.payments import PaymentOrder, create_payment
from integrations.tenancy import acting_for
from monitoring.models import AuditLog
from tests.factories import OrganizationFactory

from .offline import JPEG, PDF, PNG, again, at_once, bank, came, cash, courier, transfer
from .stripe_wire import StripeWire, connect


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.STORAGES = {
        **settings.STORAGES,
        "folder": {"BACKEND": "integrations.folder_storage.FolderStorage", "OPTIONS": {"location": str(tmp_path)}},
    }
    return tmp_path


@pytest.fixture
def payment(organization: Organization, folder: Path) -> Payment:
    bank(organization)
    return again(transfer(organization))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def add(payment: Payment, content: bytes = PDF, name: str = "receipt.pdf") -> PaymentProof:
    return add_proof(payment, file_name=name, content=content)


@pytest.mark.parametrize(
    ("content", "kind", "ending"),
    [(PDF, "application/pdf", ".pdf"), (PNG, "image/png", ".png"), (JPEG, "image/jpeg", ".jpg")],
)
def test_a_proof_is_kept_and_read_again(payment: Payment, content: bytes, kind: str, ending: str) -> None:
    proof = add(payment, content, "إيصال 1.PDF")
    assert (proof.content_type, proof.file_name, proof.size) == (kind, f"إيصال 1{ending}", len(content))
    assert read_proof(payment, proof.pk)[1] == content
    told = AuditLog.objects.order_by("pk").filter(action__startswith="payment.proof").values_list("action", flat=True)
    assert list(told) == ["payment.proof_added", "payment.proof_viewed"]


def test_nothing_of_it_can_be_read_where_it_lies(payment: Payment, folder: Path) -> None:
    proof = add(payment)
    (file,) = files(folder)
    assert file.relative_to(folder).parts[0] == payment.organization.data_region
    assert PDF[:8] not in file.read_bytes()
    assert "receipt" not in str(file)
    PaymentProof.objects.filter(pk=proof.pk).update(data_key=None)
    with pytest.raises(BodyDamaged):
        read_proof(payment, proof.pk)


def test_a_file_that_was_altered_or_lost_is_not_shown(payment: Payment, folder: Path) -> None:
    one, other = add(payment), add(payment, PNG)
    first, second = (folder / p.storage_key for p in (one, other))
    first.write_bytes(second.read_bytes())
    second.unlink()
    for proof in (one, other):
        with pytest.raises(BodyDamaged):
            read_proof(payment, proof.pk)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<html><script>alert(1)</script></html>", "receipt.pdf"),
        (b"", "empty.pdf"),
        (b"MZ\x90\x00", "receipt.png"),
        (b"GIF89a" + b"\x00" * 50, "receipt.jpg"),
        (b"\x89PNG\r\n\x1a\n" + b"<svg onload=alert(1)>", "receipt.png"),
        (b"<?xml version='1.0'?><svg/>", "receipt.png"),
        (b" %PDF-1.4\n%%EOF", "receipt.pdf"),
        (b"%PDF-1.4 cut off", "receipt.pdf"),
        (b"\xff\xd8\xff\xe0 cut off", "receipt.jpg"),
        (b"PK\x03\x04", "receipt.pdf"),
    ],
)
def test_a_name_makes_no_proof_of_a_file(payment: Payment, folder: Path, content: bytes, name: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        add(payment, content, name)
    assert refusal.value.field == "file"
    assert not files(folder)


def test_a_huge_file_is_refused(payment: Payment, folder: Path) -> None:
    add(payment, PDF.ljust(MAX_BYTES - 6) + b"%%EOF\n")
    with pytest.raises(InvalidRequest, match="5 MB"):
        add(payment, PDF.ljust(MAX_BYTES) + b"%%EOF\n")
    assert len(files(folder)) == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "file.pdf"),
        ("C:\\Users\\me\\slip.exe", "slip.pdf"),
        ('a"b\r\nSet-Cookie: x=1.pdf', "abSet-Cookie x1.pdf"),
        ("x" * 500 + ".pdf", "x" * 100 + ".pdf"),
        ("", "file.pdf"),
        ("\x00\u202e.pdf", "file.pdf"),
    ],
)
def test_a_name_is_only_a_name(payment: Payment, given: str, kept: str) -> None:
    assert add(payment, PDF, given).file_name == kept


def test_the_same_file_is_one_proof(payment: Payment, folder: Path) -> None:
    assert add(payment).pk == add(payment).pk
    assert len(files(folder)) == 1


def test_of_fifty_ten_are_kept(payment: Payment, folder: Path) -> None:
    for number in range(AT_MOST):
        add(payment, PDF + b"%" * number + b"%%EOF")
    for number in range(AT_MOST, 50):
        with pytest.raises(Conflict):
            add(payment, PDF + b"%" * number + b"%%EOF")
    assert payment.proofs.count() == len(files(folder)) == AT_MOST
    assert add(payment, PDF + b"%%EOF"), "one that is there is no new one"


def test_many_at_once_are_no_more_than_many_in_turn(payment: Payment, folder: Path) -> None:
    def one(number: int) -> Callable[[], PaymentProof]:
        return lambda: add(again(payment), PDF + b"%" * number + b"%%EOF")

    for number in range(AT_MOST - 2):
        one(number)()
    results = at_once(*[one(number) for number in range(20, 26)])
    assert sum(isinstance(result, PaymentProof) for result in results) == 2
    assert payment.proofs.count() == len(files(folder)) == AT_MOST


def test_the_same_at_once_is_one(payment: Payment, folder: Path) -> None:
    results = at_once(*[lambda: add(again(payment))] * 4)
    assert len({result.pk for result in results}) == 1
    assert len(files(folder)) == 1


def test_one_that_is_settled_or_paid_otherwise_takes_none(
    organization: Organization, payment: Payment, wire: StripeWire, folder: Path
) -> None:
    confirm_payment(payment, came())
    with pytest.raises(Conflict):
        add(again(payment))
    courier(organization)
    with pytest.raises(Conflict):
        add(again(cash(organization)))
    connect(organization, wire)
    card = create_payment(organization, PaymentOrder(amount="5.00", currency="AED", reference="o"))
    with pytest.raises(NotSupported):
        add(again(card))
    assert not files(folder)


def test_a_payment_whose_time_is_over_may_be_shown_to_have_been_paid(payment: Payment) -> None:
    Payment.objects.update(status=Payment.Status.FAILED)
    assert add(again(payment))


def test_a_region_without_storage_keeps_nothing(payment: Payment, settings: Any) -> None:
    settings.STORAGES = {name: value for name, value in settings.STORAGES.items() if name != "folder"}
    with pytest.raises(ConfigurationError):
        add(payment)
    assert not PaymentProof.objects.exists()


def test_a_storage_that_takes_nothing_leaves_no_row(payment: Payment, folder: Path) -> None:
    (folder / payment.organization.data_region).write_text("in the way")
    with pytest.raises(IntegrationError):
        add(payment)
    assert not PaymentProof.objects.exists()


def test_another_organization_s_proof_does_not_exist(payment: Payment) -> None:
    proof = add(payment)
    other = OrganizationFactory()
    bank(other)
    theirs = again(transfer(other))
    with pytest.raises(PaymentProof.DoesNotExist):
        read_proof(theirs, proof.pk)
    with acting_for(other.pk):
        assert not PaymentProof.objects.exists()
    with acting_for(payment.organization_id):
        assert PaymentProof.objects.get() == proof
