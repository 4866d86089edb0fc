"""The analytics of an organization with 500 connections and a year of rollups: two days to a year, and a filter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tests.bench.pages import measure, signed_in_client
from tests.bench.rollup_rows import organization_with_rows


def run() -> Iterator[dict[str, Any]]:
    from monitoring.days import today_of

    organization = organization_with_rows()
    client, today = signed_in_client(organization, "analytics"), today_of(organization)
    two_days, year = (f"since={today - timedelta(days=back):%d/%m/%Y}&until={today:%d/%m/%Y}" for back in (1, 364))
    for name, query in (
        ("analytics", ""),
        ("analytics_hours", two_days),
        ("analytics_quarter", "days=90"),
        ("analytics_filter", "days=90&environment=production&provider=stripe"),
        ("analytics_year", year),
    ):
        yield measure(name, client, f"/integrations/analytics/?{query}")
    yield measure("analytics_costs", client, "/integrations/costs/")
