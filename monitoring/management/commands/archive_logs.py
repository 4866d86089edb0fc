from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from integrations.errors import IntegrationError
from integrations.request_id import Origin, originating

from ...log_archive import STEPS, count_calls, months_due
from ...log_keeping import jobs
from ...log_retention import months_too_old


class Command(BaseCommand):
    help = """Move the months of the call log that are old from the database to object storage, and delete what is
too old to be kept (HUB_LOG_HOT_MONTHS, HUB_LOG_RETENTION_MONTHS). It happens every hour by itself; interrupted, it goes
on from there when it is called again."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count only")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        total = self._tell_what_is_due()
        if dry_run:
            return
        with originating(Origin(str(uuid.uuid4()), actor="archive_logs")):
            failed = self._work(total)
        if failed:
            raise CommandError("These calls stay where they are:\n" + "\n".join(failed))

    def _tell_what_is_due(self) -> int:
        too_old = months_too_old()
        for month in too_old:
            self.stdout.write(f"{month:%Y-%m}: is to be deleted.")
        total = 0
        for month in months_due():
            if month in too_old:
                continue
            counts = count_calls(month)
            for organization, calls in sorted(counts.items(), key=lambda one: one[0].slug):
                self.stdout.write(f"{month:%Y-%m}: {calls} calls of {organization.slug} are to be archived.")
            total += sum(counts.values())
        if not too_old and not total:
            self.stdout.write("Nothing is due.")
        return total

    def _work(self, total: int) -> list[str]:
        """The bar counts each call as often as it is passed: to write it, to read it back, to compare it."""
        failed: dict[date, str] = {}
        with tqdm(total=total * STEPS, unit="rows", file=self.stderr, disable=None) as bar:
            for month, steps in jobs():
                bar.set_description(f"{month:%Y-%m}")
                try:
                    for calls in steps:
                        bar.update(calls)
                except IntegrationError as error:
                    failed[month] = f"{month:%Y-%m}: {error}"
                else:
                    self.stdout.write(f"{month:%Y-%m}: done.")
        return list(failed.values())
