"""Asking a provider how something stands, where what its event says is not enough to act on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..providers.events import NormalizedEvent


@dataclass(frozen=True)
class Look:
    """The provider's answer. `seen` is when our row had last been written as the question was asked, at `asked_at`."""

    result: Any
    seen: datetime
    asked_at: datetime


class MustAsk(Exception):
    """Nothing was written: the provider has to be asked about the event's subject first, with no transaction open.

    No error: whoever handles the event decides where the question, which may take long, is asked.
    """

    def __init__(self, event: NormalizedEvent, seen: datetime, reference: str) -> None:
        super().__init__(f"The provider is to be asked about {reference}.")
        self.event = event
        self.seen = seen
        self.reference = reference
