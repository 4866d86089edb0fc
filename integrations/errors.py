"""The error family: the API's `code`, the log's `error_code` and the retry decision all come from here.

IntegrationError
    InvalidRequest           our caller asked for something that cannot be
        Conflict             ... or that contradicts what is already there
        NotSupported         ... or that this provider declares it cannot do
    ConfigurationError       the connection lacks a credential or a setting
        ConnectionNotReady   the connection is not in a state to be used
    AuthenticationFailed     the provider refuses the credentials
    RateLimited              our limit or the provider's is used up
    Rejected                 the provider understood and said no
    Unavailable              no answer, or a 5xx: may be tried again
        TimedOut             no answer in time: the call may have taken effect
        CircuitOpen          it has failed too often: nothing was sent
    InvalidResponse          an answer that is not what the provider documents
    EgressRefused            the address may not be reached
    SignatureRefused         a webhook that does not prove its sender
    UnreadablePayload        a webhook body that cannot be read
        BodyNotKept          ... since it was deleted when its time was over
        BodyDamaged          ... since its file is missing or was altered
    UnknownSubject           an event about something that may be ours, but is not known yet: try again soon
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class IntegrationError(Exception):
    """Base of the family. `str(error)` is fit to be shown and never holds a secret.

    `Unavailable("The name {host} does not resolve.", host=host)`: the sentence is a template, so that `translated` can
    say it in the reader's language. Without values it is taken as it stands.
    """

    code = "integration_error"
    http_status = 500
    retryable = False

    def __init__(self, template: str, **values: object) -> None:
        self.template = template
        self.values: dict[str, Any] = values
        self.message = template.format(**values) if values else template
        super().__init__(self.message)

    def translated(self) -> str:
        """The sentence in the language of the current request; logs, stored rows and the API have it in English.

        A value that is such an error itself, as the cause, is said in that language too.
        """
        from django.utils.translation import gettext

        template = gettext(self.template) if self.template else ""
        values = {
            name: value.translated() if isinstance(value, IntegrationError) else value
            for name, value in self.values.items()
        }
        return template.format(**values) if values else template


class InvalidRequest(IntegrationError):
    """The caller's input is wrong; `field` names the part where one part is to blame.

    Where several are, `details` lists them all: `({"field": "credentials.api_key", "message": "is required"}, …)`.
    """

    code = "invalid_request"
    http_status = 400

    def __init__(
        self, template: str, *, field: str = "", details: Sequence[Mapping[str, str]] = (), **values: object
    ) -> None:
        super().__init__(template, **values)
        self.field = field
        self.details = tuple(details)

    def by_field(self) -> list[tuple[str, str]]:
        """Each part that is wrong and what is wrong with it, in the language of the current request, for a form."""
        return [(self.field, self.translated())]


class Conflict(InvalidRequest):
    code = "conflict"
    http_status = 409


class NotSupported(InvalidRequest):
    code = "not_supported"
    http_status = 422


class ConfigurationError(IntegrationError):
    code = "configuration_error"
    http_status = 409


class ConnectionNotReady(ConfigurationError):
    code = "connection_not_ready"


class AuthenticationFailed(IntegrationError):
    code = "authentication_failed"
    http_status = 502


class RateLimited(IntegrationError):
    """A limit is used up; `retry_after` is in seconds."""

    code = "rate_limited"
    http_status = 429
    retryable = True

    def __init__(self, template: str, *, retry_after: float = 1.0, **values: object) -> None:
        super().__init__(template, **values)
        self.retry_after = retry_after


class Rejected(IntegrationError):
    """The provider's own refusal, with the code and the message that it gave.

    `body` is the JSON of its answer, for a provider whose refusal says more (a declined payment's state, say). It may
    hold personal data: it is in neither `str` nor `repr`, and is not to be logged unredacted.
    """

    code = "rejected_by_provider"
    http_status = 422

    def __init__(
        self,
        template: str,
        *,
        provider_code: str = "",
        provider_status: int = 0,
        body: Mapping[str, Any] | None = None,
        **values: object,
    ) -> None:
        super().__init__(template, **values)
        self.provider_code = provider_code
        self.provider_status = provider_status
        self.body: Mapping[str, Any] = body or {}


class Unavailable(IntegrationError):
    """No usable answer. `may_have_taken_effect` says that the request may have reached the provider,
    so that a write must be looked up there before anyone repeats it elsewhere."""

    code = "provider_unavailable"
    http_status = 503
    retryable = True

    def __init__(
        self,
        template: str,
        *,
        may_have_taken_effect: bool = False,
        retry_after: float | None = None,
        **values: object,
    ) -> None:
        super().__init__(template, **values)
        self.may_have_taken_effect = may_have_taken_effect
        self.retry_after = retry_after


class TimedOut(Unavailable):
    code = "provider_timeout"
    http_status = 504


class CircuitOpen(Unavailable):
    """The provider has failed so often that it is not asked for a while: `retry_after` seconds."""

    code = "circuit_open"
    retryable = False


class InvalidResponse(IntegrationError):
    """The provider answered with something it does not document. The call may have taken effect."""

    code = "invalid_response"
    http_status = 502


class EgressRefused(IntegrationError):
    code = "egress_refused"
    http_status = 403


class SignatureRefused(IntegrationError):
    code = "signature_refused"
    http_status = 401


class UnreadablePayload(IntegrationError):
    code = "unreadable_payload"
    http_status = 400


class BodyNotKept(UnreadablePayload):
    code = "body_not_kept"
    http_status = 404


class BodyDamaged(UnreadablePayload):
    code = "body_damaged"
    http_status = 410


class UnknownSubject(IntegrationError):
    """An event's payment is not known, but one that is just being created may turn out to be it."""

    code = "unknown_subject"
    http_status = 404
    retryable = True
