"""The parts of a month that is archived, organization by organization: written, read back, compared with its table."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterator
from datetime import date

from django.db.models import Max, QuerySet, Sum

from integrations.envelope import fresh_data_key
from integrations.errors import BodyDamaged, ConfigurationError
from integrations.models import Organization
from integrations.object_storage import has_storage

from .log_archive_files import archived_columns, digest_in, read_file, read_on, save_file
from .log_places import Position
from .log_tables import counts_in
from .models import LogArchive

Status = LogArchive.Status


def write_parts(table: str, month: date) -> Iterator[int]:
    """Raises ConfigurationError where an organization's region has no storage, and what the storage does."""
    for organization in Organization.objects.filter(pk__in=counts_in(table)).order_by("pk"):
        if not has_storage(organization.data_region):
            raise ConfigurationError(
                "The data region {region!r} has no storage: HUB_STORAGE_BUCKETS names none.",
                region=organization.data_region,
            )
        while part := _write_part(table, month, organization):
            yield part.rows


def verify_parts(month: date) -> Generator[int, None, bool]:
    """Whether every file reads back. The parts of an organization of which one does not are forgotten."""
    is_good = True
    for part in _each(month, Status.WRITTEN):
        try:
            read_file(part)
        except BodyDamaged:
            _forget(part)
            is_good = False
            continue
        LogArchive.objects.filter(pk=part.pk).update(status=Status.VERIFIED)
        yield part.rows
    return is_good


def match_parts(table: str, month: date) -> Generator[int, None, bool]:
    """Whether the parts are what is in the table, to the last call. Those of an organization that are not go."""
    is_good = True
    for part in _each(month, Status.VERIFIED):
        if digest_in(table, part) != part.sha256:
            _forget(part)
            is_good = False
            continue
        LogArchive.objects.filter(pk=part.pk).update(status=Status.MATCHED)
        yield part.rows
    if is_good and (wrong := differing(table, month)):
        open_parts(month).filter(organization__in=wrong).delete()
        return False
    return is_good


def differing(table: str, month: date) -> set[uuid.UUID]:
    """The organizations whose parts have not as many calls as the table."""
    matched = open_parts(month).filter(status=Status.MATCHED).order_by()
    sums = dict(matched.values_list("organization").annotate(Sum("rows")))
    counts = counts_in(table)
    owners = Organization.objects.filter(pk__in=[*sums, *counts]).values_list("pk", flat=True)
    return {key for key in owners if sums.get(key, 0) != counts.get(key, 0)}


def open_parts(month: date) -> QuerySet[LogArchive]:
    return LogArchive.objects.filter(month=month, status__in=LogArchive.OPEN)


def _write_part(table: str, month: date, organization: Organization) -> LogArchive | None:
    """The next one, or that of which somebody died; None where there is nothing more to be written."""
    *before, last = [None, *open_parts(month).filter(organization=organization).order_by("part")]
    begun = last if last and last.status == Status.WRITING else None
    previous = before[-1] if begun else last
    lines = read_on(table, organization.pk, _end_of(previous))
    if lines is None:
        if begun:
            begun.delete()
        return None
    part = begun or _new_part(month, organization)
    part.columns, part.rows = archived_columns(table), lines.rows
    part.size, part.sha256 = len(lines.content), lines.sha256
    part.first_at, part.first_id = lines.first.created_at, lines.first.pk
    part.last_at, part.last_id = lines.last.created_at, lines.last.pk
    part.file_bytes, part.status = save_file(part, lines), Status.WRITTEN
    part.save()
    return part


def _new_part(month: date, organization: Organization) -> LogArchive:
    """Its file is named after its row, so that no later one has the name of one that is to be removed."""
    last = LogArchive.objects.filter(month=month, organization=organization).aggregate(last=Max("part"))["last"]
    part = LogArchive(month=month, organization=organization, part=0 if last is None else last + 1)
    part.file = f"{organization.data_region}/logs/{organization.pk}/{month:%Y/%m}/{part.pk}"
    part.file_key = fresh_data_key()
    part.save(force_insert=True)
    return part


def _each(month: date, status: Status) -> Iterator[LogArchive]:
    """Those that are there when their turn comes: to forget one is to forget others with it."""
    there = open_parts(month).filter(status=status).order_by("organization", "part")
    for pk in list(there.values_list("pk", flat=True)):
        if part := LogArchive.objects.filter(pk=pk).first():
            yield part


def _forget(part: LogArchive) -> None:
    """All that has been written of its organization's month; what is in the table is written anew."""
    open_parts(part.month).filter(organization=part.organization_id).delete()


def _end_of(part: LogArchive | None) -> Position | None:
    return Position(part.last_at, part.last_id) if part and part.last_at and part.last_id else None
