"""A call of the log as a command for a shell, to be made again by hand.

Where something secret was taken out stands a variable, named after the header or field (`$AUTHORIZATION`), which
whoever runs it sets before.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

from integrations.redaction import MASK

# curl tells these itself, from what it sends.
_LEFT_OUT = frozenset({"content-length", "host", "connection", "accept-encoding", "transfer-encoding"})
_NAME_BEFORE = re.compile(r"([A-Za-z][\w.\[\]-]*)[\"']?\s*[:=]\s*[\"']?(?:(?:Bearer|Basic)\s+)?$")
_NOT_A_VARIABLE = re.compile(r"[^A-Za-z0-9]+")
_WAS_CUT = re.compile(r"… \[\d+ bytes in all\]$")
_WAS_NOT_TEXT = re.compile(r"<\d+ bytes of [^>]*>")


def curl_command(method: str, url: str, headers: Mapping[str, str], body: str) -> str:
    """For POSIX shells, an option a line. A body that the log has not as a whole is read from the file `body`."""
    request = "--head" if method == "HEAD" else f"--request {shlex.quote(method)}"
    lines = [f"curl --globoff {request}", _quoted(url)]
    lines += [f"--header {_quoted(_header(name, value))}" for name, value in headers.items() if _is_sent(name)]
    if body:
        is_whole = not (_WAS_CUT.search(body) or _WAS_NOT_TEXT.fullmatch(body))
        lines.append(f"--data-raw {_quoted(body)}" if is_whole else "--data-binary @body")
    return " \\\n  ".join(lines)


def _is_sent(name: str) -> bool:
    return name.lower() not in _LEFT_OUT


def _header(name: str, value: str) -> str:
    """To curl, a colon at the end takes a header away; a semicolon sends it empty."""
    return f"{name}: {value}" if value else f"{name};"


def _quoted(text: str) -> str:
    """One word for the shell, in which variables alone are looked into."""
    return "".join(_pieces(text)) or "''"


def _pieces(text: str) -> Iterator[str]:
    before = ""
    for number, piece in enumerate(text.split(MASK)):
        if number:
            yield f'"${_variable(before)}"'
        if piece:
            yield shlex.quote(piece)
        before = piece


def _variable(before: str) -> str:
    found = _NAME_BEFORE.search(before[-200:])
    name = _NOT_A_VARIABLE.sub("_", found.group(1)).strip("_").upper() if found else ""
    return name or "SECRET"
