"""`/metrics` is closed until somebody says to whom it is open, and says in the log why it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from config.environment import Environment

from .scrape import TOKEN

pytestmark = pytest.mark.django_db


def ask(token: str = "", address: str = "192.0.2.7", **environ: str) -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client(REMOTE_ADDR=address, **environ).get("/metrics", headers=headers).status_code


@pytest.fixture
def networks(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_METRICS_NETWORKS", "192.0.2.0/28, 2001:db8::7")
    settings.METRICS_NETWORKS = Environment(settings.BASE_DIR).networks("HUB_METRICS_NETWORKS")


def test_it_is_closed_by_default(caplog: pytest.LogCaptureFixture) -> None:
    assert ask() == 404
    assert ask(TOKEN) == 404
    assert "HUB_METRICS_TOKEN or HUB_METRICS_NETWORKS" in caplog.text


def test_the_token_opens_it(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert ask(TOKEN) == 200
    for wrong in ("", f"{TOKEN}x", TOKEN[:-1], TOKEN.upper(), "é" * 20):
        assert ask(wrong) == 403
    assert Client().get("/metrics", headers={"Authorization": f"Basic {TOKEN}"}).status_code == 403
    assert Client().get("/metrics", {"token": TOKEN}).status_code == 403
    assert "192.0.2.7" in caplog.text
    assert TOKEN not in caplog.text
    assert TOKEN[:-1] not in caplog.text


def test_a_network_opens_it(networks: None) -> None:
    assert ask(address="192.0.2.7") == 200
    assert ask(address="::ffff:192.0.2.7") == 200
    assert ask(address="2001:db8::7") == 200
    assert ask(address="192.0.2.16") == 403
    assert ask(address="192.0.2.16", HTTP_X_FORWARDED_FOR="192.0.2.7") == 403


def test_with_both_both_are_asked_for(networks: None, settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert ask(TOKEN) == 200
    assert ask() == 403
    assert ask(TOKEN, address="192.0.2.16") == 403


def test_it_is_read_and_nothing_else(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    client = Client(headers={"Authorization": f"Bearer {TOKEN}"})
    assert client.head("/metrics").status_code == 200
    assert client.post("/metrics").status_code == 405
    answer = client.get("/metrics")
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("accept", ["", "application/json", "text/plain;version=0.0.4", "*/*;q=0.1", ";;,=,"])
def test_whatever_is_accepted_it_answers(accept: str, settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    client = Client(headers={"Authorization": f"Bearer {TOKEN}", "Accept": accept})
    assert client.get("/metrics").status_code == 200
