"""What the parts under `manage.py up` print, as JSON: their own objects pass, any other line becomes one."""

from __future__ import annotations

import json
from typing import Any, TextIO

from .logs import without_secrets


class JSONPrinter:
    """Stands where honcho's printer would, which begins each line with a time and a name."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self.width = 0  # honcho sets it

    def write(self, message: Any) -> None:
        data = message.data
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
        for line in text.splitlines():
            print(line if _is_object(line) else _wrapped(line, message), file=self._output, flush=True)


def _is_object(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _wrapped(line: str, message: Any) -> str:
    moment = message.time.astimezone().isoformat(timespec="milliseconds")
    entry = {"time": moment, "level": "INFO", "logger": message.name, "message": without_secrets(line)}
    return json.dumps(entry, ensure_ascii=False)
