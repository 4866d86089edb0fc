from __future__ import annotations

import uuid
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from integrations.errors import IntegrationError
from integrations.models import Organization
from integrations.request_id import Origin, originating
from webhooks import retention as webhook_retention

from ... import retention


class Command(BaseCommand):
    help = """Delete what is no longer kept: the bodies of webhooks that are older than their organization keeps them,
the summaries that are older than theirs, health checks, and what was sent of alerts. It happens daily by itself. Events
that are not finished are let be."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", metavar="SLUG", help="of this one alone")
        parser.add_argument("--dry-run", action="store_true", help="count only")

    def handle(self, *args: Any, organization: str, dry_run: bool, **options: Any) -> None:
        organizations = Organization.objects.filter(slug=organization) if organization else Organization.objects.all()
        if organization and not organizations:
            raise CommandError(f"There is no organization {organization}.")
        counts = {one: (*webhook_retention.count_too_old(one), *retention.count_too_old(one)) for one in organizations}
        for one, (bodies, summaries, checks, sent) in counts.items():
            told = f"{bodies} bodies, {summaries} summaries, {checks} health checks and {sent} notifications"
            self.stdout.write(f"{one.slug}: {told} are too old.")
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
                    for count in chain(retention.purge(organization), webhook_retention.purge(organization)):
                        bar.update(count)
                except IntegrationError as error:
                    failed.append(f"{organization.slug}: {error}")
        return failed
