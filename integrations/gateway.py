"""The only way to a provider.

Status check → limits → address → credentials and authentication → the call, with time-outs → a retry where that is safe
→ one `api_call_finished` an attempt, with secrets taken out. No database transaction is open meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from .errors import ConfigurationError, ConnectionNotReady, Rejected
from .exchange import TOTAL_SECONDS, Call, Exchange, FinishedCall, Patience
from .models import Connection, Credential, Payment
from .money import in_own_decimals
from .prepared import encode, secrets_within
from .providers.auth import Auth
from .providers.base import Answer
from .providers.registry import get_provider
from .providers.results import PaymentResult, PaymentStatus
from .secrecy import Secret

__all__ = ["BoundClient", "FinishedCall", "client_for"]


def client_for(
    connection: Connection,
    *,
    operation: str,
    any_status: bool = False,
    probes: bool = False,
    timeout_seconds: float = TOTAL_SECONDS,
    wait_seconds: float = 0.0,
    until: float = math.inf,
    frees_session: bool = False,
    instead: Mapping[str, Credential] | None = None,
) -> BoundClient:
    """A connection's way to its provider for one operation, named in the log.

    `instead` are credentials, by key, to use in the place of those in use: new ones to try, an old one to end.
    The call ends within `timeout_seconds`, its retries included; each attempt within what the provider declares. All
    calls of an operation together, those for an access token included, end at `until` (of `time.monotonic`). Where
    more threads call than there are database sessions, `frees_session` has a call keep none while it is on its way.

    Raises ConnectionNotReady unless the connection is active; `any_status` lets others be used too, and `probes` those
    whose circuit is open. A call that finds a limit used up waits for its window as long as `wait_seconds` allow.
    """
    if not any_status and connection.status != Connection.Status.ACTIVE:
        raise ConnectionNotReady(
            "The connection {connection} is {status}.",
            connection=connection.connection_name,
            status=connection.status,
        )
    if not connection.provider.is_active or not connection.organization.is_active:
        raise ConnectionNotReady("{provider} is switched off here.", provider=connection.provider.provider_name)
    patience = Patience(timeout_seconds, wait_seconds, probes, until, frees_session)
    return BoundClient(connection, operation, patience, instead or {})


class BoundClient:
    """Implements `providers.base.Client`."""

    def __init__(
        self, connection: Connection, operation: str, patience: Patience, instead: Mapping[str, Credential]
    ) -> None:
        self.connection = connection
        self.environment: str = connection.environment
        self.configuration: Mapping[str, Any] = connection.configuration
        self._provider = get_provider(connection.provider.slug)
        self._operation = operation
        self._patience = patience
        self._instead = instead

    def __repr__(self) -> str:
        return f"<BoundClient {self.connection.pk} {self._operation}>"

    def credential(self, key: str) -> Secret:
        """Raises ConfigurationError when the connection has no such active credential."""
        usable = Credential.objects.filter(connection=self.connection, credential_key=key).usable()
        credential = self._instead.get(key) or usable.first()
        value = credential.reveal() if credential else None
        if not value:
            raise ConfigurationError("The connection has no active credential {key!r}.", key=key)
        return value

    def books(self, provider_reference: str) -> PaymentResult:
        payment = Payment.objects.filter(connection=self.connection, provider_reference=provider_reference).first()
        if payment is None:
            raise Rejected("There is no such payment in our books.", provider_status=404)
        return standing_of(payment)

    def get(self, path: str, **given: Any) -> Answer:
        return self.request("GET", path, **given)

    def post(self, path: str, **given: Any) -> Answer:
        return self.request("POST", path, **given)

    def put(self, path: str, **given: Any) -> Answer:
        return self.request("PUT", path, **given)

    def delete(self, path: str, **given: Any) -> Answer:
        return self.request("DELETE", path, **given)

    def request(self, method: str, path: str, **given: Any) -> Answer:
        """Call, and raise one of `integrations.errors` for an answer that is not 2xx. Arguments as `exchange`."""
        exchange = self._exchange(method, path, **given)
        answer = exchange.run()
        if not answer.ok:
            raise exchange.error_of(answer)
        return answer

    def exchange(self, method: str, path: str, **given: Any) -> Answer:
        """Call, and return the provider's answer whatever its status. Raises our own failures alone.

        A parameter with several values is sent as often.
        """
        return self._exchange(method, path, **given).run()

    def stream(self, method: str, path: str, **given: Any) -> Answer:
        """Like `exchange`, but a large body is read from the answer's `rest`, which must be closed.

        Reading raises what `exchange` does. The call is written to the log when its body has ended. For a caller who
        may not know the connection's secrets: a provider that repeats one is not quoted.
        """
        exchange = self._exchange(method, path, **given)
        return exchange.without_secrets(exchange.run(streams=True))

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | Sequence[str]] | None = None,
        json: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
        idempotency_key: str = "",
    ) -> Exchange:
        _refuse_open_transaction()
        sent, content_type = encode(json=json, form=form, body=body)
        call = Call(
            method.upper(),
            path,
            dict(params or {}),
            dict(headers or {}),
            sent,
            content_type,
            idempotency_key,
            tuple(secrets_within(json or form or {})),
            auth,
        )
        return Exchange(self.connection, self._provider, self._operation, call, self._patience, self._instead)


def standing_of(payment: Payment) -> PaymentResult:
    """What we know of a payment, as a provider would tell it."""
    return PaymentResult(
        provider_reference=payment.provider_reference,
        status=PaymentStatus(payment.status),
        amount=in_own_decimals(payment.amount, payment.currency),
        currency=payment.currency,
        amount_captured=in_own_decimals(payment.amount_captured, payment.currency),
        amount_refunded=in_own_decimals(payment.amount_refunded, payment.currency),
        method=payment.method,
    )


def _refuse_open_transaction() -> None:
    """A provider may take half a minute: locks must not be held for so long. Tests' own transaction does not count.

    The database session itself is kept meanwhile. Giving it back to the pool would take 0.1 to 0.4 ms a call and the
    caller's cursors and session locks with it, and a process has no fewer sessions than threads.
    """
    database = transaction.get_connection()
    blocks = database.atomic_blocks
    if database.in_atomic_block and not getattr(blocks[-1] if blocks else None, "_from_testcase", False):
        raise RuntimeError("A provider is called inside a database transaction.")
