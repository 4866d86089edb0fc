"""Access tokens that providers give for a connection's credentials: kept sealed, in this process, until shortly before
they end. Threads that need the same one ask for it once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .secrecy import Secret
from .single_flight import SingleFlight
from .vault import SealedText

Key = tuple[Any, ...]  # the connection, the address, and the credentials as they are sealed

_SHORT_OF_SECONDS = 60.0  # a call that is begun with a token must be over before that is
_MOST = 10_000


@dataclass(frozen=True)
class _Kept:
    token: SealedText
    until: float


_kept: dict[Key, _Kept] = {}
_fetching: SingleFlight[Key, Secret] = SingleFlight()


def current(key: Key, fetch: Callable[[], tuple[Secret, float]]) -> Secret:
    """The token for `key`; where there is none, or an old one, what `fetch` gets: it and its seconds."""
    kept = _kept.get(key)
    if kept is not None and time.monotonic() < kept.until:
        return kept.token.reveal()
    return _fetching.do(key, lambda key: _fetch(key, fetch))


def forget(key: Key) -> None:
    """The provider takes it no more."""
    _kept.pop(key, None)
    _fetching.forget(key)


def _fetch(key: Key, fetch: Callable[[], tuple[Secret, float]]) -> Secret:
    token, seconds = fetch()
    if len(_kept) >= _MOST:
        _kept.clear()
    until = time.monotonic() + seconds - min(_SHORT_OF_SECONDS, seconds / 5)
    _kept[key] = _Kept(SealedText.seal(token, context="access_tokens"), until)
    return token
