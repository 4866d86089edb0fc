"""The only way to a provider.

Status check → limits → address → credentials and authentication → the call, with time-outs → a retry where that is safe
→ one `api_call_finished` an attempt, with secrets taken out. No database transaction is open meanwhile.
"""

from __future__ import annotations

import json as jsonlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import quote, unquote, urlencode

import requests
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from . import circuit, signals, transport
from .admission import Admission, admit
from .answers import (
    asked_pause,
    error_of,
    is_absence,
    may_have_taken_effect,
    seconds_before_retry,
    still_in_doubt,
)
from .errors import CircuitOpen, ConfigurationError, ConnectionNotReady, IntegrationError, InvalidRequest, RateLimited
from .models import Connection, Credential
from .providers.base import Answer, Provider
from .providers.registry import get_provider
from .redaction import ByteMask, Redactor
from .request_id import current_origin
from .secrecy import Secret, leaves_no_frames

TOTAL_SECONDS = 30.0
MAX_ATTEMPTS = 3
_IDEMPOTENT_METHODS = transport.SAFE_METHODS | {"PUT", "DELETE"}
_CLOCKS_DIFFER_BY_SECONDS = 0.25
_LEFT_AS_IT_IS = "/%:@!$&'()*+,;=~-._"  # of a path, when the rest is percent-encoded


@dataclass(frozen=True)
class FinishedCall:
    """One attempt of one call, with secrets taken out: what `api_call_finished` carries."""

    organization_id: uuid.UUID
    connection_id: uuid.UUID | None
    log_type: str
    method: str
    endpoint: str
    request_headers: dict[str, str]
    request_body: str
    response_status: int | None
    response_headers: dict[str, str]
    response_body: str
    response_time_ms: int | None
    error_message: str
    error_code: str
    user_id: uuid.UUID | None
    ip_address: str | None
    request_id: str
    operation: str
    attempt: int
    bytes_sent: int
    bytes_received: int
    cost_aed: Decimal
    created_at: datetime


@dataclass(frozen=True)
class _Call:
    """What is to be sent, before the connection's secrets are added to it."""

    method: str
    path: str
    params: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = ""
    idempotency_key: str = ""
    secrets: tuple[Secret, ...] = ()  # what in the body must not be written down


