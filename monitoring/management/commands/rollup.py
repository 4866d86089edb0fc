from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from tqdm import tqdm

from ...rollup import RolledUp, steps, summary

_INTERRUPTED = 130


class Command(BaseCommand):
    help = """Add up calls and webhook events into hours, and hours into days: what is new, as happens every minute by
itself; with --since, count that time anew as well. Each step is kept, so an interrupted run may simply be run again.
Exit status 0 when all is added up, 1 when it cannot be, 130 when it was interrupted."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", help="YYYY-MM-DD or YYYY-MM-DDTHH:MM, in the server's time zone")
        parser.add_argument("--until", help="likewise; now by default")

    def handle(self, *args: Any, since: str | None, until: str | None, **options: Any) -> None:
        first, last = _moment("--since", since), _moment("--until", until)
        if last and not first:
            raise CommandError("--until needs --since.")
        if first and first >= (last or timezone.now()):
            raise CommandError("--since must be before --until, or before now.")
        try:
            done = self._run(first, last)
        except KeyboardInterrupt as interruption:
            raise CommandError("Interrupted; what was done is kept.", returncode=_INTERRUPTED) from interruption
        self.stdout.write(f"{done.hours} hours and {done.days} days, from {done.since:%d/%m/%Y %H:%M} UTC on.")

    def _run(self, first: datetime | None, last: datetime | None) -> RolledUp:
        done: list[RolledUp] = []
        with tqdm(unit="steps", file=self.stderr, disable=None) as bar:
            for step in steps(first, last):
                done.append(step)
                bar.total = len(done) + step.left
                bar.update()
        return summary(done)


def _moment(option: str, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        day = parse_date(text) if len(text) == 10 else None
        moment = datetime.combine(day, datetime.min.time()) if day else parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"{option}: {text!r} is neither a day nor a time.")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
