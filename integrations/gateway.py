"""The only place that opens a socket to a provider.

Status check → limits → address → credentials and authentication → the call, with time-outs → a retry where that is safe
→ one `api_call_finished` an attempt, with secrets taken out. No database transaction is open meanwhile.
"""

from __future__ import annotations

import json as jsonlib
import logging
import random
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, urlencode

import requests
import urllib3
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from . import limits, signals
from .egress import EgressAdapter, check_url
from .errors import (
    AuthenticationFailed,
    ConfigurationError,
    ConnectionNotReady,
    IntegrationError,
    InvalidRequest,
    InvalidResponse,
    RateLimited,
    Rejected,
    TimedOut,
    Unavailable,
)
from .models import Connection, Credential
from .providers.base import Answer, Provider
from .providers.registry import get_provider
from .redaction import Redactor
from .request_id import current_origin

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 30.0
MAX_ANSWER_BYTES = 10 * 1024 * 1024
MAX_ATTEMPTS = 3
_FIRST_BACKOFF_SECONDS = 0.25
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_IDEMPOTENT_METHODS = _SAFE_METHODS | {"PUT", "DELETE"}
_PIECE_BYTES = 65_536

# One for the process: threads share its kept-alive connections.
_adapter = EgressAdapter()


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


def client_for(
    connection: Connection, *, operation: str, any_status: bool = False, timeout_seconds: float = TOTAL_SECONDS
) -> BoundClient:
    """A connection's way to its provider for one operation, named in the log.

    Raises ConnectionNotReady unless the connection is active; `any_status` lets tests and probes through.
    """
    if not any_status and connection.status != Connection.Status.ACTIVE:
        raise ConnectionNotReady(f"The connection {connection.connection_name} is {connection.get_status_display()}.")
    if not connection.provider.is_active or not connection.organization.is_active:
        raise ConnectionNotReady(f"{connection.provider.provider_name} is switched off here.")
    return BoundClient(connection, operation=operation, timeout_seconds=timeout_seconds)


class BoundClient:
    """Implements `providers.base.Client`."""

    def __init__(self, connection: Connection, *, operation: str, timeout_seconds: float) -> None:
        self.connection = connection
        self.environment: str = connection.environment
        self.configuration: Mapping[str, Any] = connection.configuration
        self._provider = get_provider(connection.provider.slug)
        self._operation = operation
        self._timeout_seconds = timeout_seconds

    def __repr__(self) -> str:
        return f"<BoundClient {self.connection.pk} {self._operation}>"

    def credential(self, key: str) -> str:
        """Raises ConfigurationError when the connection has no such active credential."""
        value = _reveal_credentials(self.connection).get(key, "")
        if not value:
            raise ConfigurationError(f"The connection has no active credential {key!r}.")
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

    def request(self, method: str, path: str, **given: Any) -> Answer:
        """Call, and raise one of `integrations.errors` for an answer that is not 2xx. Arguments as `exchange`."""
        answer = self.exchange(method, path, **given)
        if not answer.ok:
            raise _error_of(answer, self._provider, method.upper())
        return answer

    def exchange(
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
    ) -> Answer:
        """Call, and return the provider's answer whatever its status. Raises our own failures alone.

        A parameter with several values is sent as often.
        """
        _refuse_open_transaction()
        sent, content_type = _encode(json, form, body)
        call = _Call(method.upper(), path, dict(params or {}), dict(headers or {}), sent, content_type, idempotency_key)
        return _Exchange(self.connection, self._provider, self._operation, call).run(self._timeout_seconds)


