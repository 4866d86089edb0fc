from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from ...rollup import rollup


class Command(BaseCommand):
    help = "Add up calls into hours and days: what is new, or again from --since to --until."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", help="YYYY-MM-DD or YYYY-MM-DDTHH:MM, in the server's time zone")
        parser.add_argument("--until", help="likewise; now by default")

    def handle(self, *args: Any, since: str | None, until: str | None, **options: Any) -> None:
        done = rollup(_moment(since), _moment(until))
        self.stdout.write(f"{done.hours} hours and {done.days} days from {done.since:%d/%m/%Y %H:%M} UTC on.")


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    day = parse_date(text) if len(text) == 10 else None
    moment = datetime.combine(day, datetime.min.time()) if day else parse_datetime(text)
    if moment is None:
        raise CommandError(f"{text!r} is neither a day nor a time.")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
