from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from integrations.errors import InvalidRequest
from integrations.models import ApiToken, Organization
from integrations.operations.tokens import issue_token

_MAX_DAYS = 3650


class Command(BaseCommand):
    help = "Make an API token for an organization and print it, alone, on standard output. It cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", required=True, metavar="SLUG")
        parser.add_argument("--name", required=True, help="what the token is for")
        parser.add_argument(
            "--scopes",
            default=",".join(ApiToken.Scope.values),
            help="comma-separated; default all: %(default)s",
        )
        parser.add_argument("--expires-days", type=int, metavar="N", help="default: never")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.filter(slug=options["organization"]).first()
        if organization is None:
            raise CommandError(f"There is no organization {options['organization']!r}.")
        days = options["expires_days"]
        if days is not None and not 1 <= days <= _MAX_DAYS:
            raise CommandError(f"--expires-days must be between 1 and {_MAX_DAYS}.")
        try:
            _, text = issue_token(
                organization,
                name=options["name"],
                scopes=[scope.strip() for scope in options["scopes"].split(",") if scope.strip()],
                expires_at=None if days is None else timezone.now() + timedelta(days=days),
            )
        except InvalidRequest as error:
            raise CommandError(error.message) from error
        self.stdout.write(text)
