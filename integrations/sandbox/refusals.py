from __future__ import annotations


class Refusal(Exception):
    """The sandbox says no: an HTTP status and `{"error": {"code", "message", "field"}}`."""

    def __init__(self, status: int, code: str, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message, "field": field}}
