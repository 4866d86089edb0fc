from __future__ import annotations

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from integrations.errors import IntegrationError
from integrations.models import Organization
from integrations.request_id import Origin, originating

from ...retention import count_too_old, purge


class Command(BaseCommand):
    help = """Delete what organizations no longer keep: the bodies of webhooks that are older than their retention, and
the summaries that are older than theirs. It happens daily by itself. Events that are not finished are let be."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", metavar="SLUG", help="of this one alone")
        parser.add_argument("--dry-run", action="store_true", help="count only")

    def handle(self, *args: Any, organization: str, dry_run: bool, **options: Any) -> None:
        organizations = Organization.objects.filter(slug=organization) if organization else Organization.objects.all()
        if organization and not organizations:
            raise CommandError(f"There is no organization {organization}.")
        counts = {one: count_too_old(one) for one in organizations}
        for one, (bodies, summaries) in counts.items():
            self.stdout.write(f"{one.slug}: {bodies} bodies and {summaries} summaries are too old.")
        if dry_run:
            return
        with originating(Origin(str(uuid.uuid4()), actor="purge")):
            failed = self._purge(list(counts), sum(sum(count) for count in counts.values()))
        if failed:
            raise CommandError("Not everything could be deleted:\n" + "\n".join(failed))

    def _purge(self, organizations: list[Organization], total: int) -> list[str]:
        failed = []
        with tqdm(total=total, unit="rows", file=self.stderr, disable=None) as bar:
            for organization in organizations:
                try:
                    for count in purge(organization):
                        bar.update(count)
                except IntegrationError as error:
                    failed.append(f"{organization.slug}: {error}")
        return failed
