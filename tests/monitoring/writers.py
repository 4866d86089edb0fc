"""Calls written as other processes write them: in sessions of their own, whose transactions end when told to."""

from __future__ import annotations

import random
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from django.db import connection

from integrations.models import Connection
from integrations.models.base import uuid7

_INSERT = """
INSERT INTO integration_logs (id, organization_id, connection_id, log_type, method, endpoint, request_headers,
    request_body, response_headers, response_body, error_message, request_id, operation, attempt, error_code,
    response_status, response_time_ms, bytes_sent, bytes_received, cost_aed, created_at)
VALUES (%s, %s, %s, %s, 'GET', '/', '{}', '', '{}', '', '', '', 'test', 1, %s, %s, %s, %s, %s, %s, %s)
"""


class Writer:
    def __init__(self) -> None:
        self.session = psycopg.connect(**{**connection.get_connection_params(), "cursor_factory": psycopg.Cursor})

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *error: object) -> None:
        self.session.close()

    def write(self, target: Connection, at: datetime, chance: random.Random | None = None) -> None:
        self.session.execute(_INSERT, _row(target, at, chance or random.Random(1)))

    def commit(self) -> None:
        self.session.commit()

    def roll_back(self) -> None:
        self.session.rollback()


def _row(target: Connection, at: datetime, chance: random.Random) -> list[Any]:
    status, code = chance.choice([(200, ""), (201, ""), (404, ""), (503, ""), (429, "rate_limited"), (None, "timeout")])
    time = None if chance.random() < 0.1 else round(chance.lognormvariate(5, 1.5))
    kind = "error" if status is None else "api_response"
    cost = Decimal(chance.randrange(1_000_000)) / 1_000_000
    size = chance.randrange(5000)
    return [uuid7(), target.organization_id, target.pk, kind, code, status, time, size, size * 3, cost, at]
