"""The live test of a connection: one call that any valid key may make."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import IntegrationError
from ..gateway import client_for
from ..models import Connection, Credential
from ..providers.base import Provider

_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class ConnectionTest:
    """How a test went. `error` is what an operation raises that needed the test to pass."""

    ok: bool
    response_time_ms: int | None
    http_status: int | None
    error_code: str
    message: str
    endpoint: str
    error: IntegrationError | None = field(default=None, repr=False, compare=False)

    def translated(self) -> str:
        """The message in the language of the current request."""
        return self.error.translated() if self.error else self.message


def probe(
    connection: Connection, provider: Provider, instead: Mapping[str, Credential] | None = None
) -> ConnectionTest:
    """Test the connection through the gateway, with other credentials `instead`. No transaction may be open."""
    endpoint = provider.probe.path
    started = time.monotonic()
    try:
        client = client_for(
            connection,
            operation="test",
            any_status=True,
            probes=True,
            timeout_seconds=_TIMEOUT_SECONDS,
            instead=instead,
        )
        answer = provider.check(client)
    except IntegrationError as error:
        status = getattr(error, "provider_status", 0) or None
        return ConnectionTest(False, _elapsed_ms(started), status, error.code, error.message, endpoint, error)
    return ConnectionTest(True, _elapsed_ms(started), answer.status, "", "", endpoint)


def _elapsed_ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
