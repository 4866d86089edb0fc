"""Exports are written part by part: read the next calls, seal them, write the file, note the place.

No transaction is open while a file is written. A worker holds a claim for as long as a part may take, and whoever
notes a part must still hold it: of a worker that was killed the next one writes the same part once more, under the same
name, and nothing is lost or doubled. In memory is one part, however long the export.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import OperationalError, transaction
from django.db.models import F, Q
from django.utils import timezone, translation
from django.utils.translation import gettext_noop

from integrations.bounded import TookTooLong, reading_within
from integrations.errors import ConfigurationError, IntegrationError, Unavailable
from integrations.models import Connection
from integrations.models.base import uuid7
from integrations.tenancy import acting_for

from .log_export_rows import ROWS_A_PART, content_of
from .log_exports import MOST_ROWS, end_export, sealed_part
from .log_places import Position
from .log_search import LogSearch
from .models import CallLog, LogExport

logger = logging.getLogger(__name__)

CLAIM = timedelta(minutes=3)
_PART_SECONDS = 60.0  # to read it
_TRIED_AGAIN_AFTER = timedelta(seconds=30)
_GIVEN_UP_AFTER = timedelta(days=1)


def advance_all(*, seconds: float = 20.0) -> int:
    """Parts of the open exports in turn, until none is left or the time is up; returns how many were written."""
    _give_up()
    deadline = time.monotonic() + seconds
    written = 0
    while time.monotonic() < deadline and (export := _claim()):
        written += _advance(export)
    return written


def _give_up() -> None:
    """What is more than a day old and was put off, or has lost its worker: it would come back for ever."""
    now = timezone.now()
    with transaction.atomic():
        left = LogExport.objects.filter(claimed_until__lt=now, created_at__lt=now - _GIVEN_UP_AFTER)
        for export in left.filter(status__in=LogExport.OPEN).exclude(claim=None).select_for_update(skip_locked=True):
            end_export(export, LogExport.Status.FAILED, error=gettext_noop("It could not be finished within a day."))


def _claim() -> LogExport | None:
    """The export that has waited longest, but for those in somebody's hands."""
    now = timezone.now()
    with transaction.atomic():
        free = LogExport.objects.filter(Q(claim=None) | Q(claimed_until__lt=now), status__in=LogExport.OPEN)
        waiting = free.order_by(F("claimed_until").asc(nulls_first=True), "pk")
        export = waiting.select_for_update(skip_locked=True).first()
        if export is None:
            return None
        export.claim, export.claimed_until, export.status = uuid7(), now + CLAIM, LogExport.Status.RUNNING
        export.save(update_fields=["claim", "claimed_until", "status"])
    return export


def _advance(export: LogExport) -> bool:
    """Whether another part of it is written. A database or storage that is away leaves it as it was."""
    try:
        return _write_part(export)
    except (OperationalError, Unavailable, ConfigurationError) as error:
        logger.warning("Log export %s waits: %s", export.pk, error)
        # What a database says of itself is not for everybody's eyes.
        told = str(error) if isinstance(error, IntegrationError) else gettext_noop("The database does not answer.")
        _put_off(export, told)
    except TookTooLong:
        _fail(export, gettext_noop("The search took too long: narrow it."))
    except Exception:  # the edge of the work: an export that cannot go on must not come back for ever
        logger.exception("Log export %s cannot go on.", export.pk)
        _fail(export, gettext_noop("The export came upon an error that nobody expected."))
    return False


def _write_part(export: LogExport) -> bool:
    asked = min(ROWS_A_PART[LogExport.Format(export.file_format)], MOST_ROWS - export.rows_done)
    calls, names = _read(export, asked + 1)
    with translation.override(export.language), timezone.override(ZoneInfo(export.organization.timezone)):
        content = content_of(calls[:asked], names, export.file_format, is_first=export.parts == 0)
    sealed = sealed_part(export, export.parts, content)
    default_storage.save(export.file_name(export.parts), ContentFile(sealed))
    return _note(export, calls[:asked], len(content), is_more=len(calls) > asked)


def _read(export: LogExport, count: int) -> tuple[list[CallLog], dict[UUID, str]]:
    """The next calls, as the organization may see them, and the names of its connections."""
    search, place = LogSearch.from_json(export.filters), Position.parse(export.position)
    whole = export.file_format == LogExport.Format.JSON_LINES
    with acting_for(export.organization_id), reading_within(_PART_SECONDS):
        calls = search.calls(export.organization, place, size=count, whole=whole)
        connections = Connection.objects.filter(organization=export.organization_id)
        return calls, dict(connections.values_list("pk", "connection_name"))


def _note(export: LogExport, calls: Sequence[CallLog], size: int, *, is_more: bool) -> bool:
    """Unless it was cancelled meanwhile, or taken over by another worker."""
    with transaction.atomic():
        ours = LogExport.objects.select_for_update().filter(claim=export.claim, status=LogExport.Status.RUNNING)
        locked = ours.filter(pk=export.pk).first()
        if locked is None:
            return False
        locked.parts += 1
        locked.rows_done += len(calls)
        locked.size += size
        if calls:
            locked.position = str(Position.of(calls[-1]))
        if is_more and locked.rows_done < MOST_ROWS:
            locked.claim, locked.claimed_until, locked.error_message = None, timezone.now(), ""
            locked.save(
                update_fields=["parts", "rows_done", "size", "position", "claim", "claimed_until", "error_message"]
            )
        else:
            locked.is_cut = is_more
            end_export(locked, LogExport.Status.COMPLETED)
    return True


def _put_off(export: LogExport, reason: str) -> None:
    """The claim is kept for a while, so that others have their turn; why is kept until the next part is written."""
    ours = LogExport.objects.filter(pk=export.pk, claim=export.claim, status=LogExport.Status.RUNNING)
    ours.update(claimed_until=timezone.now() + _TRIED_AGAIN_AFTER, error_message=reason)


def _fail(export: LogExport, sentence: str) -> None:
    with transaction.atomic():
        ours = LogExport.objects.select_for_update().filter(claim=export.claim, status=LogExport.Status.RUNNING)
        locked = ours.filter(pk=export.pk).first()
        if locked:
            end_export(locked, LogExport.Status.FAILED, error=sentence)
