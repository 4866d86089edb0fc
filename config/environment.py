"""What the environment says, read once, with a clear word for each thing that is wrong."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_YES, _NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,253}", re.ASCII)
_BUCKET = re.compile(
    r"(?P<region>[a-z0-9-]{1,32})=(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])@"
    r"(?P<place>[a-z]{2}(?:-[a-z]+)+-\d|https?://[A-Za-z0-9.-]+(?::\d{1,5})?)",
    re.ASCII,
)
_LINE = re.compile(r"\s*(#.*|(export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=.*)?", re.ASCII)


class Environment:
    """Typed reading of variables. Each method raises ImproperlyConfigured naming the variable, never its value."""

    def __init__(self, base_dir: Path) -> None:
        """Takes the process's environment, completed from `.env`, which never overrides it."""
        env_file = base_dir / ".env"
        if env_file.is_file():
            _check_lines(env_file)
            environ.Env.read_env(str(env_file))
        self._env = environ.Env()

    def text(self, name: str, default: str = "") -> str:
        return str(self._env.str(name, default=default))

    def flag(self, name: str, *, default: bool) -> bool:
        given = self.text(name).lower()
        if given not in ("", *_YES, *_NO):
            raise ImproperlyConfigured(f"{name} must be true or false.")
        return given in _YES if given else default

    def number(self, name: str, *, default: int, low: int, high: int) -> int:
        given = self.text(name) or str(default)
        if not given.isdecimal() or not low <= int(given) <= high:
            raise ImproperlyConfigured(f"{name} must be a whole number from {low} to {high}.")
        return int(given)

    def choice(self, name: str, *choices: str) -> str:
        """One of `choices`, the first by default."""
        given = self.text(name) or choices[0]
        if given not in choices:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}.")
        return given

    def matching(self, name: str, pattern: str, *, default: str, form: str) -> str:
        """Text that matches `pattern` as a whole; `form` tells a reader what that looks like."""
        given = self.text(name) or default
        if not re.fullmatch(pattern, given):
            raise ImproperlyConfigured(f"{name} must look like {form}.")
        return given

    def file(self, name: str) -> Path | None:
        """A file that can be read now."""
        given = self.text(name)
        if not given:
            return None
        try:
            Path(given).read_bytes()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}: the file cannot be read ({error.strerror}).") from error
        return Path(given)

    def items(self, name: str, default: str = "") -> list[str]:
        """Parts separated by commas."""
        return [item.strip() for item in (self.text(name) or default).split(",") if item.strip()]

    def hosts_or_networks(self, name: str) -> list[str]:
        for item in (items := self.items(name)):
            try:
                is_network = "/" in item and bool(ipaddress.ip_network(item, strict=False))
            except ValueError:
                is_network = False
            if not is_network and not _HOST.fullmatch(item):
                raise ImproperlyConfigured(f"{name} must list hosts or CIDRs such as 10.1.0.0/16.")
        return items

    def buckets(self, name: str) -> dict[str, tuple[str, str]]:
        """Bucket and place by data region. A place is a region of AWS, or the address of another S3."""
        found = [_BUCKET.fullmatch(item) for item in self.items(name)]
        buckets = {match["region"]: (match["bucket"], match["place"]) for match in found if match}
        if len(buckets) != len(found):
            raise ImproperlyConfigured(
                f"{name} must list each region once, as in ae=hub-ae@me-central-1,eu=hub-eu@https://s3.example.com."
            )
        return buckets

    def key_pair(self, name: str, region: str) -> tuple[str | None, str | None]:
        """`NAME_ACCESS_KEY_ID` and `NAME_SECRET_ACCESS_KEY` with the region's suffix, or without; both or neither."""
        for suffix in (f"_{region.upper().replace('-', '_')}", ""):
            names = [f"{name}_ACCESS_KEY_ID{suffix}", f"{name}_SECRET_ACCESS_KEY{suffix}"]
            pair = [self.text(one) for one in names]
            if any(pair):
                if not all(pair):
                    raise ImproperlyConfigured(f"{' and '.join(names)}: set both or neither.")
                return pair[0], pair[1]
        return None, None

    def networks(self, name: str) -> list[Network]:
        """CIDR ranges, or single addresses."""
        try:
            return [ipaddress.ip_network(item, strict=False) for item in self.items(name)]
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} must list addresses or CIDRs such as 10.1.0.0/16.") from error

    def database(self, name: str, default: str) -> dict[str, Any]:
        """Django's settings for a `postgresql://` address; `?host=/folder` names a Unix socket."""
        address = self.text(name) or default
        if not address.startswith(("postgresql://", "postgres://")):
            raise ImproperlyConfigured(f"{name} must be a postgresql:// address.")
        return dict(environ.Env.db_url_config(address))


def _check_lines(env_file: Path) -> None:
    for number, line in enumerate(env_file.read_text().splitlines(), start=1):
        if not _LINE.fullmatch(line):
            raise ImproperlyConfigured(f".env, line {number}: expected NAME=value.")


def data_dir(base_dir: Path) -> Path:
    """The folder of everything that a run leaves behind."""
    return Path(os.environ.get("HUB_DATA_DIR") or base_dir / ".data").resolve()


def secret_from_file(path: Path, fresh: str) -> str:
    """The text in `path`; made from `fresh`, readable by its owner alone, when there is none yet.

    Of two processes that start at once one makes it, whole, and the other reads it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        descriptor, unfinished = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(fresh + "\n")
            with suppress(FileExistsError):
                os.link(unfinished, path)
        finally:
            os.unlink(unfinished)
    return path.read_text().strip()


def refuse(error: Exception) -> None:
    """Say in one line why we do not start, and leave with status 1."""
    print(f"hub: {error}", file=sys.stderr)
    raise SystemExit(1)
