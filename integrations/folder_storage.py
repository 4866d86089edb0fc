"""A folder as object storage: a file is there whole and durable, or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage
from django.utils.deconstruct import deconstructible

from .errors import Unavailable


@deconstructible
class FolderStorage(FileSystemStorage):
    """Files and folders are their owner's alone, and one is written over by another of its name, as in a bucket.

    Raises Unavailable for a folder that takes or gives nothing.
    """

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _open(self, name: str, mode: str = "rb") -> Any:
        try:
            return super()._open(name, mode)  # type: ignore[misc]  # Django's, left out of its stubs
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _refusal(error) from error

    def _save(self, name: str, content: Any) -> str:
        target = Path(self.path(name))
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(target, content.read())
        except OSError as error:
            raise _refusal(error) from error
        return name

    def delete(self, name: str) -> None:
        try:
            super().delete(name)
        except OSError as error:
            raise _refusal(error) from error


def _write(target: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too, survives a power cut
    finally:
        os.close(folder)


def _refusal(error: OSError) -> Unavailable:
    return Unavailable("The storage folder cannot be used: {reason}.", reason=error.strerror or type(error).__name__)
