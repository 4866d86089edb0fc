from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

from integrations.models import Organization, User
from integrations.operations.locks import AdvisoryLock


class Command(BaseCommand):
    help = "Migrate, sync the catalogue, and make the demo organization and the super admin when there are none."

    def handle(self, *args: Any, **options: Any) -> None:
        with _one_at_a_time():
            call_command("migrate", interactive=False, verbosity=0)
            call_command("sync_providers", verbosity=0)
            Organization.objects.get_or_create(slug="demo", defaults={"name": "Demo"})
            if not User.objects.filter(is_superuser=True).exists():
                self._make_admin()

    def _make_admin(self) -> None:
        given = settings.ADMIN_PASSWORD
        password = given or secrets.token_urlsafe(12)
        User.objects.create_superuser("admin", password=password)
        if not given:
            self.stdout.write(f"\n  Super admin made: admin / {password}   (shown this once)")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two machines that start at once migrate one after the other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [AdvisoryLock.BOOTSTRAP])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [AdvisoryLock.BOOTSTRAP])
