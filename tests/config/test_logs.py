"""Log lines: an object each in production, with the ids of the work they belong to, and no secret in them."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from honcho.printer import Message

from config.log_lines import JSONPrinter
from config.logs import OriginFilter, TextFormatter
from integrations.request_id import Origin, originating
from integrations.tenancy import acting_for
from tests.factories import OrganizationFactory

from .lines import Lines, json_lines
from .test_environment import PRODUCTION, ROOT

BIRD = "canary0yellow"
KEY = f"sk_test_{BIRD}_key"
logger = logging.getLogger("hub.tests")


@pytest.fixture
def lines() -> Iterator[Lines]:
    with json_lines() as lines:
        yield lines


def fail(message: str, *args: object) -> None:
    raise ValueError(message, *args)


def test_a_line_tells_whose_work_it_was(lines: Lines) -> None:
    origin = Origin("request-4711", kind="token", traceparent=f"00-{'a' * 32}-{'b' * 16}-01", caused_by="request-0815")
    with originating(origin):
        logger.warning("Busy: %s of %s", 3, 4, extra={"queue": "celery", "waiting": 7})
    [entry] = lines.entries("hub.tests")
    assert datetime.fromisoformat(entry.pop("time")).tzinfo is not None
    assert entry == {
        "level": "WARNING", "logger": "hub.tests", "message": "Busy: 3 of 4", "request_id": "request-4711",
        "caused_by": "request-0815", "trace_id": "a" * 32, "actor_kind": "token", "queue": "celery", "waiting": 7,
    }  # fmt: skip


@pytest.mark.django_db
def test_a_line_names_the_organization_that_is_worked_for(lines: Lines) -> None:
    organization = OrganizationFactory(name="Canary Tailors")
    with acting_for(organization.pk):
        logger.info("Within.")
    logger.info("Without.")
    within, without = lines.entries("hub.tests")
    assert within["organization_id"] == str(organization.pk)
    assert "organization_id" not in without
    assert "Canary" not in lines.text


CARD = "4242 4242 4242 4242"
SECRETIVE: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    (f"Refused: {KEY}", (), {}),
    ("Refused: %s", (KEY,), {}),
    ("Refused: %s", ({"api_key": BIRD},), {}),
    (f"Authorization: Bearer {BIRD}{BIRD}", (), {}),
    (f"GET https://api.example.com/?access_token={BIRD}", (), {}),
    ("Kept.", (), {"token": BIRD}),
    ("Kept.", (), {"headers": {"Authorization": BIRD, "X-Api-Key": BIRD}}),
    ("Kept.", (), {"body": [{"deep": {"password": BIRD}}, KEY, KEY.encode(), (KEY, {KEY})]}),
    ("Kept.", (), {"error": ValueError(KEY), "made": type("Made", (), {"__repr__": lambda self: KEY})()}),
    ("Kept.", (), {KEY: 1, "payload": {KEY: 2}}),
]


@pytest.mark.parametrize(("message", "args", "extra"), SECRETIVE)
def test_a_secret_is_in_no_line(message: str, args: tuple[Any, ...], extra: dict[str, Any], lines: Lines) -> None:
    logger.error(message, *args, extra=extra)
    assert len(lines.entries("hub.tests")) == 1
    assert BIRD not in lines.text


@pytest.mark.parametrize("args", [(KEY,), ("Bad", {"client_secret": BIRD}), (f"password={BIRD}",), (CARD,)])
def test_an_exception_tells_no_secret_that_it_was_made_with(args: tuple[Any, ...], lines: Lines) -> None:
    try:
        try:
            fail(*args)
        except ValueError as error:
            raise RuntimeError(f"api_key: {BIRD}") from error
    except RuntimeError:
        logger.exception("It went wrong.", extra={"data": {"args": args, "secret": BIRD}})
    [entry] = lines.entries("hub.tests")
    assert "RuntimeError" in entry["exception"]
    assert "ValueError" in entry["exception"]
    assert BIRD not in lines.text
    assert CARD not in lines.text


def test_a_card_number_is_in_no_line_as_a_number_either(lines: Lines) -> None:
    logger.error("Refused %s", CARD, extra={"pan": "4242424242424242", "seen": 4242424242424242, "amount": 1250})
    [entry] = lines.entries("hub.tests")
    assert "4242" not in lines.text
    assert entry["amount"] == 1250


def test_text_lines_are_redacted_too() -> None:
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(TextFormatter("%(levelname)s [%(request_id)s] %(message)s"))
    handler.addFilter(OriginFilter())
    logger.addHandler(handler)
    try:
        with originating(Origin("request-4711")):
            try:
                fail(KEY)
            except ValueError:
                logger.exception("Refused %s", KEY)
    finally:
        logger.removeHandler(handler)
    assert output.getvalue().startswith("ERROR [request-4711] Refused [redacted]\nTraceback")
    assert BIRD not in output.getvalue()


@pytest.mark.django_db
def test_an_error_that_no_view_answered_tells_no_address_and_no_header(lines: Lines, settings: Any) -> None:
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {KEY}"})
    client.get(f"/api/v1/logs/?token={BIRD}", headers={"Cookie": f"sessionid={BIRD}"})
    client.get(f"/nowhere/?api_key={BIRD}")
    assert lines.entries("django.request")
    assert BIRD not in lines.text


def _started(tmp_path: Path, **changes: str) -> str:
    """What a process logs under these settings."""
    script = "import logging; logging.getLogger('hub').warning('Up with %s', 'sk_test_canary0yellow')"
    environment = {**os.environ, "HUB_DATA_DIR": str(tmp_path), **changes}
    return subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", script], cwd=ROOT, env=environment,
        capture_output=True, text=True, timeout=60,
    ).stderr  # fmt: skip


def test_production_writes_json_and_development_text_unless_told_otherwise(tmp_path: Path) -> None:
    assert json.loads(_started(tmp_path, **PRODUCTION))["message"] == "Up with [redacted]"
    assert json.loads(_started(tmp_path, HUB_LOG_FORMAT="json"))["logger"] == "hub"
    for changes in ({}, {**PRODUCTION, "HUB_LOG_FORMAT": "text"}):
        assert "WARNING hub [] Up with [redacted]" in _started(tmp_path, **changes)


def test_what_other_programs_print_becomes_json_too() -> None:
    output = io.StringIO()
    printer = JSONPrinter(output)
    for data in ('{"level": "INFO"}\n', b"Traceback\n  File\n", f"{{not json}} {KEY}\n"):
        printer.write(Message(type="line", data=data, time=datetime.now(), name="web", colour=None))
    read = [json.loads(line) for line in output.getvalue().splitlines()]
    assert read[0] == {"level": "INFO"}
    assert [entry["message"] for entry in read[1:]] == ["Traceback", "  File", "{not json} [redacted]"]
    assert {entry["logger"] for entry in read[1:]} == {"web"}


def test_granian_loads_its_configuration() -> None:
    configuration = json.loads((ROOT / "config" / "granian_logs.json").read_text())
    script = f"""
import logging.config
logging.config.dictConfig({configuration!r})
logging.getLogger("_granian").info("Listening at: %s", "{uuid.UUID(int=0)}")
"""
    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert json.loads(told.stdout)["logger"] == "_granian"
