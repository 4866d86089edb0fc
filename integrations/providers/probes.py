"""How it is found out whether a provider is there: as data, which the watch reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class ProbeKind(StrEnum):
    """What a probe proves, from the least to the most."""

    PING = "ping"  # somebody answers, whatever they say: sent without credentials
    AUTHENTICATION = "authentication"  # the credentials are taken
    API_CALL = "api_call"  # a call of the kind that business is done with goes through


@dataclass(frozen=True)
class Probe:
    """A call that moves nothing, and how far apart two of them may be: zero, and each check of a connection makes it.

    One that has failed is made at each check until it is well again.
    """

    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    kind: ProbeKind = ProbeKind.AUTHENTICATION
    every: timedelta = timedelta(0)


@dataclass(frozen=True)
class Freshness:
    """When the silence of a connection's webhooks is news: no call is needed to find that out.

    Of connections that had events in `busy_hours` different hours of late; longer than `times` the longest pause
    between two of those hours, and than `at_least`.
    """

    busy_hours: int = 24
    times: float = 2.0
    at_least: timedelta = timedelta(hours=6)
