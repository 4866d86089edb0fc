"""A bucket of S3, or of what speaks its protocol: Cloudflare R2, MinIO, …

Imported when a bucket is used, since boto3 takes its time: `STORAGES` names it by its path.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile
from django.utils.deconstruct import deconstructible
from storages.backends.s3 import S3Storage

from .errors import Unavailable


@deconstructible
class BucketStorage(S3Storage):
    """Raises Unavailable whatever goes wrong, but FileNotFoundError for a file that is not there."""

    def __init__(self, **options: Any) -> None:
        # Bodies are small: one request each, in the caller's thread.
        given = {
            "client_config": _client(bool(options.get("endpoint_url"))),
            "file_overwrite": True,
            "default_acl": None,
        }
        super().__init__(**given, transfer_config=TransferConfig(use_threads=False), **options)

    def _open(self, name: str, mode: str = "rb") -> ContentFile[bytes]:
        with _refusals_translated(), super()._open(name, mode) as file:
            return ContentFile(file.read(), name)

    def _save(self, name: str, content: Any) -> str:
        with _refusals_translated():
            return str(super()._save(name, content))

    def delete(self, name: str) -> None:
        with _refusals_translated():
            super().delete(name)

    def exists(self, name: str) -> bool:
        with _refusals_translated():
            return bool(super().exists(name))

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        with _refusals_translated():
            folders, files = super().listdir(name)
            return folders, files


def _client(has_endpoint: bool) -> Config:
    """The bytes are part of the signed request, by which the other end knows that they are whole.

    boto3's own checksums (since 1.36) are refused by R2 and others: github.com/cloudflare/cloudflare-docs/pull/19236,
    github.com/boto/s3transfer/issues/327. Buckets of an endpoint of its own are named in the path, as all of them
    understand.
    """
    return Config(
        signature_version="s3v4",
        s3={"payload_signing_enabled": True, **({"addressing_style": "path"} if has_endpoint else {})},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=5,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=16,
    )


@contextmanager
def _refusals_translated() -> Iterator[None]:
    """Without the original, whose frames hold the keys of the bucket."""
    try:
        yield
        return
    except ClientError as error:
        reason = str(error.response.get("Error", {}).get("Code", "refused"))
    except (BotoCoreError, Boto3Error, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        reason = type(error).__name__
    raise Unavailable("The object storage does not do what it should: {reason}.", reason=reason)