def client_for(
    connection: Connection,
    *,
    operation: str,
    any_status: bool = False,
    probes: bool = False,
    timeout_seconds: float = TOTAL_SECONDS,
    wait_seconds: float = 0.0,
    instead: Mapping[str, Credential] | None = None,
) -> BoundClient:
    """A connection's way to its provider for one operation, named in the log.

    `instead` are credentials, by key, to use in the place of those in use: new ones to try, an old one to end.
    The call ends within `timeout_seconds`, its retries included; each attempt within what the provider declares.

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
    return BoundClient(connection, operation, _Patience(timeout_seconds, wait_seconds, probes), instead or {})


@dataclass(frozen=True)
class _Patience:
    """For how long a call may go on and may wait for room in its windows, and whether it passes an open circuit."""

    timeout_seconds: float
    wait_seconds: float
    probes: bool


class BoundClient:
    """Implements `providers.base.Client`."""

    def __init__(
        self, connection: Connection, operation: str, patience: _Patience, instead: Mapping[str, Credential]
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

    def get(self, path: str, *, params: Mapping[str, str] | None = None) -> Answer:
        return self.request("GET", path, params=params)

    def post(
        self,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        idempotency_key: str = "",
    ) -> Answer:
        return self.request("POST", path, json=json, form=form, idempotency_key=idempotency_key)

    def delete(self, path: str) -> Answer:
        return self.request("DELETE", path)

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
        idempotency_key: str = "",
    ) -> _Exchange:
        _refuse_open_transaction()
        sent, content_type = _encode(json, form, body)
        call = _Call(
            method.upper(),
            path,
            dict(params or {}),
            dict(headers or {}),
            sent,
            content_type,
            idempotency_key,
            tuple(_secrets_within(json or form or {})),
        )
        return _Exchange(self.connection, self._provider, self._operation, call, self._patience, self._instead)


class _Exchange:
    """One call with its retries, until its deadline."""

    def __init__(
        self,
        connection: Connection,
        provider: Provider,
        operation: str,
        call: _Call,
        patience: _Patience,
        instead: Mapping[str, Credential],
    ) -> None:
        self._connection = connection
        self._provider = provider
        self._operation = operation
        self._call = call
        self._patience = patience
        self._instead = instead
        self._in_doubt = False

    def run(self, *, streams: bool = False) -> Answer:
        """The last attempt's answer, whatever its status. Raises its failure when it got none."""
        self._streams = streams
        self._origin = current_origin()  # once: outside of a request each asking makes a new one
        deadline = time.monotonic() + self._patience.timeout_seconds
        url = _join(base_url(self._connection, self._provider), self._call.path)
        self._admission = self._admit(self._patience.wait_seconds)
        request = self._prepare(url)
        for attempt in range(1, MAX_ATTEMPTS + 1):
            outcome = self._attempt(request, attempt, min(deadline, time.monotonic() + self._attempt_seconds))
            wait = seconds_before_retry(outcome, attempt)
            is_last = attempt == MAX_ATTEMPTS or not self._may_repeat
            if is_last or wait is None or time.monotonic() + wait >= deadline:
                break
            time.sleep(wait)
            if not self._has_room():
                break
            if isinstance(outcome, Answer) and isinstance(outcome.rest, _Watched):
                outcome.rest.close()
        if isinstance(outcome, IntegrationError):
            raise self._told_in_full(outcome)
        return outcome

    def without_secrets(self, answer: Answer) -> Answer:
        mask = self._redactor.mask()
        body = mask.feed(answer.body)
        headers = {name: mask.text(value) for name, value in answer.headers.items()}
        if answer.rest is None:
            return replace(answer, headers=headers, body=body + mask.rest())
        return replace(answer, headers=headers, body=body, rest=_Masked(answer.rest, mask))

    def _admit(self, wait_seconds: float) -> Admission:
        """Count one attempt against the limits. An open circuit and a used-up limit raise."""
        return admit(self._connection, wait_seconds=wait_seconds, past_open_circuit=self._patience.probes)

    def error_of(self, answer: Answer) -> IntegrationError:
        """What the last answer means, when it is not 2xx."""
        return self._told_in_full(self._meaning_of(answer))

    def _meaning_of(self, answer: Answer) -> IntegrationError:
        return error_of(answer, self._provider, self._call.method, self._redactor)

    def _told_in_full(self, error: IntegrationError) -> IntegrationError:
        return still_in_doubt(error) if self._in_doubt else error

    @property
    def _may_repeat(self) -> bool:
        """Idempotent by its method, or made so by a key that the provider knows of."""
        keyed = self._call.idempotency_key and self._provider.idempotency_header
        return self._call.method in _IDEMPOTENT_METHODS or bool(keyed)

    @property
    def _attempt_seconds(self) -> float:
        return self._provider.timeouts.get(self._operation, TOTAL_SECONDS)

    def _has_room(self) -> bool:
        """Count one more attempt. When there is no room the call ends with what the attempt before has met."""
        try:
            # The provider's own pause, which has just been waited for, ends by Redis's clock.
            self._admission = self._admit(_CLOCKS_DIFFER_BY_SECONDS)
        except (RateLimited, CircuitOpen):
            return False
        return True

    @leaves_no_frames
    def _prepare(self, url: str) -> requests.PreparedRequest:
        call, provider = self._call, self._provider
        held = {**self._admission.credentials, **self._instead}
        credentials = {key: credential.reveal() for key, credential in held.items()}
        auth_headers = provider.auth.headers(credentials)
        self._redactor = Redactor([*_secrets(provider, credentials, auth_headers), *call.secrets])
        query = urlencode({**call.params, **provider.auth.params(credentials)}, doseq=True)
        headers = {"Accept": "application/json", **call.headers, "User-Agent": "Hub/1", **provider.headers}
        if call.content_type:
            headers.setdefault("Content-Type", call.content_type)
        if call.idempotency_key and provider.idempotency_header:
            headers[provider.idempotency_header] = call.idempotency_key
        headers |= auth_headers
        request = requests.PreparedRequest()
        request.prepare_method(call.method)
        request.url = f"{url}?{query}" if query else url
        _put_headers(request, headers)
        request.prepare_body(call.body or None, files=None)
        return request

    def _attempt(self, request: requests.PreparedRequest, attempt: int, deadline: float) -> Answer | IntegrationError:
        started_at, started = timezone.now(), time.monotonic()
        outcome: Answer | IntegrationError
        try:
            outcome = transport.send(request, deadline, streams=self._streams)
        except IntegrationError as error:
            outcome = error
        failure = outcome if isinstance(outcome, IntegrationError) else None
        if isinstance(outcome, Answer) and not outcome.ok:
            failure = self._meaning_of(outcome)
        report = partial(self._report, request, attempt, started_at, started)
        if isinstance(outcome, Answer) and outcome.rest is not None:
            outcome = replace(outcome, rest=_Watched(outcome, outcome.rest, failure, report))
        else:
            report(outcome, failure)
        self._tell_circuit(outcome, failure)
        self._in_doubt |= failure is not None and may_have_taken_effect(failure)
        return outcome

    def _tell_circuit(self, outcome: Answer | IntegrationError, failure: IntegrationError | None) -> None:
        if failure is not None and is_absence(failure):
            circuit.record_failure(self._connection)
        elif isinstance(outcome, Answer) and self._admission.tells_success:
            circuit.record_answer(self._connection)
        if isinstance(outcome, Answer) and (seconds := asked_pause(outcome)):
            circuit.pause(self._connection, seconds)

    def _report(
        self,
        request: requests.PreparedRequest,
        attempt: int,
        started_at: datetime,
        started: float,
        outcome: Answer | IntegrationError,
        failure: IntegrationError | None,
        streamed_bytes: int = 0,
    ) -> None:
        answer = outcome if isinstance(outcome, Answer) else None
        redactor = self._redactor
        finished = FinishedCall(
            organization_id=self._connection.organization_id,
            connection_id=self._connection.pk,
            log_type="api_response" if answer else "error",
            method=self._call.method,
            endpoint=redactor.url(request.url or "")[:2048],
            request_headers=redactor.headers(request.headers),
            request_body=redactor.body(self._call.body, str(request.headers.get("Content-Type", ""))),
            response_status=answer.status if answer else None,
            response_headers=redactor.headers(answer.headers) if answer else {},
            response_body=redactor.body(answer.body, answer.headers.get("content-type", "")) if answer else "",
            response_time_ms=round((time.monotonic() - started) * 1000),
            error_message=redactor.text(failure.message) if failure else "",
            error_code=failure.code if failure else "",
            user_id=self._origin.user_id,
            ip_address=self._origin.ip_address,
            request_id=self._origin.request_id,
            operation=self._operation,
            attempt=attempt,
            bytes_sent=len(self._call.body),
            bytes_received=len(answer.body) + streamed_bytes if answer else 0,
            cost_aed=self._connection.cost_of_call_aed if answer else Decimal(0),
            created_at=started_at,
        )
        # A receiver that fails does not fail the call; Django logs it.
        signals.api_call_finished.send_robust(sender=BoundClient, call=finished)


