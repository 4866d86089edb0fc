"""A part of the log's archive: the calls of a table as lines, the lines as a sealed file, and the way back.

A line is a call as JSON. PostgreSQL makes it and reads it, so that every value comes back as it was; and of the same
call it always makes the same line, by which a file can be compared with a table.
"""

from __future__ import annotations

import gzip
import hashlib
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction

from integrations.envelope import open_file, seal_file
from integrations.errors import BodyDamaged
from integrations.vault import VaultError

from .log_months import TABLE
from .log_places import Position
from .log_tables import columns_of
from .models import CallLog, LogArchive

# What a part has at most: it is held in memory as a whole.
PART_ROWS = 50_000
PART_BYTES = 32 * 1024 * 1024
_FETCHED = 500
_INSERTED = 500

Call = tuple[str, datetime, uuid.UUID]  # its line, and its place in the log


@dataclass(frozen=True)
class Lines:
    content: bytes
    rows: int
    first: Position
    last: Position

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def archived_columns(table: str) -> list[str]:
    """The model's; what others keep beside them in the table is theirs to do without."""
    there = set(columns_of(table))
    return [field.column for field in CallLog._meta.concrete_fields if field.column in there]


def read_on(table: str, organization_id: uuid.UUID, after: Position | None) -> Lines | None:
    """The next calls of an organization, as many as a part takes. Served by logs_org_newest of the table."""
    condition, params = ("(created_at, id) > (%s, %s)", [after.created_at, after.pk]) if after else ("true", [])
    lines: list[str] = []
    size, first, last = 0, None, None
    with _calls(table, organization_id, condition, params) as calls:
        for line, created_at, pk in calls:
            last = Position(created_at, pk)
            first = first or last
            lines.append(line)
            size += len(line)
            if len(lines) >= PART_ROWS or size >= PART_BYTES:
                break
    if first is None or last is None:
        return None
    return Lines("".join(f"{line}\n" for line in lines).encode(), len(lines), first, last)


def digest_in(table: str, part: LogArchive) -> str:
    """SHA-256 of what the table has now from the part's first call to its last."""
    digest = hashlib.sha256()
    condition = "(created_at, id) >= (%s, %s) AND (created_at, id) <= (%s, %s)"
    params = [part.first_at, part.first_id, part.last_at, part.last_id]
    with _calls(table, part.organization_id, condition, params) as calls:
        for line, _created_at, _pk in calls:
            digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def save_file(part: LogArchive, lines: Lines) -> int:
    """Write the file, anew where there is one; returns its size. Raises what the storage does."""
    packed = gzip.compress(lines.content, compresslevel=6, mtime=0)
    sealed = seal_file(packed, part.file_key.reveal(), place=_place(part))
    default_storage.save(part.file, ContentFile(sealed))
    return len(sealed)


def read_file(part: LogArchive) -> bytes:
    """The lines, which are those that were written. Raises BodyDamaged, and Unavailable or ConfigurationError where the
    storage is."""
    try:
        with default_storage.open(part.file) as file:
            sealed: bytes = file.read()
        content = gzip.decompress(open_file(sealed, part.file_key.reveal(), place=_place(part)))
    except FileNotFoundError as error:
        raise BodyDamaged("The file {file} of the log's archive is missing.", file=part.file) from error
    except (VaultError, OSError, EOFError, zlib.error) as error:
        raise BodyDamaged(
            "The file {file} of the log's archive does not open: it was altered, or its key is gone.", file=part.file
        ) from error
    if hashlib.sha256(content).hexdigest() != part.sha256:
        raise BodyDamaged("The file {file} of the log's archive is not the one in the manifest.", file=part.file)
    return content


def put_back(part: LogArchive, table: str) -> None:
    """The part's calls into a table like the log; those that are there already are let be. Raises as `read_file`.

    What the log has had since gets its default, and what is no more is left out. What others keep beside the model's
    columns stays empty: restored calls are news to nobody.
    """
    there = columns_of(table)
    ours = [column for column in part.columns if column in there]
    known = {field.column for field in CallLog._meta.concrete_fields}
    others = [column for column in there if column not in known]
    values = ", ".join([*ours, *("NULL" for _ in others)])
    sql = (
        f"INSERT INTO {table} ({', '.join([*ours, *others])}) SELECT {values}"  # noqa: S608 - our own names
        f" FROM json_populate_recordset(NULL::{TABLE}, %s::json) ON CONFLICT DO NOTHING"
    )
    lines = read_file(part).decode().split("\n")[:-1]  # not splitlines: text may hold other ends of lines
    with connection.cursor() as cursor:
        for at in range(0, len(lines), _INSERTED):
            cursor.execute(sql, [f"[{','.join(lines[at : at + _INSERTED])}]"])


@contextmanager
def _calls(table: str, organization_id: uuid.UUID, condition: str, params: list[Any]) -> Iterator[Iterator[Call]]:
    columns = ", ".join(archived_columns(table))
    sql = (
        f"SELECT row_to_json(call)::text, created_at, id FROM (SELECT {columns} FROM {table}"  # noqa: S608 - our own
        f" WHERE organization_id = %s AND {condition} ORDER BY created_at, id) AS call"
    )
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(sql, [organization_id, *params])
        yield (call for calls in iter(lambda: cursor.fetchmany(_FETCHED), []) for call in calls)


def _place(part: LogArchive) -> str:
    return f"log_archives.file.{part.pk}"
