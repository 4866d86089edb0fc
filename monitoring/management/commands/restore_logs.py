from __future__ import annotations

import re
import uuid
from argparse import ArgumentTypeError
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from integrations.errors import IntegrationError
from integrations.models import Organization
from integrations.request_id import Origin, originating

from ...log_archive import STEPS, count_calls
from ...log_restore import archived_parts, release, restore


class Command(BaseCommand):
    help = """Bring an archived month of the call log back into the database, where pages and REST find it, until it
is let go by --release or its days are over. Interrupted, it is called again."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--month", type=_month, required=True, metavar="YYYY-MM", help="months are those of UTC")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--organization", metavar="SLUG", help="of this one alone")
        what.add_argument("--release", action="store_true", help="let the whole month go again, of whomever it is")
        parser.add_argument("--days", type=_days, default=30, help="until it leaves by itself; 30 by default")

    def handle(self, *args: Any, month: date, organization: str, release: bool, days: int, **options: Any) -> None:
        with originating(Origin(str(uuid.uuid4()), actor="restore_logs")):
            if release:
                self._release(month)
            else:
                self._restore(month, _organization(organization), days)

    def _restore(self, month: date, organization: Organization | None, days: int) -> None:
        calls = sum(part.rows for part in archived_parts(month, organization))
        self._follow(restore(month, organization, days=days), calls)
        self.stdout.write(f"{calls} calls of {month:%Y-%m} are back, for {days} days.")

    def _release(self, month: date) -> None:
        calls = sum(count_calls(month).values())
        self._follow(release(month), calls * STEPS)
        self.stdout.write(f"{calls} calls of {month:%Y-%m} have left the database again.")

    def _follow(self, steps: Iterator[int], total: int) -> None:
        with tqdm(total=total, unit="rows", file=self.stderr, disable=None) as bar:
            try:
                for calls in steps:
                    bar.update(calls)
            except IntegrationError as error:
                raise CommandError(str(error)) from error


def _organization(slug: str | None) -> Organization | None:
    if not slug:
        return None
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no organization {slug}.")
    return found


def _month(text: str) -> date:
    match = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text, re.ASCII)
    if match is None or match[1] == "0000":
        raise ArgumentTypeError(f"{text!r} is no month: it looks like 2026-01.")
    return date(int(match[1]), int(match[2]), 1)


def _days(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,3}", text, re.ASCII):
        raise ArgumentTypeError("days are a whole number from 1 to 9999.")
    return int(text)
