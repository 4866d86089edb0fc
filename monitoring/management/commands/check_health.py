from __future__ import annotations

import uuid
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from integrations.models import Connection, Organization
from integrations.models.connections import ConnectionQuerySet
from integrations.request_id import Origin, originating

from ...health import AlreadyChecking, Judged, check_all, check_due
from ...health_rules import Status


class Command(BaseCommand):
    help = """\
Check the health of the connections that are due, many at a time; with an option, of others, due or not.

Exit status 0: all that were checked are well, or slow at worst. 1: one of them is down. 2: nothing was checked,
since a sweep is at work already, or what was asked for is not there."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--all", action="store_true", help="every active connection, due or not")
        which.add_argument("--connection", metavar="ID", help="this one")
        which.add_argument("--organization", metavar="SLUG", help="those of this organization")
        which.add_argument("--provider", metavar="SLUG", help="those to this provider")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = self._chosen(**options)
        down: list[Judged] = []
        with tqdm(total=chosen.count() if chosen is not None else None, file=self.stderr, disable=None) as bar:

            def told(judged: Judged) -> None:
                bar.update()
                self._say(judged)
                if judged.status == Status.DOWN:
                    down.append(judged)

            with originating(Origin(str(uuid.uuid4()), actor="check_health")):
                count = self._check(chosen, told)
        self.stdout.write(f"{count} connections checked, {len(down)} down.")
        if down:
            raise SystemExit(1)

    def _check(self, chosen: ConnectionQuerySet | None, told: Any) -> int:
        if chosen is None:
            return check_due(told)
        try:
            return check_all(chosen, told)
        except AlreadyChecking as busy:
            raise CommandError("A sweep is at work already: try again in a moment.", returncode=2) from busy

    def _say(self, judged: Judged) -> None:
        took = max((row.response_time_ms or 0 for row in judged.rows), default=0)
        self.stdout.write(f"{judged.status:9} {took:6} ms  {judged.connection}  {judged.error_message}".rstrip())

    def _chosen(self, **options: Any) -> ConnectionQuerySet | None:
        """What an option names; None for what is due. Raises CommandError for what is not there."""
        watched = Connection.objects.watched()
        if slug := options["organization"]:
            if not Organization.objects.filter(slug=slug).exists():
                raise CommandError(f"There is no organization {slug}.", returncode=2)
            return watched.filter(organization__slug=slug)
        if slug := options["provider"]:
            return _some(watched.filter(provider__slug=slug), f"No active connection is to {slug}.")
        if key := options["connection"]:
            return _some(watched.filter(pk=_as_uuid(key)), f"There is no active connection {key}.")
        return watched if options["all"] else None


def _some(connections: ConnectionQuerySet, otherwise: str) -> ConnectionQuerySet:
    if not connections.exists():
        raise CommandError(otherwise, returncode=2)
    return connections


def _as_uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is no connection's id.", returncode=2) from error
