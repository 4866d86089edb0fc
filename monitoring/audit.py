"""Who did what, in a chain: each entry's hash covers its content and the hash of the entry before it.

One chain an organization, and one for what concerns none. To change or take out an entry breaks every hash after it.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction
from django.utils import timezone

from integrations.models import Organization
from integrations.models.base import uuid7
from integrations.operations.locks import AdvisoryLock
from integrations.request_id import current_origin

from .models import AuditLog


def write_action(
    sender: object, action: str, target: models.Model | str, changes: Mapping[str, Any], **kwargs: Any
) -> AuditLog:
    """Receiver of `action_taken`: appends in the transaction of the change, so neither is there without the other."""
    organization_id = _organization_of(target)
    origin = current_origin()
    # No savepoint: what fails here is to take the caller's change with it.
    with transaction.atomic(savepoint=False):
        _wait_for_turn(organization_id)
        hash_before = _chain_of(organization_id).order_by("-id").values_list("hash", flat=True).first()
        entry = AuditLog(
            id=uuid7(),
            organization_id=organization_id,
            actor=origin.actor,
            action=action,
            object=target if isinstance(target, str) else f"{target._meta.label_lower}:{target.pk}",
            changes=json.loads(json.dumps(dict(changes), cls=DjangoJSONEncoder)),
            ip_address=origin.ip_address,
            user_agent=origin.user_agent,
            request_id=origin.request_id,
            created_at=timezone.now(),
            previous_hash=hash_before or "",
        )
        entry.hash = hash_of(entry)
        entry.save(force_insert=True)
    return entry


def hash_of(entry: AuditLog) -> str:
    """SHA-256 over the entry as canonical JSON, the hash before it included."""
    content = {
        "id": str(entry.pk),
        "organization": str(entry.organization_id or ""),
        "actor": entry.actor,
        "action": entry.action,
        "object": entry.object,
        "changes": entry.changes,
        "ip_address": str(entry.ip_address or ""),
        "user_agent": entry.user_agent,
        "request_id": entry.request_id,
        "created_at": entry.created_at.isoformat(),
        "previous_hash": entry.previous_hash,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def broken_entries() -> Iterator[tuple[AuditLog, str]]:
    """Walk all chains; yield each entry that does not fit, with the reason."""
    for organization_id in [None, *Organization.objects.values_list("pk", flat=True)]:
        before = ""
        for entry in _chain_of(organization_id).order_by("id").iterator(chunk_size=1000):
            if entry.previous_hash != before:
                yield entry, "an entry before it is missing or was changed"
            elif entry.hash != hash_of(entry):
                yield entry, "it was changed"
            before = entry.hash


def _chain_of(organization_id: uuid.UUID | None) -> models.QuerySet[AuditLog]:
    if organization_id is None:
        return AuditLog.objects.filter(organization__isnull=True)
    return AuditLog.objects.filter(organization=organization_id)


def _organization_of(target: models.Model | str) -> uuid.UUID | None:
    if isinstance(target, Organization):
        return target.pk
    found: uuid.UUID | None = getattr(target, "organization_id", None)
    return found


def _wait_for_turn(organization_id: uuid.UUID | None) -> None:
    """Two entries of one chain are made one after the other; held until the change is committed."""
    digest = hashlib.sha256(str(organization_id).encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, %s)", [AdvisoryLock.AUDIT_CHAIN, int.from_bytes(digest[:4], signed=True)]
        )