class _Masked:
    """The rest of a streamed body without secrets."""

    def __init__(self, rest: Iterator[bytes], mask: ByteMask) -> None:
        self._rest = rest
        self._mask = mask
        self.close = rest.close  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        for piece in self._rest:
            if ready := self._mask.feed(piece):
                return ready
        if held := self._mask.rest():
            return held
        raise StopIteration


class _Watched:
    """The rest of a streamed body, whose end tells how the call went."""

    def __init__(
        self,
        answer: Answer,
        rest: Iterator[bytes],
        failure: IntegrationError | None,
        report: Callable[[Answer, IntegrationError | None, int], None],
    ) -> None:
        self._answer = answer
        self._rest = rest
        self._failure = failure
        self._report = report
        self._size = 0
        self._is_told = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            piece = next(self._rest)
        except IntegrationError as error:
            self._failure = error
            self.close()
            raise
        except StopIteration:
            self.close()
            raise
        self._size += len(piece)
        return piece

    def close(self) -> None:
        """At the end, or before it, when whoever reads has gone away."""
        self._rest.close()  # type: ignore[attr-defined]
        if not self._is_told:
            self._is_told = True
            self._report(self._answer, self._failure, self._size)


def base_url(connection: Connection, provider: Provider) -> str:
    """Where the connection's provider answers. Only outside production may the configuration say otherwise."""
    override = connection.configuration.get("base_url")
    if override and connection.environment != Connection.Environment.PRODUCTION:
        return str(override)
    return provider.base_urls[connection.environment].format(public_url=settings.PUBLIC_URL)


