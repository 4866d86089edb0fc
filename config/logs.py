"""Log records with the id of the request that they belong to."""

from __future__ import annotations

import json
import logging


class OriginFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        from integrations.request_id import current_request_id

        record.request_id = current_request_id()
        return True


class JSONFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "request_id": getattr(record, "request_id", ""),
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)
