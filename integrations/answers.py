"""What a provider's answer that is not 2xx means: an error of ours, and whether and when to ask again."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from .errors import (
    AuthenticationFailed,
    IntegrationError,
    InvalidResponse,
    RateLimited,
    Rejected,
    Unavailable,
)
from .providers.base import Answer, Provider
from .redaction import Redactor
from .transport import SAFE_METHODS

_FIRST_BACKOFF_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 86_400.0
_UNIX_TIMES_FROM = 1_000_000_000
_UNIX_TIMES_IN_MILLISECONDS_FROM = 1_000_000_000_000
_LIMIT_PREFIXES = ("x-ratelimit", "x-rate-limit", "ratelimit")
_NUMBERS = re.compile(r"(?<![\w\"])(remaining|reset|r|t)=(\d+)")
# Refusals of what was asked. Others (409: the first try is still at work; 404 to a repeated DELETE; 429) say nothing
# of what an earlier try of the same call has done.
_SETTLING = frozenset({400, 402, 422})


def error_of(answer: Answer, provider: Provider, method: str, redactor: Redactor) -> IntegrationError:
    """What an answer that is not 2xx means to us. The provider's message is quoted without what is secret in it."""
    body = _json_object(answer)
    code, message = provider.error_details(body)
    words = redactor.text(message or f"answered {answer.status}")
    if answer.status == 401:
        return AuthenticationFailed("{provider} refuses the credentials.", provider=provider.name)
    if answer.status == 403:
        return AuthenticationFailed("{provider} says that these credentials may not do this.", provider=provider.name)
    if answer.status == 429:
        return RateLimited(
            "{provider} asks us to slow down.", provider=provider.name, retry_after=asked_to_wait(answer) or 1.0
        )
    if answer.status == 408 or answer.status >= 500:
        is_write = method not in SAFE_METHODS
        return Unavailable(
            "{provider}: {words}",
            provider=provider.name,
            words=words,
            may_have_taken_effect=is_write,
            retry_after=asked_to_wait(answer),
        )
    if answer.status < 400:
        return InvalidResponse(
            "{provider} answered {status}, which it does not document.", provider=provider.name, status=answer.status
        )
    return Rejected(
        "{provider}: {words}",
        provider=provider.name,
        words=words,
        provider_code=redactor.text(code),
        provider_status=answer.status,
        body=body,
    )


def may_have_taken_effect(error: IntegrationError) -> bool:
    """Whether the provider may have done what was asked although this came of it."""
    return isinstance(error, InvalidResponse) or (isinstance(error, Unavailable) and error.may_have_taken_effect)


def is_absence(error: IntegrationError) -> bool:
    """Whether the provider was not there, or not itself: what the circuit breaker counts."""
    return isinstance(error, Unavailable | InvalidResponse)


def still_in_doubt(error: IntegrationError) -> IntegrationError:
    """The error to raise for a repetition when the try before it may have taken effect: this one may not hide that."""
    if may_have_taken_effect(error) or (isinstance(error, Rejected) and error.provider_status in _SETTLING):
        return error
    retry_after = getattr(error, "retry_after", None)
    return Unavailable(error.template, may_have_taken_effect=True, retry_after=retry_after, **error.values)


def seconds_before_retry(outcome: Answer | IntegrationError, attempt: int, *, retry_header: str = "") -> float | None:
    """How long to wait before trying again, or None when that would not help. What the provider asks for is obeyed."""
    if isinstance(outcome, Answer):
        if not _is_worth_repeating(outcome, retry_header):
            return None
        asked = asked_to_wait(outcome)
        if asked is not None:
            return asked
    elif not outcome.retryable:
        return None
    # Full jitter: everyone who failed together does not come back together.
    return random.uniform(0, _FIRST_BACKOFF_SECONDS * 2**attempt)  # noqa: S311 - spreads load, guards nothing


def _is_worth_repeating(answer: Answer, retry_header: str) -> bool:
    advice = "" if answer.ok else answer.headers.get(retry_header, "")
    if advice in ("true", "false"):
        return advice == "true"
    return answer.status in (408, 429) or answer.status >= 500


def asked_pause(answer: Answer) -> float | None:
    """For how many seconds the provider asks all of us to stay away, or None.

    By `Retry-After` with 429 or 503, else by headers that say that nothing remains: `X-RateLimit-Remaining` with
    `-Reset` (seconds from now, or a Unix time), or `RateLimit` (draft-ietf-httpapi-ratelimit-headers, 07 and 10).
    """
    if answer.status in (429, 503) and (asked := asked_to_wait(answer)):
        return asked
    for prefix in _LIMIT_PREFIXES:
        if answer.headers.get(f"{prefix}-remaining", "").strip() == "0":
            return _reset_seconds(answer.headers.get(f"{prefix}-reset", ""))
    return _longest_reset(answer.headers.get("ratelimit", ""))


def _longest_reset(given: str) -> float | None:
    """Of a `RateLimit` header: `limit=100, remaining=0, reset=20`, or any number of `"policy";r=0;t=20`."""
    resets = []
    for policy in given.split(",") if ";" in given else [given]:
        told = dict(_NUMBERS.findall(policy))
        if "0" in (told.get("remaining"), told.get("r")):
            resets.append(_reset_seconds(told.get("reset") or told.get("t", "")) or 0.0)
    return max(resets, default=0.0) or None


def asked_to_wait(answer: Answer) -> float | None:
    """`Retry-After` in seconds, a day at most; it is given as such or as a date (RFC 9110, 10.2.3)."""
    given = answer.headers.get("retry-after", "").strip()
    try:
        seconds = float(given) if given.isdecimal() else _seconds_until(parsedate_to_datetime(given))
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), _LONGEST_WAIT_SECONDS)


def _reset_seconds(given: str) -> float | None:
    try:
        seconds = float(given)
    except ValueError:
        return None
    if seconds >= _UNIX_TIMES_IN_MILLISECONDS_FROM:
        seconds /= 1000
    if seconds >= _UNIX_TIMES_FROM:
        seconds -= datetime.now(UTC).timestamp()
    return min(seconds, _LONGEST_WAIT_SECONDS) if seconds > 0 else None


def _seconds_until(moment: datetime) -> float:
    # A zone of "-0000" makes a time without one: it is meant as UTC.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime.now(UTC)).total_seconds()


def _json_object(answer: Answer) -> Mapping[str, Any]:
    try:
        return answer.json()
    except InvalidResponse:
        return {}
