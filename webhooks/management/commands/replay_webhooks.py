from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from integrations.request_id import Origin, originating

from ...models import WebhookEvent
from ...replay import replay_events, select_events


class Command(BaseCommand):
    help = "Apply stored events again: those named by id, or all that fit the filters. What is so already stays so."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", type=uuid.UUID, help="the events' ids")
        parser.add_argument("--endpoint", type=uuid.UUID, metavar="ID")
        parser.add_argument("--connection", type=uuid.UUID, metavar="ID")
        parser.add_argument("--status", choices=WebhookEvent.Status.values, default="")
        parser.add_argument("--type", dest="event_type", default="", help="the provider's name of the event")
        parser.add_argument("--since", type=_moment, help="YYYY-MM-DD or YYYY-MM-DDTHH:MM, in the server's time zone")
        parser.add_argument("--until", type=_moment, help="likewise; now by default")
        parser.add_argument("--dry-run", action="store_true", help="count only")

    def handle(self, *args: Any, ids: list[uuid.UUID], dry_run: bool, **options: Any) -> None:
        names = ("endpoint", "connection", "status", "event_type", "since", "until")
        filters = {name: options[name] for name in names if options[name]}
        if bool(ids) == bool(filters):
            raise CommandError("Name the events by id, or by at least one filter.")
        events = _named(ids) if ids else select_events(WebhookEvent.objects.all(), **filters)
        if dry_run:
            self.stdout.write(f"{events.count()} events would be replayed.")
            return
        with originating(Origin(str(uuid.uuid4()), actor="replay_webhooks")):
            self.stdout.write(f"{replay_events(events)} events are due again.")


def _named(ids: list[uuid.UUID]) -> QuerySet[WebhookEvent]:
    found = WebhookEvent.objects.filter(pk__in=ids).order_by("pk")
    missing = set(ids) - set(found.values_list("pk", flat=True))
    if missing:
        raise CommandError(f"There is no event {', '.join(map(str, sorted(missing)))}.")
    return found


def _moment(text: str) -> datetime:
    """Raises ValueError, of which the command makes a message."""
    day = parse_date(text) if len(text) == 10 else None
    moment = datetime.combine(day, datetime.min.time()) if day else parse_datetime(text)
    if moment is None:
        raise ValueError(text)
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
