"""Questions that come before a change: a capture that must know its transaction first, say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import InvalidResponse, Unavailable


@contextmanager
def changes_nothing() -> Iterator[None]:
    """What goes wrong in here has changed nothing: raised as Unavailable that says so, lest the change that was never
    asked for be taken for one whose answer got lost."""
    try:
        yield
    except (Unavailable, InvalidResponse) as error:
        raise Unavailable(error.template, retry_after=getattr(error, "retry_after", None), **error.values) from error
