"""What Slack, Teams and Telegram are sent by the courier's own process, at the addresses that they really have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.beyond_proxy import BeyondProxy
from tests.served import ROOT
from tests.tls import self_signed
from tests.wire import WireAnswer, WireRequest

from .alert_services import SLACK, TEAMS_SECRET, TELEGRAM, Slack, Teams, Telegram

TEAMS = f"workflows://127.0.0.1:443/sampleworkflow/{TEAMS_SECRET}"
TITLE = "[Tailor] Opened: Connection down"
BODY = """<!channel> & <b>Sons</b> *_Shop_* <at>all</at> (Stripe) is down. Answered <500>.

Open since 27/11/2026 10:12.

https://hub.example.com/integrations/alerts/0193/"""
Post = Callable[[Any, str, str], dict[str, Any]]
SERVICES = [(Slack, SLACK), (Telegram, TELEGRAM), (Teams, TEAMS)]


@pytest.fixture
def post(tmp_path: Path) -> Post:
    """Has the courier's process send a message; the process has nothing but a proxy, behind which the service is."""
    certificate = self_signed(tmp_path, "hooks.slack.com", "api.telegram.org", "127.0.0.1")

    def send(service: Any, url: str, body: str) -> dict[str, Any]:
        def answer(place: str, request: WireRequest) -> WireAnswer:
            found: WireAnswer = service(request)
            return found if place == service.place else WireAnswer(421)

        with BeyondProxy(certificate, answer) as world:
            settings = {"EGRESS_ALLOW": ["127.0.0.1"], "PUBLIC_URL": "https://hub.example.com", "SANDBOX": False}
            lines = [settings, {"url": url, "title": TITLE, "body": body, "type": "failure"}]
            done = subprocess.run(
                [sys.executable, "-m", "monitoring.alerting.courier_process"],
                input="".join(json.dumps(line) + "\n" for line in lines),
                env={"PATH": os.defpath, "HTTPS_PROXY": world.url, "REQUESTS_CA_BUNDLE": str(certificate)},
                cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
            )  # fmt: skip
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    return send


@pytest.mark.parametrize(("service", "url"), SERVICES)
def test_a_message_arrives_as_the_service_documents_it_and_mentions_nobody(post: Post, service: Any, url: str) -> None:
    there = service()
    told = post(there, url, BODY)
    assert "code" not in told, told
    [shown] = there.shown
    assert TITLE in shown
    lines = [line for line in BODY.splitlines() if line]
    assert [line for line in shown.splitlines() if line in lines] == lines


@pytest.mark.parametrize(("service", "url"), SERVICES)
def test_a_service_s_refusal_is_told_by_its_status(post: Post, service: Any, url: str) -> None:
    class Closed(service):  # type: ignore[misc]
        def __call__(self, request: WireRequest) -> WireAnswer:
            return WireAnswer(403, b"action_prohibited")

    told = post(Closed(), url, BODY)
    assert (told["code"], told["values"]) == ("rejected_by_provider", {"status": "403"})
    assert "sample" not in json.dumps(told)
