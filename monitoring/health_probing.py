"""One check of one connection: which of its provider's probes are due, and what each of them met. Asks no database."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext_noop

from integrations.errors import AuthenticationFailed, IntegrationError, InvalidResponse, RateLimited, Rejected
from integrations.gateway import client_for
from integrations.models import Connection, Credential
from integrations.providers.base import Client, Provider
from integrations.providers.probes import Probe, ProbeKind
from integrations.providers.registry import get_provider

from .health_history import Background
from .health_rules import Outcome
from .models import HealthCheck

CHECK_SECONDS = 10.0
_EARLY = 0.05  # of a probe's pause: what is due in a moment is made along with the others
# Kept in English, as errors are; pages say them in the reader's language (`integrations.retelling`).
_OUT_OF_TIME = gettext_noop("The check did not end in time.")
_SILENT = gettext_noop("No webhook has come since {time} UTC, which is much longer than usual.")


@dataclass(frozen=True)
class Finding:
    """What a probe met. `kind` is a `HealthCheck.Type`."""

    kind: str
    outcome: Outcome
    at: datetime
    endpoint: str = ""
    took_ms: int | None = None
    http_status: int | None = None
    error_message: str = ""
    error_code: str = ""


@dataclass(frozen=True)
class Task:
    """A check that is to be made; `found` is what is known without a call."""

    connection: Connection
    background: Background = field(repr=False)
    probes: Sequence[Probe]
    credentials: Mapping[str, Credential] = field(default_factory=dict, repr=False)
    found: Sequence[Finding] = ()


def probes_of(provider: Provider) -> tuple[Probe, ...]:
    return (provider.probe, *provider.further_probes)


def due_probes(provider: Provider, background: Background, now: datetime) -> list[Probe]:
    """Those whose time has come, and those that have failed: these are made until they are well again. At least one."""
    return [probe for probe in probes_of(provider) if _is_due(probe, background, now)] or [provider.probe]


def carry_out(task: Task, until: float, *, frees_session: bool = False) -> list[Finding]:
    """Make the task's probes, all of them before `until` (of `time.monotonic`). `frees_session`: as `client_for` says.

    What a connection is not let in for needs not be asked further: the others are made where the first was answered.
    """
    provider = get_provider(task.connection.provider.slug)
    findings = list(task.found)
    for probe in task.probes:
        finding = _make(task, provider, probe, until, frees_session)
        is_main = probe is provider.probe
        if is_main or finding.outcome != Outcome.SKIPPED:
            findings.append(finding)
        if finding.outcome != Outcome.ANSWERED:
            break
    return findings


def out_of_time(task: Task, started_at: datetime) -> list[Finding]:
    """What is written down of a check that has not come back: looking up the name hangs, say."""
    endpoint = task.probes[0].path if task.probes else ""
    kind = task.probes[0].kind if task.probes else ProbeKind.PING
    return [
        *task.found,
        Finding(
            kind=kind.value,
            outcome=Outcome.FAILED,
            at=started_at,
            endpoint=endpoint,
            took_ms=round(CHECK_SECONDS * 1000),
            error_message=_OUT_OF_TIME,
            error_code="provider_timeout",
        ),
    ]


def _is_due(probe: Probe, background: Background, now: datetime) -> bool:
    last = background.last(probe.kind.value)
    if last is None or last.outcome in (Outcome.FAILED, Outcome.REFUSED):
        return True
    return last.at + probe.every * (1 - _EARLY) <= now


def _make(task: Task, provider: Provider, probe: Probe, until: float, frees_session: bool) -> Finding:
    started_at, started = timezone.now(), time.monotonic()
    met = Finding(probe.kind.value, Outcome.ANSWERED, started_at, endpoint=probe.path)
    try:
        client = client_for(
            task.connection,
            operation="health",
            any_status=True,
            probes=True,
            timeout_seconds=CHECK_SECONDS,
            until=until,
            frees_session=frees_session,
            instead=task.credentials,
        )
        met = replace(met, http_status=_ask(provider, client, probe))
    except IntegrationError as error:
        met = _failed(met, probe, error)
    return replace(met, took_ms=round((time.monotonic() - started) * 1000))


def _ask(provider: Provider, client: Client, probe: Probe) -> int:
    answer = provider.check(client) if probe is provider.probe else provider.check_further(client, probe)
    return answer.status


def _failed(met: Finding, probe: Probe, error: IntegrationError) -> Finding:
    status = getattr(error, "provider_status", None) or None
    if probe.kind == ProbeKind.PING and isinstance(error, (AuthenticationFailed, Rejected, InvalidResponse)):
        return replace(met, http_status=status)
    outcome = Outcome.FAILED
    if isinstance(error, RateLimited):
        outcome = Outcome.SKIPPED
    elif isinstance(error, AuthenticationFailed):
        outcome = Outcome.REFUSED
    return replace(met, outcome=outcome, http_status=status, error_message=error.message, error_code=error.code)


def freshness_finding(silent_since: datetime | None, at: datetime) -> Finding:
    """What became of looking for webhooks; `silent_since`: when the last one came, where more should have come."""
    kind = HealthCheck.Type.WEBHOOK.value
    if silent_since is None:
        return Finding(kind, Outcome.ANSWERED, at)
    words = _SILENT.format(time=f"{silent_since:%d/%m/%Y %H:%M}")
    return Finding(kind, Outcome.SILENT, at, error_message=words, error_code="webhooks_silent")
