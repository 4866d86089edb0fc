"""The dashboard and the rules in docs/ ask for what `/metrics` has, and for all of it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
import yaml
from django.conf import settings as django_settings
from django.utils import timezone

from monitoring.metrics import beat, calls
from monitoring.models import RollupWatermark
from tests.factories import ConnectionFactory, RateLimitFactory
from tests.served import ROOT

from .scrape import TOKEN, scrape

pytestmark = pytest.mark.django_db(transaction=True)
DASHBOARD: dict[str, Any] = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text())
RULES: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "prometheus-alerts.yml").read_text())
_NAME = re.compile(r"\bhub_[a-z_]+")
_SELECTOR = re.compile(r"\b(hub_[a-z_]+)\{([^}]*)\}")
_GROUPED = re.compile(r"\bby \(([^)]*)\)")


def panels() -> Iterator[dict[str, Any]]:
    for panel in DASHBOARD["panels"]:
        if panel["type"] != "row":
            yield panel


def dashboard_queries() -> list[str]:
    found = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [*found, *(one["definition"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query")]


def rules() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


@pytest.fixture
def samples(settings: Any) -> dict[str, set[str]]:
    """Names of samples with their labels, of a Hub in which there is something of everything."""
    settings.METRICS_TOKEN = TOKEN
    connection = ConnectionFactory()
    ends = timezone.now() + timedelta(minutes=1)
    RateLimitFactory(connection=connection, is_exceeded=True, window_end=ends)
    RollupWatermark.objects.update_or_create(level="hourly", defaults={"read_until": timezone.now()})
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        client.set(beat.KEY, time.time())
        client.hset(calls.KEY, mapping={"calls|stripe|ok|2xx": 1, "bucket|stripe|0": 1, "ms|stripe|": 20})
    found: dict[str, set[str]] = {}
    for family in scrape().values():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("expr", [*dashboard_queries(), *(rule["expr"] for rule in rules())])
def test_what_is_asked_for_exists(expr: str, samples: dict[str, set[str]]) -> None:
    names = set(_NAME.findall(expr))
    assert names
    assert names <= set(samples)
    for name, selector in _SELECTOR.findall(expr):
        asked = set(re.findall(r"(\w+)\s*[=!]~?", selector))
        assert asked <= samples[name], name
    for labels in _GROUPED.findall(expr):
        grouped = {label.strip() for label in labels.split(",")}
        assert all(grouped <= samples[name] for name in names), expr


def test_the_dashboard_shows_every_metric(samples: dict[str, set[str]]) -> None:
    shown = set(_NAME.findall(" ".join(dashboard_queries())))
    assert set(samples) - shown == set()


def test_the_dashboard_can_be_imported() -> None:
    assert DASHBOARD["schemaVersion"] >= 38  # Grafana 10
    assert DASHBOARD["id"] is None
    assert [one["name"] for one in DASHBOARD["templating"]["list"]] == ["datasource", "provider"]
    assert DASHBOARD["templating"]["list"][0]["type"] == "datasource"
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))
    for panel in panels():
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


def test_no_panel_lies_upon_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_each_rule_says_what_is_wrong_and_how_grave_it_is() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert re.fullmatch(r"\d+[mhd]", rule["for"])
        assert rule["annotations"]["summary"].endswith((".", "?"))
        assert rule["expr"].count("(") == rule["expr"].count(")")
