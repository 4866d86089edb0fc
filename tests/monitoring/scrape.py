"""Prometheus's end of `/metrics`: scrapes as it does, with its own parser."""

from __future__ import annotations

from typing import Any

from django.test import Client
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from monitoring.metrics import calls
from monitoring.metrics.collector import COLLECTOR

TOKEN = "sample-token-of-a-scraper"


def scrape(**headers: str) -> dict[str, Metric]:
    """Families by name, after every count has reached Redis, and anew whoever has just asked."""
    calls.flush()
    COLLECTOR.forget()
    response = ask(**headers)
    assert response.status_code == 200, response.content
    return {family.name: family for family in text_string_to_metric_families(response.content.decode())}


def ask(**headers: str) -> Any:
    return Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}", **headers})


def value(families: dict[str, Metric], sample: str, **labels: str) -> float | None:
    """Of the sample with exactly these labels."""
    for family in families.values():
        for one in family.samples:
            if one.name == sample and one.labels == labels:
                return float(one.value)
    return None
