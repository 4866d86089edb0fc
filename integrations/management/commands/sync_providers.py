from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from integrations.operations.catalogue import sync_catalogue


class Command(BaseCommand):
    help = "Bring the catalogue of providers in line with the code. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        sync = sync_catalogue()
        if options["verbosity"]:
            self.stdout.write(f"Created {sync.created}, updated {sync.updated}, deactivated {sync.deactivated}.")
