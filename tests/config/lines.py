"""Log lines as they leave the process in production: JSON, by the very handler that production has."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Lines:
    def __init__(self) -> None:
        self.output = io.StringIO()

    @property
    def text(self) -> str:
        return self.output.getvalue()

    def entries(self, logger: str = "") -> list[dict[str, Any]]:
        """Each line by itself is JSON; those of a logger and what is below it."""
        read = [json.loads(line) for line in self.text.splitlines()]
        return [entry for entry in read if entry["logger"].startswith(logger)]


@contextmanager
def json_lines(level: int = logging.DEBUG) -> Iterator[Lines]:
    from config.logs import JSONFormatter, OriginFilter

    lines, root = Lines(), logging.getLogger()
    handler = logging.StreamHandler(lines.output)
    handler.setFormatter(JSONFormatter())
    handler.addFilter(OriginFilter())
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
