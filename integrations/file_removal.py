"""Files whose rows were deleted leave object storage, too.

The deletion of the row notes its file in the same transaction (see `RemovableFile`). A run removes files and forgets
those that are gone: one that dies in between, or two at once, remove once more what is not there.
"""

from __future__ import annotations

import logging
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.core.files.storage import default_storage
from django.db.models import QuerySet, TextField, Value
from django.db.models.functions import StrIndex, Substr
from django.utils import timezone

from .errors import ConfigurationError, IntegrationError, Unavailable
from .models import RemovableFile

logger = logging.getLogger(__name__)

# Whoever began before the deletion may still be writing the file; none takes longer than a task may.
SETTLED_AFTER = timedelta(minutes=15)
_AT_ONCE = 16
_FIRST = uuid.UUID(int=0)


def remove_files(files: type[RemovableFile], *, seconds: float = 20.0) -> int:
    """Remove those of `files` that are due until there are no more or the time is up; returns how many went.

    What cannot be removed is told in the log, once for each data region, and tried again by the next run.
    """
    deadline = time.monotonic() + seconds
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="file_removal") as removers:
        return sum(_remove_of(files, region, removers, deadline) for region in _regions(files))


def _regions(files: type[RemovableFile]) -> list[str]:
    """The first part of each name."""
    region = Substr("name", 1, StrIndex("name", Value("/")) - 1, output_field=TextField())
    return list(_due(files).order_by().annotate(region=region).values_list("region", flat=True).distinct())


def _remove_of(files: type[RemovableFile], region: str, removers: ThreadPoolExecutor, deadline: float) -> int:
    """At least some of each region, so that none waits for one that takes its time to fail."""
    removed, last, problem = 0, _FIRST, None
    while chosen := list(_due(files).filter(name__startswith=f"{region}/", pk__gt=last)[:_AT_ONCE]):
        last = chosen[-1].pk
        problems = list(removers.map(_remove, chosen))
        gone = [file.pk for file, error in zip(chosen, problems, strict=True) if error is None]
        removed += _all(files).filter(pk__in=gone).delete()[0]
        problem = next(filter(None, problems), problem)
        if not gone or time.monotonic() > deadline:
            break
    if problem:
        kind = files._meta.verbose_name_plural
        logger.error("%s of the data region %s are not all removed: %s", kind, region, problem)
    return removed


def _remove(file: RemovableFile) -> IntegrationError | None:
    """In a thread of its own, without the database. One that is not there is gone."""
    try:
        default_storage.delete(file.name)
    except (ConfigurationError, Unavailable) as error:
        return error
    return None


def _due(files: type[RemovableFile]) -> QuerySet[RemovableFile]:
    return _all(files).filter(created_at__lt=timezone.now() - SETTLED_AFTER).order_by("pk")


def _all(files: type[RemovableFile]) -> QuerySet[RemovableFile]:
    return files._default_manager.all()
