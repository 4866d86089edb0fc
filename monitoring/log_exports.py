"""Calls that fit a search, as a file: asked for here, written by the workers (see `log_export_work`).

Who asked for which, and who took the file away, is in the audit log.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone, translation

from integrations.envelope import fresh_data_key, open_file, seal_file
from integrations.errors import BodyDamaged, Conflict, InvalidRequest, Unavailable
from integrations.hints import hint
from integrations.models import Organization
from integrations.object_storage import has_storage
from integrations.operations.announce import record_action
from integrations.operations.locks import lock_until_commit
from integrations.request_id import current_origin
from integrations.vault import VaultError

from .log_search import LogSearch
from .models import LogExport

MOST_ROWS = 1_000_000
OPEN_AT_MOST = 3
KEPT = timedelta(days=7)
WAKE_UP = "monitoring.tasks.advance_log_exports"


def start_export(organization: Organization, search: LogSearch, *, file_format: str) -> LogExport:
    """Have the calls of `search` written into a file, as far as they are there by now.

    Raises InvalidRequest for another format, Conflict with too many at work, Unavailable where no file can be kept.
    """
    if file_format not in LogExport.Format.values:
        raise InvalidRequest("The format is one of {known}.", known="csv, jsonl", field="format")
    if not has_storage(organization.data_region):
        raise Unavailable("The data region {region} has no storage for files.", region=organization.data_region)
    origin = current_origin()
    export = LogExport(
        organization=organization,
        created_by=origin.actor,
        user_id=origin.user_id,
        filters=search.but(until=search.until or timezone.now()).as_json(),
        file_format=file_format,
        language=translation.get_language() or "en",
        rows_estimated=_estimate(search, organization),
    )
    export.folder = f"{organization.data_region}/log-exports/{organization.pk}/{export.pk}/"
    export.file_key = fresh_data_key()
    with transaction.atomic():
        lock_until_commit("log exports", organization.pk)
        if exports_of(organization).filter(status__in=LogExport.OPEN).count() >= OPEN_AT_MOST:
            raise Conflict("At most {most} exports are at work at a time.", most=OPEN_AT_MOST)
        export.save(force_insert=True)
        record_action("log_export.started", export, {"filters": export.filters, "format": file_format})
        transaction.on_commit(partial(hint, WAKE_UP))
    return export


def repeat_export(export: LogExport) -> LogExport:
    """Have the same calls written anew. Raises Conflict where a file is or will be, and what `start_export` raises."""
    if not export.may_be_repeated:
        raise Conflict("This export is at work, or has its file.")
    return start_export(export.organization, LogSearch.from_json(export.filters), file_format=export.file_format)


def exports_of(organization: Organization) -> QuerySet[LogExport]:
    return LogExport.objects.filter(organization=organization)


def cancel_export(export: LogExport) -> None:
    """Raises Conflict when it has ended."""
    with transaction.atomic():
        locked = LogExport.objects.select_for_update().get(pk=export.pk)
        if not locked.is_open:
            raise Conflict("This export has ended already.")
        end_export(locked, LogExport.Status.CANCELLED)
        record_action("log_export.cancelled", locked, {"rows": locked.rows_done})


def end_export(export: LogExport, status: LogExport.Status, *, error: str = "") -> None:
    """Close it, whose row the caller has locked. What there is of a file goes when its time is over."""
    now = timezone.now()
    export.status, export.completed_at, export.expires_at, export.error_message = status, now, now + KEPT, error
    export.claim = export.claimed_until = None
    export.save(
        update_fields=[
            "status", "completed_at", "expires_at", "error_message", "claim", "claimed_until", "rows_done", "is_cut",
            "position", "parts", "size",
        ]
    )  # fmt: skip


def download(export: LogExport) -> Iterator[bytes]:
    """The file, a part at a time; that it was taken is written down first.

    Raises Conflict where there is none, BodyDamaged, and Unavailable or ConfigurationError where the storage is.
    """
    if not export.has_file:
        raise Conflict("This export has no file.")
    first = part_of(export, 0)
    record_action("log_export.downloaded", export, {"rows": export.rows_done, "format": export.file_format})
    return _parts(export, first)


def part_of(export: LogExport, part: int) -> bytes:
    """Raises BodyDamaged for a part that is missing or altered."""
    try:
        with default_storage.open(export.file_name(part)) as file:
            sealed: bytes = file.read()
        return open_file(sealed, export.file_key.reveal(), place=_place(export, part))
    except (FileNotFoundError, VaultError) as error:
        raise BodyDamaged("The file of this export is damaged: make it anew.") from error


def sealed_part(export: LogExport, part: int, content: bytes) -> bytes:
    """As it is written to object storage: it opens as this part of this export alone."""
    return seal_file(content, export.file_key.reveal(), place=_place(export, part))


def delete_expired() -> int:
    """Rows go, and with them the keys; a trigger notes the files, which are removed soon after."""
    expired = LogExport.objects.filter(expires_at__lt=timezone.now()).exclude(status__in=LogExport.OPEN)
    return expired.delete()[0]


def _parts(export: LogExport, first: bytes) -> Iterator[bytes]:
    yield first
    for part in range(1, export.parts):
        yield part_of(export, part)


def _place(export: LogExport, part: int) -> str:
    return f"log_exports.file.{export.pk}.{part}"


def _estimate(search: LogSearch, organization: Organization) -> int | None:
    """What the planner thinks, at no cost; nothing about words, of which it knows little."""
    if search.text:
        return None
    plan = json.loads(search.rows(organization).explain(format="json"))
    return min(MOST_ROWS, int(plan[0]["Plan"]["Plan Rows"]))
