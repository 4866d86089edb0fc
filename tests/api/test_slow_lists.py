"""A list that is asked for too widely says so within its time."""

from __future__ import annotations

import pytest

from integrations.api import viewsets
from integrations.models import Organization
from tests.pages.rows import plant
from tests.slow_rows import read_slowly

from .client import ApiClient, error_of


@pytest.mark.parametrize(
    ("path", "table", "field"),
    [
        ("webhook-events/?q=nowhere", "webhook_events", "since"),
        ("webhook-deliveries/?type=nothing", "webhook_deliveries", "since"),
        ("payments/?country=SA", "payments", "since"),
        ("logs/?q=nowhere", "integration_logs", "since"),
        ("connections/", "integration_connections", ""),
    ],
)
def test_a_list_that_takes_too_long_asks_to_be_narrowed(
    path: str, table: str, field: str, api: ApiClient, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(organization, "ours")
    monkeypatch.setattr(viewsets, "LIST_SECONDS", 0.1)
    read_slowly(table)
    response = api.get(path)
    assert response.status_code == 400
    assert error_of(response)["message"] == "The search took too long: narrow it."
    assert error_of(response).get("field", "") == field
