"""Where files lie: in the data region of the organization that they belong to, and nowhere else.

A file's name begins with that region: `ae/webhooks/…`. Its storage is the bucket of the region; where no region has a
bucket (HUB_STORAGE_BUCKETS is empty), all lie in one folder, under the same names.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, storages
from django.utils.deconstruct import deconstructible

from .errors import ConfigurationError

FOLDER = "folder"


def alias_of(region: str) -> str:
    """The name in STORAGES of a region's bucket."""
    return f"region:{region}"


def has_storage(region: str) -> bool:
    return FOLDER in settings.STORAGES or alias_of(region) in settings.STORAGES


@deconstructible
class RegionalStorage(Storage):
    """Finds the storage by the name's first part. To save under a name that is taken is to write the file anew.

    Raises ConfigurationError for a region without storage, Unavailable when the storage does not answer, and
    FileNotFoundError.
    """

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def delete(self, name: str) -> None:
        _storage_of(name).delete(name)

    def exists(self, name: str) -> bool:
        return _storage_of(name).exists(name)

    def size(self, name: str) -> int:
        return _storage_of(name).size(name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        return _storage_of(path).listdir(path)

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        """Read as a whole, so that a storage which fails does so here."""
        with _storage_of(name).open(name, mode) as file:
            return ContentFile(file.read(), name)

    def _save(self, name: str, content: Any) -> str:
        return _storage_of(name).save(name, content)


def _storage_of(name: str) -> Storage:
    region = name.partition("/")[0]
    if FOLDER in settings.STORAGES:
        return storages[FOLDER]
    if not has_storage(region):
        raise ConfigurationError(
            "The data region {region!r} has no storage: HUB_STORAGE_BUCKETS names none.", region=region
        )
    return storages[alias_of(region)]
