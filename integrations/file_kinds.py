"""What a file is, told by its bytes: a name and a content type are only what somebody says of it."""

from __future__ import annotations

from collections.abc import Mapping

PDF, PNG, JPEG = "application/pdf", "image/png", "image/jpeg"
ENDINGS: Mapping[str, str] = {PDF: ".pdf", PNG: ".png", JPEG: ".jpg"}
_LONGEST_STEM = 100


def kind_of(content: bytes) -> str:
    """The content type of a PDF, PNG or JPEG that has its beginning and its end; empty for anything else."""
    tail = content[-1024:]
    if content.startswith(b"%PDF-") and b"%%EOF" in tail:
        return PDF
    if content.startswith(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR") and b"IEND" in tail:
        return PNG
    if content.startswith(b"\xff\xd8\xff") and b"\xff\xd9" in tail:
        return JPEG
    return ""


def plain_name(given: str, content_type: str) -> str:
    """The name that somebody gave a file, without folders and what no name should hold, and with its kind's ending."""
    stem = given.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or "file"
    plain = "".join(sign for sign in stem if sign.isalnum() or sign in " -_()").strip()
    return f"{plain[:_LONGEST_STEM].strip() or 'file'}{ENDINGS[content_type]}"
