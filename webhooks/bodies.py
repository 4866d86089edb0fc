"""What providers put into a body, whatever it is written in: JSON, a form, a form with files; compressed or not.

Reading comes after verifying: what is verified and kept are the bytes as they came. None of the providers in our
catalogue documents that it compresses its webhooks; what comes compressed was so made on its way, or signed as it came.
There are others who sign the text inside: Stream does, https://github.com/GetStream/stream-chat-python/pull/230.
A provider of that kind would need a scheme that unpacks first.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.http import parse_header_parameters

from integrations.errors import IntegrationError, UnreadablePayload

_MOST_FIELDS = 1_000
_MOST_MEMBERS = 64  # of a gzip file; those that are empty cost time, and no limit of size ends them
_FORM, _FORM_WITH_FILES = "application/x-www-form-urlencoded", "multipart/form-data"
_AS_IT_IS = ("", "identity")
_GZIP = ("gzip", "x-gzip")
_GZIP_WINDOW = 31  # for zlib: a gzip header and trailer are wanted


class TooLarge(IntegrationError):
    code = "too_large"
    http_status = 413


def read_payload(body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """What a provider's methods are handed: a JSON object; an array as `{"items": […]}`; the fields of a form.

    A name that comes several times in a form has a list. A file is described by its name, type, size and digest.
    `headers` have lower-case names. Raises UnreadablePayload for what is none of these, and TooLarge for what is larger
    than a body may be once it is unpacked.
    """
    text = unpacked(body, headers)
    content_type, parameters = _content_type(headers.get("content-type", ""))
    charset = _charset(parameters.get("charset", ""))
    if content_type == _FORM_WITH_FILES:
        return _form_with_files(text, headers["content-type"], charset)
    # Some senders of JSON leave the content type to their library, which says that it is a form.
    if content_type == _FORM and text.lstrip()[:1] not in (b"{", b"["):
        return _form(text, charset)
    return _json(text, charset)


def check_size(size: int) -> None:
    """Raises TooLarge."""
    if size > settings.MAX_WEBHOOK_BYTES:
        raise TooLarge("A body has at most {most} bytes.", most=settings.MAX_WEBHOOK_BYTES)


def write_payload(payload: Mapping[str, Any], content_type: str) -> bytes:
    """A body that reads as `payload`: JSON, or a form where `content_type` is one."""
    if content_type == _FORM:
        return urlencode(payload, doseq=True).encode("ascii")
    is_array = payload.keys() == {"items"}
    return json.dumps(payload["items"] if is_array else payload).encode("ascii")


def unpacked(body: bytes, headers: Mapping[str, str]) -> bytes:
    """The body without its `Content-Encoding`; what would burst is given up as soon as it is over the limit."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in _AS_IT_IS:
        return body
    if encoding not in _GZIP:
        raise UnreadablePayload("The body is compressed in a way that is not read here.")
    return _gunzip(body)


def _gunzip(body: bytes) -> bytes:
    """A file may have several members, one after the other (RFC 1952, 2.2)."""
    text = b""
    for _ in range(_MOST_MEMBERS):
        member = zlib.decompressobj(_GZIP_WINDOW)
        try:
            text += member.decompress(body, settings.MAX_WEBHOOK_BYTES + 1 - len(text))
        except zlib.error as error:
            raise UnreadablePayload("The body is not gzip.") from error
        check_size(len(text))
        if not member.eof:
            raise UnreadablePayload("The body broke off.")
        if not (body := member.unused_data):
            return text
    raise UnreadablePayload("The body is not gzip.")


def _content_type(header: str) -> tuple[str, dict[str, str]]:
    try:
        return parse_header_parameters(header)
    except ValueError as error:
        raise UnreadablePayload("The body is in an unknown charset.") from error


def _charset(name: str) -> str:
    """Python's name of it; empty where none is given."""
    if not name:
        return ""
    try:
        return codecs.lookup(name).name
    except (LookupError, ValueError) as error:
        raise UnreadablePayload("The body is in an unknown charset.") from error


def _json(body: bytes, charset: str) -> dict[str, Any]:
    try:
        # JSON tells UTF-8, 16 and 32 apart by itself, and has a mark at its beginning at times.
        payload = json.loads(body if charset in ("", "utf-8", "ascii") else body.decode(charset))
    except (ValueError, LookupError, RecursionError) as error:
        raise UnreadablePayload("The body is neither JSON nor a form.") from error
    if isinstance(payload, list):
        return {"items": payload}
    if not isinstance(payload, dict):
        raise UnreadablePayload("The body is not a JSON object or array.")
    return payload


def _form(body: bytes, charset: str) -> dict[str, Any]:
    charset = charset or "utf-8"
    try:
        pairs = parse_qsl(
            body.decode(charset),
            keep_blank_values=True,
            encoding=charset,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except (ValueError, LookupError) as error:
        raise UnreadablePayload("The body is not a form.") from error
    if b"=" not in body:
        raise UnreadablePayload("The body is not a form.")
    return _fields(pairs)


def _form_with_files(body: bytes, content_type: str, charset: str) -> dict[str, Any]:
    announced = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": len(body)}
    try:
        parser = MultiPartParser(announced, BytesIO(body), [_Describing()], charset or "utf-8")
        fields, files = parser.parse()
    except (MultiPartParserError, SuspiciousOperation, ValueError, LookupError) as error:
        raise UnreadablePayload("The body is not a form with files.") from error
    pairs: list[tuple[str, Any]] = [(name, value) for name, values in fields.lists() for value in values]
    pairs += [(name, file.described()) for name, several in files.lists() for file in several]
    return _fields(pairs)


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    several: dict[str, list[Any]] = {}
    for name, value in pairs:
        several.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in several.items()}


class _Described(UploadedFile):  # type: ignore[type-arg]  # generic in the stubs alone
    """A file that was in a form, without its content."""

    digest = ""

    def described(self) -> dict[str, Any]:
        described = {"filename": self.name, "content_type": self.content_type, "size": self.size}
        return {**described, "sha256": self.digest}


class _Describing(FileUploadHandler):
    """Looks at files as they pass, and keeps none."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._digest = hashlib.sha256()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._digest.update(raw_data)

    def file_complete(self, file_size: int) -> _Described:
        file = _Described(name=self.file_name, content_type=self.content_type, size=file_size)
        file.digest = self._digest.hexdigest()
        return file