class _Exchange:
    """One call with its retries, until its deadline."""

    def __init__(self, connection: Connection, provider: Provider, operation: str, call: _Call) -> None:
        self._connection = connection
        self._provider = provider
        self._operation = operation
        self._call = call
        self._credentials = _reveal_credentials(connection)
        self._redactor = Redactor(_secrets(provider, self._credentials))

    def run(self, timeout_seconds: float) -> Answer:
        deadline = time.monotonic() + timeout_seconds
        request = self._prepare()
        for attempt in range(1, MAX_ATTEMPTS + 1):
            last = attempt == MAX_ATTEMPTS or not self._may_repeat
            limits.acquire(self._connection)
            outcome = self._attempt(request, attempt, deadline)
            wait = _retry_after(outcome, attempt)
            if last or wait is None or time.monotonic() + wait >= deadline:
                break
            time.sleep(wait)
        if isinstance(outcome, IntegrationError):
            raise outcome
        return outcome

    @property
    def _may_repeat(self) -> bool:
        """Idempotent by its method, or made so by a key that the provider knows of."""
        keyed = self._call.idempotency_key and self._provider.idempotency_header
        return self._call.method in _IDEMPOTENT_METHODS or bool(keyed)

    def _prepare(self) -> requests.PreparedRequest:
        call, provider = self._call, self._provider
        url = _join(base_url(self._connection, provider), call.path)
        check_url(url)
        query = urlencode({**call.params, **provider.auth.params(self._credentials)}, doseq=True)
        headers = {"Accept": "application/json", **call.headers, "User-Agent": "Hub/1", **provider.headers}
        if call.content_type:
            headers.setdefault("Content-Type", call.content_type)
        if call.idempotency_key and provider.idempotency_header:
            headers[provider.idempotency_header] = call.idempotency_key
        headers |= provider.auth.headers(self._credentials)
        request = requests.PreparedRequest()
        request.prepare_method(call.method)
        request.url = f"{url}?{query}" if query else url
        try:
            request.prepare_headers(headers)
        except requests.RequestException as error:
            raise InvalidRequest("A header holds characters that no header may hold.") from error
        request.prepare_body(call.body or None, files=None)
        return request

    def _attempt(self, request: requests.PreparedRequest, attempt: int, deadline: float) -> Answer | IntegrationError:
        started_at, started = timezone.now(), time.monotonic()
        outcome: Answer | IntegrationError
        try:
            outcome = _send(request, deadline)
        except IntegrationError as error:
            outcome = error
        elapsed_ms = round((time.monotonic() - started) * 1000)
        self._report(request, outcome, attempt, started_at, elapsed_ms)
        return outcome

    def _report(
        self,
        request: requests.PreparedRequest,
        outcome: Answer | IntegrationError,
        attempt: int,
        started_at: datetime,
        elapsed_ms: int,
    ) -> None:
        answer = outcome if isinstance(outcome, Answer) else None
        error = outcome if isinstance(outcome, IntegrationError) else None
        if answer and not answer.ok:
            error = _error_of(answer, self._provider, self._call.method)
        origin, redactor = current_origin(), self._redactor
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
            response_time_ms=elapsed_ms,
            error_message=redactor.text(str(error)) if error else "",
            error_code=error.code if error else "",
            user_id=origin.user_id,
            ip_address=origin.ip_address,
            request_id=origin.request_id,
            operation=self._operation,
            attempt=attempt,
            bytes_sent=len(self._call.body),
            bytes_received=len(answer.body) if answer else 0,
            cost_aed=Decimal(0),
            created_at=started_at,
        )
        for receiver, failure in signals.api_call_finished.send_robust(sender=BoundClient, call=finished):
            if isinstance(failure, Exception):
                logger.error("The call log was not written: %s by %s", type(failure).__name__, receiver)


def base_url(connection: Connection, provider: Provider) -> str:
    """Where the connection's provider answers. Only outside production may the configuration say otherwise."""
    override = connection.configuration.get("base_url")
    if override and connection.environment != Connection.Environment.PRODUCTION:
        return str(override)
    return provider.base_urls[connection.environment].format(public_url=settings.PUBLIC_URL)


def _refuse_open_transaction() -> None:
    """A provider may take half a minute: locks must not be held for so long. Tests' own transaction does not count."""
    database = transaction.get_connection()
    blocks = database.atomic_blocks
    if database.in_atomic_block and not getattr(blocks[-1] if blocks else None, "_from_testcase", False):
        raise RuntimeError("A provider is called inside a database transaction.")


def _reveal_credentials(connection: Connection) -> dict[str, str]:
    """The usable credentials, decrypted for this call; of several under one key the newest counts."""
    revealed: dict[str, str] = {}
    for credential in Credential.objects.filter(connection=connection).usable():
        if credential.credential_key not in revealed:
            revealed[credential.credential_key] = credential.reveal()
    return revealed


def _secrets(provider: Provider, credentials: Mapping[str, str]) -> list[str]:
    """The values that must not be written down: all but those that the provider declares to be no secret."""
    plain = {declared.key for declared in provider.credentials if not declared.secret}
    return [value for key, value in credentials.items() if key not in plain]


def _encode(json: Mapping[str, Any] | None, form: Mapping[str, str] | None, body: bytes | None) -> tuple[bytes, str]:
    if json is not None:
        return jsonlib.dumps(json, ensure_ascii=False).encode(), "application/json"
    if form is not None:
        return urlencode(form).encode(), "application/x-www-form-urlencoded"
    return body or b"", ""


def _join(base: str, path: str) -> str:
    """`path` below `base`. Raises InvalidRequest for a path that could lead anywhere else."""
    plain = unquote(unquote(path))
    tricks = ("..", "//", "\\", "?", "#", "\r", "\n", "\x00")
    if any(trick in plain for trick in tricks) or "%2f" in path.lower() or not path.isprintable():
        raise InvalidRequest("The path must be plain, relative to the provider's address.", field="path")
    return f"{base.rstrip('/')}/{path.removeprefix('/')}"


