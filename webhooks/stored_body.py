"""The bytes that were verified, wherever they are by now: in the event's row, or sealed in object storage.

A secret in them that proved their sender was blanked before they were stored (`Signature.body_to_keep`).
"""

from __future__ import annotations

from django.core.files.storage import default_storage

from integrations.envelope import open_file, seal_file
from integrations.errors import BodyDamaged, BodyNotKept
from integrations.vault import VaultError

from .models import WebhookEvent


def body_of(event: WebhookEvent) -> bytes:
    """Raises BodyNotKept once it was deleted, BodyDamaged where its file is missing or altered, and Unavailable or
    ConfigurationError where the storage is."""
    if event.raw_body is not None:
        return bytes(event.raw_body)
    if event.body_key is None or not event.body:
        raise BodyNotKept("The body of this event is no longer kept.")
    try:
        with default_storage.open(str(event.body.name)) as file:
            sealed: bytes = file.read()
    except FileNotFoundError as error:
        raise BodyDamaged("The archived body of this event is missing.") from error
    try:
        return open_file(sealed, event.body_key.reveal(), place=_place(event))
    except VaultError as error:
        raise BodyDamaged(
            "The archived body of this event does not open: it was altered, or its key is gone."
        ) from error


def seal_body(event: WebhookEvent) -> bytes:
    """The row's bytes as they are written to object storage. Raises VaultError where the row's key does not open."""
    if event.body_key is None or event.raw_body is None:
        raise VaultError("A body is sealed under the key of its row.")
    return seal_file(bytes(event.raw_body), event.body_key.reveal(), place=_place(event))


def file_name(event: WebhookEvent, region: str) -> str:
    """Nothing about anybody: keys of rows, and the month in which the event came."""
    return f"{region}/webhooks/{event.organization_id}/{event.received_at:%Y/%m}/{event.pk}"


def _place(event: WebhookEvent) -> str:
    return f"webhook_events.body.{event.pk}"
