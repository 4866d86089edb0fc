from __future__ import annotations

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ...models.base import uuid7
from ...operations.credential_upkeep import due_credentials, expiring_credentials, look_after_credentials
from ...request_id import Origin, originating


class Command(BaseCommand):
    help = (
        "Renew the credentials that are due by their policy where the provider's API can, remind people of the others, "
        "and end what was replaced. Exit status 1 when something failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only list what is due or about to expire")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        if dry_run:
            self._list()
            return
        with originating(Origin(str(uuid7()), actor="rotate_credentials")):
            done = look_after_credentials()
        counts = ", ".join(f"{done[what]} {what}" for what in ("renewed", "reminded", "ended", "failed"))
        self.stdout.write(f"{counts}.")
        if done["failed"]:
            raise SystemExit(1)

    def _list(self) -> None:
        shown: set[uuid.UUID] = set()
        for credential in [*due_credentials(), *expiring_credentials()]:
            if credential.pk in shown:
                continue
            shown.add(credential.pk)
            why, moment = ("due since", credential.due_at) if credential.is_due else ("expires", credential.expires_at)
            self.stdout.write(f"{credential.connection}: {credential} {why} {moment:%d/%m/%Y}")
