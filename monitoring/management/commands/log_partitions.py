from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...partitions import check_partitions, ensure_partitions


class Command(BaseCommand):
    help = """Make the tables of the call log's next months, and move calls that had to go to the default one into their
own; exit status 1 when a table is missing or calls are astray. It happens every hour by itself."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="look only")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        for name in [] if check else ensure_partitions():
            self.stdout.write(f"{name} is made.")
        state = check_partitions()
        self.stdout.write(f"Tables are there for this month and {state.ahead} after it.")
        faults = [f"{month:%Y-%m} has no table." for month in state.missing]
        if state.stray_rows:
            faults.append(f"{state.stray_rows} calls are in the default table.")
        if faults:
            raise CommandError("\n".join(faults))
