from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ...audit import broken_entries


class Command(BaseCommand):
    help = "Walk the audit log's hash chains; exit status 1 when an entry was changed or taken out."

    def handle(self, *args: Any, **options: Any) -> None:
        broken = 0
        for entry, reason in broken_entries():
            broken += 1
            self.stdout.write(f"{entry.pk} {entry.created_at:%d/%m/%Y %H:%M} {entry.action}: {reason}")
        if broken:
            raise SystemExit(1)
        self.stdout.write("Every chain holds.")
