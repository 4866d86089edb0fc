"""The master keys: given by the environment, or by a file to which a key may be added while processes run.

A file is looked at again each second, and at once when a key is wanted that is not known: a process therefore opens
what another one has sealed under a key that is a moment old.
"""

from __future__ import annotations

import base64
import binascii
import logging
import os
import re
import secrets
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver

MasterKey = tuple[str, bytes]

logger = logging.getLogger(__name__)
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_LOOK_EACH_SECONDS = 1.0


@dataclass(frozen=True)
class Keyring:
    """`newest` seals; every one of `ciphers`, by key id, opens."""

    newest: str
    ciphers: Mapping[str, AESGCM]


@dataclass(frozen=True)
class _Kept:
    ring: Keyring
    stamp: tuple[int, ...] | None = None
    good_until: float = float("inf")


_kept: _Kept | None = None
known_ciphers: Mapping[str, AESGCM] = {}  # by key id; a missing one is asked for by `cipher_of`


def keyring() -> Keyring:
    kept = _kept
    if kept is None or kept.good_until < time.monotonic():
        kept = _look()
    return kept.ring


def cipher_of(key_id: str) -> AESGCM | None:
    """For a key that is not among the known ones: perhaps it has just been added to the file."""
    return _look().ring.ciphers.get(key_id)


def fresh_master_key() -> str:
    """`id:base64` of 32 random bytes."""
    return f"key-{secrets.token_hex(4)}:{base64.b64encode(os.urandom(32)).decode()}"


def parse_master_keys(text: str) -> list[MasterKey]:
    """Read `id:base64,id:base64`, newest first. Raises ImproperlyConfigured without repeating a key."""
    keys: list[MasterKey] = []
    for position, part in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        key_id, _, encoded = part.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not _KEY_ID.fullmatch(key_id) or len(key) != 32:
            raise ImproperlyConfigured(f"HUB_MASTER_KEYS: entry {position} is not id:base64 of 32 bytes.")
        keys.append((key_id, key))
    if not keys:
        raise ImproperlyConfigured("HUB_MASTER_KEYS: there is no key.")
    if len({key_id for key_id, _ in keys}) != len(keys):
        raise ImproperlyConfigured("HUB_MASTER_KEYS: two keys have the same id.")
    return keys


def add_key(file: Path) -> str:
    """Put a new key before the others in `file`; returns its id. Every process seals with it within a second."""
    fresh = fresh_master_key()
    _write(file, [fresh, *_entries(file)])
    _look()
    return fresh.partition(":")[0]


def drop_key(file: Path, key_id: str) -> None:
    """Take a key out of `file`. What it has sealed cannot be opened again: the caller has made sure there is none."""
    _write(file, [entry for entry in _entries(file) if entry.partition(":")[0] != key_id])
    _look()


def _entries(file: Path) -> list[str]:
    text = file.read_text()
    parse_master_keys(text)
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def _write(file: Path, entries: Sequence[str]) -> None:
    """In one step: whoever reads finds the old text or the new one, after a power cut too."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # readable by its owner alone
    written = Path(name)
    try:
        with os.fdopen(descriptor, "w") as opened:
            opened.write(",".join(entries) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        written.replace(file)
    except BaseException:
        written.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _look() -> _Kept:
    global _kept, known_ciphers
    file: Path | None = settings.MASTER_KEYS_FILE
    kept = _read(file, _kept) if file else _Kept(_ring(settings.MASTER_KEYS))
    _kept, known_ciphers = kept, kept.ring.ciphers
    return kept


@receiver(setting_changed, dispatch_uid="hub.master_keys")
def _forget(sender: object, setting: str, **kwargs: object) -> None:
    global _kept, known_ciphers
    if setting in {"MASTER_KEYS", "MASTER_KEYS_FILE"}:
        _kept, known_ciphers = None, {}


def _read(file: Path, before: _Kept | None) -> _Kept:
    """What the file says; where it cannot be read or understood now, what it said before."""
    good_until = time.monotonic() + _LOOK_EACH_SECONDS
    stamp: tuple[int, ...] | None
    try:
        seen = file.stat()
        stamp = (seen.st_mtime_ns, seen.st_ino, seen.st_size)
        is_same = before is not None and before.stamp == stamp
        ring = before.ring if before is not None and is_same else _ring(parse_master_keys(file.read_text()))
    except (OSError, ImproperlyConfigured) as error:
        # Without the traceback, whose text might be the file's.
        logger.error("The file of master keys cannot be used: %s", type(error).__name__)  # noqa: TRY400 - see above
        ring, stamp = before.ring if before else _ring(settings.MASTER_KEYS), None
    return _Kept(ring, stamp, good_until)


def _ring(keys: Sequence[MasterKey]) -> Keyring:
    return Keyring(keys[0][0], {key_id: AESGCM(key) for key_id, key in keys})