def _send(request: requests.PreparedRequest, deadline: float) -> Answer:
    """One exchange over a kept-alive connection, within the deadline. Raises Unavailable, TimedOut, InvalidResponse."""
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimedOut("The provider did not answer in time.")
    is_write = request.method not in _SAFE_METHODS
    try:
        response = _adapter.send(
            request, stream=True, timeout=(min(CONNECT_SECONDS, remaining), remaining), verify=True, proxies={}
        )
    except requests.ConnectTimeout as error:
        raise Unavailable("The provider could not be reached in time.") from error
    except requests.Timeout as error:
        raise TimedOut("The provider did not answer in time.", may_have_taken_effect=is_write) from error
    except requests.exceptions.SSLError as error:
        raise Unavailable("The provider's certificate could not be verified.") from error
    except requests.ConnectionError as error:
        may_have = is_write and not _was_never_opened(error)
        raise Unavailable("The connection to the provider failed.", may_have_taken_effect=may_have) from error
    except requests.RequestException as error:
        raise InvalidResponse("The provider's answer could not be read.") from error
    with response:
        body = _read(response, deadline, is_write=is_write)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status_code, headers=headers, body=body)


def _was_never_opened(error: requests.ConnectionError) -> bool:
    """Whether the connection was refused, so that nothing can have been sent over it."""
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), urllib3.exceptions.NewConnectionError)


def _read(response: requests.Response, deadline: float, *, is_write: bool) -> bytes:
    """The body, by pieces, so that neither a trickle nor a flood outlasts its bound."""
    pieces: list[bytes] = []
    size = 0
    try:
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimedOut("The provider's answer took too long.", may_have_taken_effect=is_write)
            _limit_next_read(response, remaining)
            piece = response.raw.read1(_PIECE_BYTES, decode_content=True)
            if not piece:
                return b"".join(pieces)
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                raise InvalidResponse(f"The provider's answer is larger than {MAX_ANSWER_BYTES} bytes.")
            pieces.append(piece)
    except urllib3.exceptions.TimeoutError as error:
        raise TimedOut("The provider's answer took too long.", may_have_taken_effect=is_write) from error
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable("The provider's answer broke off.", may_have_taken_effect=is_write) from error


def _limit_next_read(response: requests.Response, seconds: float) -> None:
    connection = getattr(response.raw, "connection", None)
    if sock := getattr(connection, "sock", None):
        sock.settimeout(seconds)


def _retry_after(outcome: Answer | IntegrationError, attempt: int) -> float | None:
    """Seconds to wait before trying again, or None when that would not help. What the provider asks for is obeyed."""
    if isinstance(outcome, Answer):
        if outcome.status not in (408, 429) and outcome.status < 500:
            return None
        asked = _asked_to_wait(outcome)
        if asked is not None:
            return asked
    elif not outcome.retryable:
        return None
    # Full jitter: everyone who failed together does not come back together.
    return random.uniform(0, _FIRST_BACKOFF_SECONDS * 2**attempt)  # noqa: S311 - spreads load, guards nothing


def _asked_to_wait(answer: Answer) -> float | None:
    """`Retry-After` in seconds, which it gives as such or as a date (RFC 9110, 10.2.3)."""
    given = answer.headers.get("retry-after", "").strip()
    if given.isdecimal():
        return float(given)
    try:
        moment = parsedate_to_datetime(given)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _error_of(answer: Answer, provider: Provider, method: str) -> IntegrationError:
    """What a provider's answer that is not 2xx means to us."""
    body = _json_object(answer)
    code, message = provider.error_details(body)
    said = f"{provider.name}: {message or f'answered {answer.status}'}"
    if answer.status == 401:
        return AuthenticationFailed(f"{provider.name} refuses the credentials.")
    if answer.status == 403:
        return AuthenticationFailed(f"{provider.name} says that these credentials may not do this.")
    if answer.status == 429:
        return RateLimited(f"{provider.name} asks us to slow down.", retry_after=_asked_to_wait(answer) or 1.0)
    if answer.status == 408 or answer.status >= 500:
        is_write = method not in _SAFE_METHODS
        return Unavailable(said, may_have_taken_effect=is_write, retry_after=_asked_to_wait(answer))
    if answer.status < 400:
        return InvalidResponse(f"{provider.name} answered {answer.status}, which it does not document.")
    return Rejected(said, provider_code=code, provider_status=answer.status, body=body)


def _json_object(answer: Answer) -> dict[str, Any]:
    try:
        return answer.json()
    except InvalidResponse:
        return {}
