"""A proof's file goes when the proof goes, whatever it goes with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from integrations.file_removal import SETTLED_AFTER
from integrations.models import Organization, Payment, PaymentProof, ProofToRemove
from integrations.operations.payment_proofs import add_proof
from integrations.tasks import remove_proofs
from integrations.tenancy import acting_for

from .offline import PDF, PNG, again, bank, transfer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    options = {"BACKEND": "integrations.folder_storage.FolderStorage", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "folder": options}
    return tmp_path


@pytest.fixture
def payment(organization: Organization, folder: Path) -> Payment:
    bank(organization)
    return again(transfer(organization))


def show(payment: Payment, content: bytes = PDF) -> PaymentProof:
    return add_proof(payment, file_name="receipt", content=content)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def settle() -> None:
    """As if the proofs had been deleted a while ago."""
    ProofToRemove.objects.update(created_at=timezone.now() - SETTLED_AFTER - timedelta(seconds=1))


def by_payment(payment: Payment) -> None:
    payment.delete()


def by_its_tenant(payment: Payment) -> None:
    with acting_for(payment.organization_id):
        PaymentProof.objects.all().delete()


def by_sql(payment: Payment) -> None:
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM payment_proofs")


@pytest.mark.parametrize("delete", [by_payment, by_its_tenant, by_sql])
def test_the_files_go_with_their_proofs(delete: Callable[[Payment], None], payment: Payment, folder: Path) -> None:
    show(payment), show(payment, PNG)
    delete(payment)
    assert remove_proofs() == 0, "somebody may just be writing one"
    settle()
    assert remove_proofs() == 2
    assert files(folder) == []
    assert not ProofToRemove.objects.exists()


def test_the_others_stay(payment: Payment, folder: Path) -> None:
    gone, kept = show(payment), show(payment, PNG)
    gone.delete()
    settle()
    assert remove_proofs() == 1
    assert files(folder) == [str(kept.pk)]


def test_a_deletion_that_is_undone_removes_nothing(payment: Payment, folder: Path) -> None:
    show(payment)
    with transaction.atomic():
        PaymentProof.objects.all().delete()
        transaction.set_rollback(True)
    assert not ProofToRemove.objects.exists()
    assert len(files(folder)) == 1
