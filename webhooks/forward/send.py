"""One attempt: the message signed by Standard Webhooks, posted once, and what was answered, fit to be kept."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import requests
from django.utils import timezone
from django.utils.translation import gettext_noop

from integrations import transport
from integrations.answers import asked_to_wait
from integrations.errors import IntegrationError
from integrations.providers.base import Answer
from integrations.providers.signatures import StandardWebhooks
from integrations.redaction import Redactor
from integrations.secrecy import Secret, Unexpected, leaves_no_frames

from ..models import WebhookDestination

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 15.0
KEPT_CHARACTERS = 4_096
_EXAMINED_BYTES = 16_384
_KEPT_HEADERS = 24
_KEPT_OF_A_HEADER = 256
_SCHEME = StandardWebhooks()

_BROKEN = gettext_noop("The message could not be sent.")
_REFUSED = gettext_noop("The receiver answered {status}.")
_REDIRECTED = gettext_noop("The receiver answered {status}; redirects are not followed.")
# What the transport says of providers.
OF_RECEIVERS = {
    "The provider did not answer in time.": gettext_noop("The receiver did not answer in time."),
    "The provider could not be reached in time.": gettext_noop("The receiver could not be reached in time."),
    "The provider's certificate could not be verified.": gettext_noop(
        "The receiver's certificate could not be verified."
    ),
    "The connection to the provider was refused.": gettext_noop("The connection to the receiver was refused."),
    "The connection to the provider broke off.": gettext_noop("The connection to the receiver broke off."),
    "The provider's answer is larger than {most} bytes.": gettext_noop(
        "The receiver's answer is larger than {most} bytes."
    ),
}


@dataclass(frozen=True)
class Message:
    """What is posted. `headers` say what it is; the signature and the destination's own come to them."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Result:
    """What one attempt met: a status, or an error where there was no answer."""

    at: datetime
    duration_ms: int = 0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = field(default="", repr=False)
    error: str = ""
    retry_after: float | None = None
    blames_receiver: bool = True
    retryable: bool = True

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        return self.status == 410

    @property
    def asked_pause(self) -> float | None:
        """For how long the receiver wants to be left alone, by whatever message."""
        return self.retry_after if self.status in (429, 503) else None


class Recipient:
    """A destination with its secrets open, for as long as it is being sent to."""

    __slots__ = ("_headers", "_redactor", "_secrets", "url")

    def __init__(self, destination: WebhookDestination) -> None:
        """Raises VaultError."""
        self.url = destination.url
        self._secrets = _secrets_of(destination)
        self._headers = headers_of(destination)
        self._redactor = Redactor([*self._secrets, *self._headers.values()])

    def send(self, message_id: uuid.UUID, message: Message) -> Result:
        """Post once. Never raises: whatever went wrong is in the result."""
        at, started = timezone.now(), time.monotonic()
        try:
            answer = self._post(str(message_id), message, started + TIMEOUT_SECONDS)
            return self._told(answer, at, started)
        except IntegrationError as error:
            return Result(at, _milliseconds(started), error=self._redactor.text(_of_the_receiver(error)))
        except Exception as error:  # noqa: BLE001 - the edge of the work: one message must not stop the others
            logger.error("Delivery %s could not be sent: %s", message_id, _place(error))  # noqa: TRY400 - its message may quote a secret
            return Result(at, _milliseconds(started), error=_BROKEN, blames_receiver=False)

    def _told(self, answer: Answer, at: datetime, started: float) -> Result:
        shown = self._redactor.body(answer.body[:_EXAMINED_BYTES], answer.headers.get("content-type", ""))
        return Result(
            at,
            _milliseconds(started),
            status=answer.status,
            headers=self._kept(answer.headers),
            body=shown[:KEPT_CHARACTERS],
            error=_refusal(answer),
            retry_after=None if answer.ok else asked_to_wait(answer),
        )

    @leaves_no_frames
    def _post(self, message_id: str, message: Message, deadline: float) -> Answer:
        request = requests.PreparedRequest()
        request.method, request.url, request.body = "POST", self.url, message.body
        signed = _sign(message.body, self._secrets, message_id, int(time.time()))
        headers = {"user-agent": "Hub/1", "accept": "*/*", **message.headers, **self._headers, **signed}
        request.headers = headers  # type: ignore[assignment]  # a plain one: urllib3 wants no more
        answer = transport.send(request, deadline, streams=True)
        answer.close()
        return answer

    def _kept(self, headers: Mapping[str, str]) -> dict[str, str]:
        shown = self._redactor.headers(dict(list(headers.items())[:_KEPT_HEADERS]))
        return {name[:_KEPT_OF_A_HEADER]: value[:_KEPT_OF_A_HEADER] for name, value in shown.items()}


def headers_of(destination: WebhookDestination) -> dict[str, str]:
    """The destination's own headers, open. Raises VaultError."""
    if destination.headers is None:
        return {}
    opened: dict[str, str] = json.loads(destination.headers.reveal())
    return {name: Secret(value) for name, value in opened.items()}


def _secrets_of(destination: WebhookDestination) -> list[Secret]:
    """Newest first; the one before while its overlap lasts, so that receivers may change at their own time."""
    secrets = [destination.signing_secret.reveal()]
    until = destination.previous_secret_expires_at
    if destination.previous_signing_secret is not None and until is not None and until > timezone.now():
        secrets.append(destination.previous_signing_secret.reveal())
    return secrets


def _sign(body: bytes, secrets: Sequence[str], message_id: str, timestamp: int) -> dict[str, str]:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: one signature a
    secret, separated by spaces."""
    signed = [_SCHEME.sign(body, secret, event_id=message_id, timestamp=timestamp) for secret in secrets]
    return {**signed[0], _SCHEME.header: " ".join(one[_SCHEME.header] for one in signed)}


def _refusal(answer: Answer) -> str:
    if answer.ok:
        return ""
    template = _REDIRECTED if 300 <= answer.status < 400 else _REFUSED
    return template.format(status=answer.status)


def _of_the_receiver(error: IntegrationError) -> str:
    template = OF_RECEIVERS.get(error.template, error.template)
    return template.format(**error.values) if error.values else template


def _place(error: Exception) -> str:
    """Its own message may quote a secret, but for `Unexpected`, which says where it was."""
    return str(error) if isinstance(error, Unexpected) else type(error).__name__


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
