"""One call to a provider with its retries: limits, credentials and authentication, the call, one report an attempt."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from urllib.parse import urlencode

import requests
from django.db import connection as database
from django.utils import timezone

from . import access_tokens, circuit, signals, transport
from .admission import Admission, admit
from .answers import (
    asked_pause,
    error_of,
    is_absence,
    may_have_taken_effect,
    seconds_before_retry,
    still_in_doubt,
)
from .errors import (
    AuthenticationFailed,
    CircuitOpen,
    IntegrationError,
    InvalidResponse,
    RateLimited,
    Rejected,
    Unavailable,
)
from .models import Connection, Credential
from .prepared import base_url, encode, join, put_headers, secrets_of, secrets_within
from .providers.auth import ACCESS_TOKEN, Auth, TokenExchange
from .providers.base import Answer, Provider
from .redaction import Redactor
from .request_id import current_origin
from .secrecy import Secret, leaves_no_frames
from .streamed import Masked, Watched

TOTAL_SECONDS = 30.0
MAX_ATTEMPTS = 3
_IDEMPOTENT_METHODS = transport.SAFE_METHODS | {"PUT", "DELETE"}
_CLOCKS_DIFFER_BY_SECONDS = 0.25


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
class Call:
    """What is to be sent, before the connection's secrets are added to it."""

    method: str
    path: str
    params: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = ""
    idempotency_key: str = ""
    secrets: tuple[Secret, ...] = ()  # what in the body must not be written down
    auth: Auth | None = None  # another than the provider's own
    is_repeatable: bool = False  # asking again does no more than asking once, whatever the method


@dataclass(frozen=True)
class Patience:
    """For how long a call may go on and may wait for room in its windows, and whether it passes an open circuit."""

    timeout_seconds: float
    wait_seconds: float
    probes: bool
    until: float = math.inf  # of `time.monotonic`: when the last of several calls is over
    frees_session: bool = False


