"""What the environment says, read once, with a clear word for each thing that is wrong."""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
import sys
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

MasterKey = tuple[str, bytes]
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_LINE = re.compile(r"\s*(#.*|(export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=.*)?", re.ASCII)


def read_environment(base_dir: Path) -> environ.Env:
    """The process's environment, completed from `.env`, which never overrides it. An unreadable line stops us."""
    env_file = base_dir / ".env"
    if env_file.is_file():
        for number, line in enumerate(env_file.read_text().splitlines(), start=1):
            if not _LINE.fullmatch(line):
                raise ImproperlyConfigured(f".env, line {number}: expected NAME=value.")
        environ.Env.read_env(str(env_file))
    return environ.Env()


def data_dir(base_dir: Path) -> Path:
    """The folder of everything that a run leaves behind."""
    return Path(os.environ.get("HUB_DATA_DIR") or base_dir / ".data").resolve()


def secret_from_file(path: Path, fresh: str) -> str:
    """The text in `path`; made from `fresh`, readable by its owner alone, when there is none yet."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(fresh + "\n")
    return fresh


def fresh_master_key() -> str:
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
    if len({key_id for key_id, _ in keys}) != len(keys):
        raise ImproperlyConfigured("HUB_MASTER_KEYS: two keys have the same id.")
    return keys


def refuse(error: Exception) -> None:
    """Say in one line why we do not start, and leave with status 1."""
    print(f"hub: {error}", file=sys.stderr)
    raise SystemExit(1)
