"""A provider's body that is passed on while it still comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .errors import IntegrationError
from .providers.base import Answer, Rest
from .redaction import ByteMask


class Masked:
    """The rest of a streamed body without secrets."""

    def __init__(self, rest: Rest, mask: ByteMask) -> None:
        self._rest = rest
        self._mask = mask
        self.close = rest.close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        for piece in self._rest:
            if ready := self._mask.feed(piece):
                return ready
        if held := self._mask.rest():
            return held
        raise StopIteration


class Watched:
    """The rest of a streamed body, whose end tells how the call went."""

    def __init__(
        self,
        answer: Answer,
        rest: Rest,
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
        self._rest.close()
        if not self._is_told:
            self._is_told = True
            self._report(self._answer, self._failure, self._size)
