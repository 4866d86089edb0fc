from __future__ import annotations

import sys
import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from tqdm import tqdm

from integrations.errors import IntegrationError
from integrations.models import Organization
from integrations.request_id import Origin, originating
from integrations.tenancy import acting_for

from ...models import WebhookEvent, WebhookReplay
from ...replay import cancel_replay, start_replay
from ...replay_batches import advance
from ...replay_selection import Selection, Summary, summarize

_INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Apply stored events again: those named by id, or all that fit the filters. What is so already stays so. "
        "On a terminal it asks first. Killed, it is gone on with by the workers; Ctrl-C stops the replay."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", type=uuid.UUID, help="the events' ids")
        parser.add_argument("--endpoint", type=uuid.UUID, metavar="ID")
        parser.add_argument("--connection", type=uuid.UUID, metavar="ID")
        parser.add_argument("--status", choices=WebhookEvent.Status.values, default="")
        parser.add_argument("--type", dest="event_type", default="", help="the provider's name of the event")
        parser.add_argument("--since", type=_moment, help="YYYY-MM-DD or YYYY-MM-DDTHH:MM, in the server's time zone")
        parser.add_argument("--until", type=_moment, help="likewise; now by default")
        parser.add_argument("--dry-run", action="store_true", help="count only")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, ids: list[uuid.UUID], dry_run: bool, yes: bool, **options: Any) -> None:
        names = ("endpoint", "connection", "status", "event_type", "since", "until")
        selection = Selection(ids=tuple(ids), **{name: options[name] for name in names if options[name]})
        if bool(ids) == bool(selection.filters):
            raise CommandError("Name the events by id, or by at least one filter.")
        _refuse_unknown(ids)
        found = summarize(selection.among(WebhookEvent.objects.all()))
        if dry_run:
            self.stdout.write(f"{found.count} events would be replayed.")
            return
        if found.count and not yes and sys.stdin.isatty() and not self._confirmed(found):
            raise CommandError("Nothing was replayed.")
        with originating(Origin(str(uuid.uuid4()), actor="replay_webhooks")):
            runs = [self._replay(one, selection) for one in _organizations_of(selection)]
        self.stdout.write(f"{sum(run.done for run in runs)} events are due again.")
        if skipped := sum(run.skipped for run in runs):
            self.stdout.write(f"{skipped} were waiting anyway, or fitted no longer in their turn.")

    def _confirmed(self, found: Summary) -> bool:
        for status, count in found.by_status.items():
            self.stdout.write(f"{count:>10} {status}")
        return input(f"Replay {found.count} events? [y/N] ").strip().lower() in ("y", "yes")

    def _replay(self, organization: Organization, selection: Selection) -> WebhookReplay:
        """Work through the run here; workers that find it meanwhile help."""
        with acting_for(organization.pk):
            try:
                run = start_replay(organization, _within(organization, selection), paced=False)
            except IntegrationError as error:
                raise CommandError(error.message) from error
            try:
                self._work_through(run)
            except KeyboardInterrupt as interruption:
                run = cancel_replay(run)
                message = f"Stopped: {run.done} of {run.total} events are due again."
                raise CommandError(message, returncode=_INTERRUPTED) from interruption
            if run.status != WebhookReplay.Status.COMPLETED:
                raise CommandError(f"Replay {run.pk} is {run.status} at {run.passed} of {run.total} events.")
        return run

    def _work_through(self, run: WebhookReplay) -> None:
        with tqdm(total=run.total, initial=run.passed, unit="events", file=self.stderr, disable=None) as bar:
            while run.is_open:
                batch = advance(run, paced=False, wait=True)
                run.refresh_from_db()
                bar.update(run.passed - bar.n)
                if not batch.goes_on:
                    break


def _within(organization: Organization, selection: Selection) -> Selection:
    if not selection.ids:
        return selection
    own = WebhookEvent.objects.filter(organization=organization, pk__in=selection.ids)
    return replace(selection, ids=tuple(own.values_list("pk", flat=True)))


def _organizations_of(selection: Selection) -> list[Organization]:
    concerned = selection.among(WebhookEvent.objects.all()).order_by().values("organization")
    return list(Organization.objects.filter(pk__in=concerned))


def _refuse_unknown(ids: list[uuid.UUID]) -> None:
    missing = set(ids) - set(WebhookEvent.objects.filter(pk__in=ids).values_list("pk", flat=True))
    if missing:
        raise CommandError(f"There is no event {', '.join(map(str, sorted(missing)))}.")


def _moment(text: str) -> datetime:
    """Raises ValueError, of which the command makes a message."""
    day = parse_date(text) if len(text) == 10 else None
    moment = datetime.combine(day, datetime.min.time()) if day else parse_datetime(text)
    if moment is None:
        raise ValueError(text)
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
