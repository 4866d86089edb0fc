from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Connection
from integrations.models.base import first_uuid7
from monitoring.models import CallLog, DailyAnalytics, HealthCheck, HourlyMetrics

from .client import ApiClient

NOW = timezone.now()


@pytest.fixture
def own(connection: Connection) -> dict[str, Any]:
    return {"organization": connection.organization, "connection": connection}


def _ids(api: ApiClient, path: str, **query: str) -> list[str]:
    response = api.get(path, query)
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


def test_a_call_is_found_in_the_log_by_what_is_known_of_it(api: ApiClient, connection: Connection) -> None:
    api.get(f"connections/{connection.pk}/proxy/v1/balance", X_Request_Id="trace-me-4711")
    api.delete(f"connections/{connection.pk}/proxy/v1/nothing")
    newest, oldest = _ids(api, "logs/")
    detail = api.get(f"logs/{oldest}/").json()
    assert (detail["method"], detail["response_status"], detail["request_id"]) == ("GET", 200, "trace-me-4711")
    assert "sk_test" not in str(detail)
    for query in ({"method": "GET"}, {"status": "200"}, {"request_id": "trace-me-4711"}, {"q": "balance"}):
        assert _ids(api, "logs/", connection=str(connection.pk), **query) == [oldest]
    assert _ids(api, "logs/", status="404", log_type="api_response", operation="proxy") == [newest]
    assert _ids(api, "logs/", q="%") == []


def test_pages_of_the_log_go_on_where_times_are_equal(api: ApiClient, own: dict[str, Any]) -> None:
    rows = [CallLog.objects.create(**own, log_type="system", created_at=NOW).pk for _ in range(5)]
    seen, address = [], "/api/v1/logs/?page_size=2"
    while address:
        page = api.get(address).json()
        seen += [row["id"] for row in page["results"]]
        address = (page["next"] or "").partition("testserver")[2]
    assert seen == [str(key) for key in reversed(rows)]


def test_the_log_is_asked_for_older_days_by_name(api: ApiClient, own: dict[str, Any]) -> None:
    then = NOW - timedelta(days=40)
    old = CallLog.objects.create(**own, id=first_uuid7(then), log_type="system", created_at=then)
    assert _ids(api, "logs/") == []
    assert _ids(api, "logs/", since=(NOW - timedelta(days=41)).isoformat()) == [str(old.pk)]
    assert api.get(f"logs/{old.pk}/").json()["id"] == str(old.pk)


def test_a_call_of_long_ago_is_read_by_its_key(api: ApiClient, own: dict[str, Any]) -> None:
    when = NOW - timedelta(days=400)
    old = CallLog.objects.create(**own, id=first_uuid7(when), log_type="system", created_at=when)
    assert api.get(f"logs/{old.pk}/").json()["id"] == str(old.pk)
    assert api.get(f"logs/{uuid.uuid4()}/").status_code == 404


def test_the_log_is_filtered_as_on_its_page(api: ApiClient, own: dict[str, Any], connection: Connection) -> None:
    user = uuid.uuid4()
    lost = CallLog.objects.create(**own, log_type="error", created_at=NOW, user_id=user)
    broken = CallLog.objects.create(**own, log_type="api_response", created_at=NOW, response_status=503)
    assert _ids(api, "logs/", status_class="5xx") == [str(broken.pk)]
    assert _ids(api, "logs/", status_class="none") == [str(lost.pk)]
    assert _ids(api, "logs/", user=str(user)) == [str(lost.pk)]
    assert _ids(api, "logs/", provider=connection.provider.slug) == [str(broken.pk), str(lost.pk)]
    assert _ids(api, "logs/", provider="tap") == []
    assert api.get("logs/", {"status_class": "6xx"}).status_code == 400


def _there_and_back(api: ApiClient, query: str) -> list[list[str]]:
    """The pages by their rows: forwards to the last one, and from there backwards to the first."""
    seen, direction, address = [], "next", f"/api/v1/logs/?page_size=5&{query}"
    while address:
        page = api.get(address).json()
        seen.append([row["id"] for row in page["results"]])
        if direction == "next" and not page["next"]:
            direction = "previous"
        address = (page[direction] or "").partition("testserver")[2]
    return seen


def test_words_are_looked_for_page_by_page_and_back(api: ApiClient, own: dict[str, Any]) -> None:
    for n in range(24):
        name = "refund" if n % 2 else "charge"
        CallLog.objects.create(
            **own, log_type="system", endpoint=f"https://example.com/v1/{name}s", operation=name,
            response_body='{"code":"card_declined"}', created_at=NOW - timedelta(minutes=n // 6),
        )  # fmt: skip
    pages = _there_and_back(api, "q=/v1/refunds+card_decl")
    assert [len(page) for page in pages[:3]] == [5, 5, 2]
    assert pages == _there_and_back(api, "operation=refund")


def test_health_checks_are_listed(api: ApiClient, own: dict[str, Any], connection: Connection) -> None:
    up = HealthCheck.objects.create(**own, check_timestamp=NOW, status="healthy", response_time_ms=12)
    down = HealthCheck.objects.create(**own, check_timestamp=NOW - timedelta(days=2), status="down")
    assert _ids(api, "health-checks/") == [str(down.pk), str(up.pk)]
    assert _ids(api, "health-checks/", status="down") == [str(down.pk)]
    assert _ids(api, "health-checks/", since=(NOW - timedelta(days=1)).isoformat()) == [str(up.pk)]
    assert api.get(f"health-checks/{up.pk}/").json()["response_time_ms"] == 12


def test_days_and_hours_are_listed_newest_first(api: ApiClient, own: dict[str, Any]) -> None:
    today = NOW.date()
    days = [DailyAnalytics.objects.create(**own, date=today - timedelta(days=day), total_requests=7) for day in (0, 1)]
    hours = [HourlyMetrics.objects.create(**own, hour=NOW - timedelta(hours=hour)) for hour in (0, 1)]
    assert _ids(api, "analytics/") == [str(day.pk) for day in days]
    assert _ids(api, "analytics/", since=str(today)) == [str(days[0].pk)]
    assert _ids(api, "analytics/", until=str(today - timedelta(days=1))) == [str(days[1].pk)]
    assert _ids(api, "metrics-hourly/") == [str(hour.pk) for hour in hours]
    assert api.get(f"analytics/{days[0].pk}/").json()["total_requests"] == 7


@pytest.mark.parametrize("path", ["logs/", "health-checks/", "analytics/", "metrics-hourly/", "audit-logs/"])
def test_what_was_written_down_is_read_only(path: str, api: ApiClient) -> None:
    for call in (api.post, api.patch):
        assert call(path, {}).status_code in (403, 405)
