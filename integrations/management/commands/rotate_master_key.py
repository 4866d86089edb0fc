from __future__ import annotations

import time
from argparse import RawDescriptionHelpFormatter
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from tqdm import tqdm

from ...master_keys import add_key, drop_key, fresh_master_key, keyring
from ...models.base import uuid7
from ...operations.announce import record_action
from ...operations.locks import AdvisoryLock
from ...request_id import Origin, originating
from ...sealed_columns import SealedColumn, rows_by_key, seal_under_newest, sealed_columns

_NOTICED_SECONDS = 3  # after which every process seals with a key that was added to the file
_FORGOTTEN_SECONDS = 10  # after which no process holds a secret as it was read before


class Command(BaseCommand):
    help = """\
Seal every secret under a new master key, while the system runs.

Where the keys are in a file (HUB_MASTER_KEYS_FILE, or `master_keys` in the data folder), a key is added to it and
everything is sealed anew. Interrupted, it goes on from there when it is called again. --drop then takes out the old
key. A server without that file (on another machine, say) must have it first.

Where HUB_MASTER_KEYS gives them, make a key by --generate; add it as the last one and restart every process, so that
all can open what it seals; make it the first one and restart again; then call this, and take the old key out."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--report", action="store_true", help="only say how many rows are under which key")
        what.add_argument("--drop", metavar="KEY_ID", help="take out a key that seals nothing any more")
        what.add_argument("--generate", action="store_true", help="print a fresh entry for HUB_MASTER_KEYS")
        parser.add_argument("--batch-size", type=int, default=200, metavar="ROWS", help="rows a transaction")

    def handle(self, *args: Any, report: bool, drop: str, generate: bool, batch_size: int, **options: Any) -> None:
        if batch_size < 1:
            raise CommandError("A batch has at least one row.")
        if generate:
            self.stdout.write(fresh_master_key())
        elif report:
            self._report()
        else:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [AdvisoryLock.MASTER_KEY_ROTATION])
                if not cursor.fetchone()[0]:
                    raise CommandError("Another rotation is running.")
                try:
                    self._drop(drop) if drop else self._rotate(batch_size)
                except OSError as error:
                    file = settings.MASTER_KEYS_FILE
                    raise CommandError(
                        f"{file} cannot be changed: {error.strerror}. Its keys are as before."
                    ) from error
                finally:
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [AdvisoryLock.MASTER_KEY_ROTATION])

    def _report(self) -> None:
        ring, total, unknown = keyring(), Counter[str](), 0
        for column in sealed_columns():
            for key_id, rows in sorted(rows_by_key(column).items()):
                self.stdout.write(f"{column!s:<45} {key_id:<20} {rows:>10}")
                total[key_id] += rows
                unknown += rows if key_id not in ring.ciphers else 0
        for key_id in ring.ciphers:
            role = "seals what is new" if key_id == ring.newest else "opens what is old"
            self.stdout.write(f"key {key_id}: {total[key_id]} rows; {role}")
        if unknown:
            raise CommandError(f"{unknown} rows are under a key that is not configured: they cannot be read.")

    def _rotate(self, batch_size: int) -> None:
        if not _under_others():
            if not settings.MASTER_KEYS_FILE:
                raise CommandError(
                    "Every row is under the newest key of HUB_MASTER_KEYS. To rotate, give it another: see --help."
                )
            key_id = add_key(settings.MASTER_KEYS_FILE)
            _record("master_key.added", key_id)
            self.stdout.write(f"Added the key {key_id}.")
        else:
            self.stdout.write(f"Sealing under {keyring().newest} what is not under it yet.")
        noticed_at = time.monotonic() + _NOTICED_SECONDS
        unreadable: set[str] = set()
        with tqdm(total=_under_others(), unit="rows", file=self.stderr, disable=None) as bar:
            while True:
                is_last = time.monotonic() > noticed_at
                for column in sealed_columns():
                    for batch in seal_under_newest(column, batch_size=batch_size):
                        bar.update(batch.resealed)
                        unreadable.update(f"{column} {pk}" for pk in batch.unreadable)
                if is_last and _under_others() <= len(unreadable):
                    break
                time.sleep(0.2)
        if unreadable:
            raise CommandError("These do not open, and were left as they are:\n" + "\n".join(sorted(unreadable)))
        _record("master_key.rotated", keyring().newest)
        self.stdout.write(f"Every row is under {keyring().newest}.")

    def _drop(self, key_id: str) -> None:
        ring = keyring()
        if key_id not in ring.ciphers:
            raise CommandError(f"There is no key {key_id}; there are {', '.join(ring.ciphers)}.")
        if key_id == ring.newest:
            raise CommandError(f"{key_id} is the newest key: what is new is sealed under it.")
        _refuse_used(key_id)
        if not settings.MASTER_KEYS_FILE:
            self.stdout.write(f"Nothing is under {key_id}: take it out of HUB_MASTER_KEYS.")
            return
        # A running process may for some seconds still hold a row as it read it.
        time.sleep(_FORGOTTEN_SECONDS)
        _refuse_used(key_id)
        drop_key(settings.MASTER_KEYS_FILE, key_id)
        _record("master_key.dropped", key_id)
        self.stdout.write(f"Dropped {key_id}. Backups from before need it: keep it with them.")


def _record(action: str, key_id: str) -> None:
    with originating(Origin(str(uuid7()), actor="rotate_master_key")):
        record_action(action, f"master_key:{key_id}")


def _refuse_used(key_id: str) -> None:
    if used := sum(rows_by_key(column)[key_id] for column in sealed_columns()):
        raise CommandError(f"{used} rows are still under {key_id}. Call rotate_master_key first.")


def _under_others() -> int:
    newest = keyring().newest

    def others(column: SealedColumn) -> int:
        return sum(rows for key_id, rows in rows_by_key(column).items() if key_id != newest)

    return sum(map(others, sealed_columns()))