class Exchange:
    """One call with its retries, until its deadline."""

    def __init__(
        self,
        connection: Connection,
        provider: Provider,
        operation: str,
        call: Call,
        patience: Patience,
        instead: Mapping[str, Credential],
    ) -> None:
        self._connection = connection
        self._provider = provider
        self._operation = operation
        self._call = call
        self._patience = patience
        self._instead = instead
        self._auth: Auth = call.auth or provider.auth
        self._in_doubt = False

    def run(self, *, streams: bool = False) -> Answer:
        """The last attempt's answer, whatever its status. Raises its failure when it got none."""
        self._streams = streams
        self._origin = current_origin()  # once: outside of a request each asking makes a new one
        deadline = min(time.monotonic() + self._patience.timeout_seconds, self._patience.until)
        url = join(base_url(self._connection, self._provider), self._call.path)
        self._admission = self._admit(self._patience.wait_seconds)
        outcome = self._try(url, deadline)
        if isinstance(self._auth, TokenExchange) and isinstance(outcome, Answer) and outcome.status == 401:
            # The token was ended before its time. What was refused for it was not done.
            access_tokens.forget(self._token_key)
            outcome = self._try(url, deadline)
        if isinstance(outcome, IntegrationError):
            raise self._told_in_full(outcome)
        return outcome

    def _try(self, url: str, deadline: float) -> Answer | IntegrationError:
        request = self._prepare(url, self._token())
        for attempt in range(1, MAX_ATTEMPTS + 1):
            outcome = self._attempt(request, attempt, min(deadline, time.monotonic() + self._attempt_seconds))
            wait = seconds_before_retry(outcome, attempt, retry_header=self._provider.retry_header)
            is_last = attempt == MAX_ATTEMPTS or not self._may_repeat
            if is_last or wait is None or time.monotonic() + wait >= deadline:
                break
            time.sleep(wait)
            if not self._has_room():
                break
            if isinstance(outcome, Answer) and isinstance(outcome.rest, Watched):
                outcome.rest.close()
        return outcome

    def without_secrets(self, answer: Answer) -> Answer:
        mask = self._redactor.mask()
        body = mask.feed(answer.body)
        headers = {name: mask.text(value) for name, value in answer.headers.items()}
        if answer.rest is None:
            return replace(answer, headers=headers, body=body + mask.rest())
        return replace(answer, headers=headers, body=body, rest=Masked(answer.rest, mask))

    def _admit(self, wait_seconds: float) -> Admission:
        """Count one attempt against the limits. An open circuit and a used-up limit raise."""
        try:
            return admit(self._connection, wait_seconds=wait_seconds, past_open_circuit=self._patience.probes)
        finally:
            if self._patience.frees_session:
                database.close()

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
        return self._call.method in _IDEMPOTENT_METHODS or self._call.is_repeatable or bool(keyed)

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

    def _token(self) -> Secret | None:
        """The access token that the credentials are exchanged for first, where the provider wants that."""
        if not isinstance(self._auth, TokenExchange):
            return None
        return access_tokens.current(self._token_key, self._fetch_token)

    @property
    def _token_key(self) -> access_tokens.Key:
        held = self._held
        proof = [held[key].encrypted_value.token for key in self._auth.keys if key in held]
        return self._connection.pk, base_url(self._connection, self._provider), *proof

    def _fetch_token(self) -> tuple[Secret, float]:
        """Raises AuthenticationFailed; and Unavailable, which says rightly that the call itself was never made."""
        exchange = Exchange(
            self._connection, self._provider, "access_token", self._token_call(), self._patience, self._instead
        )
        try:
            answer = exchange.run()
            if answer.ok:
                return self._exchanged.read(answer)
            raise exchange.error_of(answer)
        except Rejected as refusal:
            raise AuthenticationFailed("{provider} refuses the credentials.", provider=self._provider.name) from refusal
        except (Unavailable, InvalidResponse) as error:
            raise Unavailable(
                "{provider} gives no access token: {words}", provider=self._provider.name, words=error
            ) from error

    @leaves_no_frames
    def _token_call(self) -> Call:
        exchanged = self._exchanged
        content = exchanged.content(self._revealed(), self._connection.configuration)
        body, content_type = encode(json=content) if exchanged.is_json else encode(form=content)
        return Call(
            "POST", exchanged.path, {}, exchanged.sent_headers, body if content else b"", content_type,
            secrets=tuple(secrets_within(content)), auth=exchanged.by, is_repeatable=True,
        )  # fmt: skip

    @property
    def _exchanged(self) -> TokenExchange:
        assert isinstance(self._auth, TokenExchange)  # noqa: S101 - for the type checker: nobody else asks
        return self._auth

    @property
    def _held(self) -> dict[str, Credential]:
        return {**self._admission.credentials, **self._instead}

    def _revealed(self) -> dict[str, Secret]:
        return {key: credential.reveal() for key, credential in self._held.items()}

    @leaves_no_frames
    def _prepare(self, url: str, token: Secret | None) -> requests.PreparedRequest:
        call, provider = self._call, self._provider
        credentials = self._revealed() | ({ACCESS_TOKEN: token} if token else {})
        auth_headers = self._auth.headers(credentials)
        self._redactor = Redactor([*secrets_of(provider, credentials, auth_headers), *call.secrets])
        query = urlencode({**call.params, **self._auth.params(credentials)}, doseq=True)
        headers = {"Accept": "application/json", **call.headers, "User-Agent": "Hub/1", **provider.headers}
        if call.content_type:
            headers.setdefault("Content-Type", call.content_type)
        if call.idempotency_key and provider.idempotency_header:
            headers[provider.idempotency_header] = call.idempotency_key
        headers |= auth_headers
        request = requests.PreparedRequest()
        request.prepare_method(call.method)
        request.url = f"{url}?{query}" if query else url
        put_headers(request, headers)
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
            outcome = replace(outcome, rest=Watched(outcome, outcome.rest, failure, report))
        else:
            report(outcome, failure)
        self._tell_circuit(outcome, failure)
        self._in_doubt |= failure is not None and may_have_taken_effect(failure)
        return outcome

    def _tell_circuit(self, outcome: Answer | IntegrationError, failure: IntegrationError | None) -> None:
        if failure is not None and is_absence(failure):
            # A check that finds the provider away must not cut off traffic that has not met that itself.
            if not self._patience.probes:
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
        signals.api_call_finished.send_robust(sender=Exchange, call=finished, provider=self._connection.provider)
