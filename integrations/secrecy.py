"""Secrets stay out of tracebacks.

Error pages, error trackers and debuggers show the variables of the frames that an exception went through. So a secret
in plain shows nothing as a variable (`Secret`), and where it goes into other texts, a header or a library's buffer, the
frames are forgotten before the exception goes on (`leaves_no_frames`).
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from .errors import IntegrationError

P = ParamSpec("P")
T = TypeVar("T")


class Secret(str):
    """Text that is a secret: a `str` whose `repr`, alone or within a dict, does not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'••••'"


class Unexpected(RuntimeError):
    """A fault in code that works with secrets, told by its kind and place: its own message may quote them."""


def leaves_no_frames(function: Callable[P, T]) -> Callable[P, T]:
    """Let exceptions out of `function` without the frames within it. Those that are none of ours become Unexpected."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        failure: Exception
        try:
            return function(*args, **kwargs)
        except IntegrationError as error:
            failure = _without_frames(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised again as what may be shown
            failure = Unexpected(f"{type(error).__name__} {_places(error)}")
        raise failure

    return wrapper


def _without_frames(error: IntegrationError) -> IntegrationError:
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error


def _places(error: Exception) -> str:
    """`in parse (stripe.py:120), in send (transport.py:50)`: the innermost three."""
    frames = traceback.extract_tb(error.__traceback__)[1:][-1:-4:-1]
    return ", ".join(f"in {frame.name} ({Path(frame.filename).name}:{frame.lineno})" for frame in frames)
