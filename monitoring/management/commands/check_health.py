from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from integrations.models import Connection

from ...health import check_connection, check_due
from ...models import HealthCheck


class Command(BaseCommand):
    help = "Check the connections that are due, or --all active ones; exit status 1 when one is down."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="every active connection, due or not")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["all"]:
            self.stdout.write(f"{check_due()} connections checked.")
            return
        down = 0
        for connection in Connection.objects.usable().select_related("provider", "organization").iterator():
            check = check_connection(connection)
            down += check.status == HealthCheck.Status.DOWN
            self.stdout.write(
                f"{check.status:9} {check.response_time_ms or 0:6} ms  {connection}  {check.error_message}"
            )
        if down:
            raise SystemExit(1)
