"""Proofs of transfer: what payers show of a payment by bank, sealed in object storage, for those who confirm it.

The file is written before its row, under a key that only the row has: one whose row was never made opens to nobody.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from ..envelope import fresh_data_key, open_file, seal_file
from ..errors import BodyDamaged, Conflict, InvalidRequest
from ..file_kinds import kind_of, plain_name
from ..models import Payment, PaymentProof
from ..request_id import current_origin
from ..vault import VaultError
from .announce import record_action
from .offline_receipts import OPEN, offline_provider

MAX_BYTES = 5 * 1024 * 1024
AT_MOST = 10  # of one payment
_WANTED = OPEN | {Payment.Status.FAILED}


def takes_proofs(payment: Payment) -> bool:
    """Whether a payer may still show that they have paid: a payment whose time is over may have been paid late."""
    return payment.status in _WANTED and offline_provider(payment).takes_proofs


def add_proof(payment: Payment, *, file_name: str, content: bytes) -> PaymentProof:
    """Keep a proof. The same file again is the same proof.

    Raises InvalidRequest for what is no PDF, PNG or JPEG or is too large, Conflict for a payment that takes none (any
    more), and what the storage raises.
    """
    content_type = _checked_kind(content)
    digest = hashlib.sha256(content).hexdigest()
    if known := _known(payment, digest):
        return known
    key = fresh_data_key()
    proof = PaymentProof(
        organization_id=payment.organization_id,
        payment=payment,
        file_name=plain_name(file_name, content_type),
        content_type=content_type,
        size=len(content),
        sha256=digest,
        storage_region=payment.organization.data_region,
        uploaded_by_id=current_origin().user_id,
    )
    proof.data_key = key
    proof.storage_key = f"{proof.storage_region}/payments/{payment.organization_id}/{payment.pk}/{proof.pk}"
    default_storage.save(proof.storage_key, ContentFile(seal_file(content, key, place=_place(proof))))
    try:
        kept = _keep(payment, proof)
    except Exception:
        default_storage.delete(proof.storage_key)
        raise
    if kept.pk != proof.pk:
        default_storage.delete(proof.storage_key)
    return kept


def read_proof(payment: Payment, proof_id: UUID) -> tuple[PaymentProof, bytes]:
    """A proof with its bytes, of a payment that the caller may see; who looks at it is written down.

    Raises PaymentProof.DoesNotExist, BodyDamaged where the file is missing or altered, and what the storage raises.
    """
    proof = payment.proofs.get(pk=proof_id)
    try:
        with default_storage.open(proof.storage_key) as file:
            sealed: bytes = file.read()
        if proof.data_key is None:
            raise VaultError("The key of this file is gone.")
        content = open_file(sealed, proof.data_key.reveal(), place=_place(proof))
    except (FileNotFoundError, VaultError) as error:
        raise BodyDamaged("The file of this proof is missing, or was altered.") from error
    record_action("payment.proof_viewed", payment, {"proof": str(proof.pk), "sha256": proof.sha256})
    return proof, content


def _checked_kind(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise InvalidRequest("A proof has at most {size} MB.", size=MAX_BYTES // 1024 // 1024, field="file")
    if not content:
        raise InvalidRequest("This file is empty.", field="file")
    content_type = kind_of(content)
    if not content_type:
        raise InvalidRequest("A proof is a PDF, PNG or JPEG file.", field="file")
    return content_type


def _known(payment: Payment, digest: str) -> PaymentProof | None:
    """The same proof from before. Raises Conflict where there is no place for another."""
    if known := payment.proofs.filter(sha256=digest).first():
        return known
    if not takes_proofs(payment):
        raise Conflict("This payment takes no proof of transfer.")
    if payment.proofs.count() >= AT_MOST:
        raise Conflict("This payment has {count} proofs already: that is enough.", count=AT_MOST)
    return None


def _keep(payment: Payment, proof: PaymentProof) -> PaymentProof:
    """Write the row, once more looked at under the payment's lock: others may have been faster."""
    with transaction.atomic():
        locked = Payment.objects.select_for_update().get(pk=payment.pk)
        if known := _known(locked, proof.sha256):
            return known
        proof.save(force_insert=True)
        changes = {"proof": str(proof.pk), "type": proof.content_type, "size": proof.size, "sha256": proof.sha256}
        record_action("payment.proof_added", locked, changes)
    return proof


def _place(proof: PaymentProof) -> str:
    return f"payment_proofs.file.{proof.pk}"
