"""Certificates that a webhook's signature names by their address: fetched once, kept for a while.

A scheme pins the address to its provider's hosts, but the rest of it is for whoever forges a signature to choose. So
what is not there is remembered too, and only so many are asked for in a minute.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import requests

from integrations.errors import EgressRefused, IntegrationError, InvalidResponse, SignatureRefused, Unavailable
from integrations.transport import send

_SECONDS = 4.0
_KEPT_SECONDS = 3_600.0
_ABSENCE_KEPT_SECONDS = 60.0
_OUTAGE_KEPT_SECONDS = 5.0
_MOST_KEPT = 256
_MOST_A_MINUTE = 20


@dataclass(frozen=True)
class _Answer:
    until: float
    certificate: bytes = b""
    error: IntegrationError | None = None


_answers: dict[str, _Answer] = {}
_asked: deque[float] = deque(maxlen=_MOST_A_MINUTE)  # when the last were fetched
_one_at_a_time = threading.Lock()


def fetch_certificate(address: str) -> bytes:
    """What is at `address`. Raises SignatureRefused where nothing is, Unavailable where that cannot be told now."""
    answer = _known(address)
    if answer is None:
        # Many events that come with a new certificate are one question; those with a known one never wait here.
        if not _one_at_a_time.acquire(timeout=_SECONDS):
            raise Unavailable("The certificate could not be fetched in time.")
        try:
            answer = _known(address) or _ask(address)
        finally:
            _one_at_a_time.release()
    if answer.error is not None:
        raise type(answer.error)(answer.error.template, **answer.error.values)
    return answer.certificate


def forget() -> None:
    """Let go of all that is known, as a new process does."""
    _answers.clear()
    _asked.clear()


def _known(address: str) -> _Answer | None:
    answer = _answers.get(address)
    return answer if answer is not None and answer.until > time.monotonic() else None


def _ask(address: str) -> _Answer:
    now = time.monotonic()
    if len(_asked) == _MOST_A_MINUTE and now - _asked[0] < 60:
        raise Unavailable("No more certificates are fetched this minute.")
    _asked.append(now)
    answer = _fetched(address)
    if len(_answers) >= _MOST_KEPT:
        _make_room()
    _answers[address] = answer
    return answer


def _fetched(address: str) -> _Answer:
    absent = SignatureRefused("There is no certificate at the address that the signature names.")
    try:
        answer = send(requests.Request("GET", address).prepare(), time.monotonic() + _SECONDS, streams=True)
    except (EgressRefused, InvalidResponse, ValueError):
        return _Answer(time.monotonic() + _ABSENCE_KEPT_SECONDS, error=absent)
    except Unavailable as error:
        return _Answer(time.monotonic() + _OUTAGE_KEPT_SECONDS, error=Unavailable(error.template, **error.values))
    if answer.rest is not None:
        answer.close()
        return _Answer(time.monotonic() + _ABSENCE_KEPT_SECONDS, error=absent)  # larger than any certificate
    if answer.status >= 500:
        outage = Unavailable("The certificate could not be fetched: {status}.", status=answer.status)
        return _Answer(time.monotonic() + _OUTAGE_KEPT_SECONDS, error=outage)
    if not answer.ok:
        return _Answer(time.monotonic() + _ABSENCE_KEPT_SECONDS, error=absent)
    return _Answer(time.monotonic() + _KEPT_SECONDS, certificate=answer.body)


def _make_room() -> None:
    """First what no longer counts, then what never was there: a forger must not push out the genuine ones."""
    now = time.monotonic()
    for address, answer in list(_answers.items()):
        if answer.until <= now or answer.error is not None:
            del _answers[address]
    if len(_answers) >= _MOST_KEPT:
        _answers.clear()
