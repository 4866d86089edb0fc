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
def json_lines(*names: str) -> Iterator[Lines]:
    """Of these loggers and those below them; of all by default. A Celery worker that starts sets up the root anew."""
    from config.logs import JSONFormatter, OriginFilter

    lines = Lines()
    handler = logging.StreamHandler(lines.output)
    handler.setFormatter(JSONFormatter())
    handler.addFilter(OriginFilter())
    loggers = [logging.getLogger(name) for name in names or ("",)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
