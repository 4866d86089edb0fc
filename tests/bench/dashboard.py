"""The dashboard of an organization with 500 connections and a year of rollups."""

from __future__ import annotations

from typing import Any

from tests.bench.pages import measure, signed_in_client
from tests.bench.rollup_rows import organization_with_rows


def run() -> dict[str, Any]:
    return measure("dashboard", signed_in_client(organization_with_rows(), "dashboard"), "/integrations/")