def _refuse_open_transaction() -> None:
    """A provider may take half a minute: locks must not be held for so long. Tests' own transaction does not count.

    The database session itself is kept meanwhile. Giving it back to the pool would take 0.1 to 0.4 ms a call and the
    caller's cursors and session locks with it, and a process has no fewer sessions than threads.
    """
    database = transaction.get_connection()
    blocks = database.atomic_blocks
    if database.in_atomic_block and not getattr(blocks[-1] if blocks else None, "_from_testcase", False):
        raise RuntimeError("A provider is called inside a database transaction.")


def _secrets(provider: Provider, credentials: Mapping[str, str], auth_headers: Mapping[str, str]) -> list[str]:
    """The values that must not be written down: all but those that the provider declares to be no secret.

    What `Authorization` is made of them (a user and a password in base64) is one more.
    """
    plain = {declared.key for declared in provider.credentials if not declared.secret}
    made_of_them = auth_headers.get("Authorization", "").rpartition(" ")[2]
    return [value for key, value in credentials.items() if key not in plain] + [made_of_them]


def _secrets_within(value: Any) -> Iterator[Secret]:
    if isinstance(value, Secret) and value:
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _secrets_within(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _secrets_within(inner)


def _encode(json: Mapping[str, Any] | None, form: Mapping[str, str] | None, body: bytes | None) -> tuple[bytes, str]:
    if json is not None:
        return jsonlib.dumps(json, ensure_ascii=False).encode(), "application/json"
    if form is not None:
        return urlencode(form).encode(), "application/x-www-form-urlencoded"
    return body or b"", ""


def _join(base: str, path: str) -> str:
    """`path` below `base`. Raises InvalidRequest for a path that could lead anywhere else, in whatever disguise."""
    if "?" in base or "#" in base:
        raise ConfigurationError("The connection's base URL may have neither a query nor a fragment.")
    plain = unquote(unquote(unquote(path)))
    # Some servers take "..;x" for "..": what follows the semicolon is a parameter to them.
    climbs = any(segment.partition(";")[0] in (".", "..") for segment in plain.split("/"))
    hides_a_slash = plain.count("/") != path.count("/")
    odd = any(character in plain for character in "\\?#") or not (path.isprintable() and plain.isprintable())
    if climbs or hides_a_slash or odd or "//" in path:
        raise InvalidRequest("The path must be plain, relative to the provider's address.", field="path")
    return f"{base.rstrip('/')}/{quote(path.removeprefix('/'), safe=_LEFT_AS_IT_IS)}"


def _put_headers(request: requests.PreparedRequest, headers: Mapping[str, str]) -> None:
    """Raises InvalidRequest, which does not say what it held, for a header that cannot be sent."""
    try:
        for value in headers.values():
            value.encode("latin-1")
        request.prepare_headers(headers)
    except (requests.RequestException, UnicodeError):
        raise InvalidRequest("A header holds characters that no header may hold.") from None
