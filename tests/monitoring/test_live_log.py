"""The log's page while calls come in, and what stands above and behind it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from integrations.bounded import TookTooLong, reading_within
from integrations.models import Connection, Membership, Organization
from monitoring.pages import logs as page_of_logs
from monitoring.rollup import rollup
from tests.clients import signed_in
from tests.factories import ConnectionFactory, OrganizationFactory
from tests.slow_rows import read_slowly

from .calls import write_call

pytestmark = pytest.mark.django_db

FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def organization() -> Organization:
    return OrganizationFactory()


@pytest.fixture
def own(organization: Organization) -> Connection:
    return ConnectionFactory(organization=organization, connection_name="Ours")


@pytest.fixture
def client(organization: Organization) -> Client:
    return signed_in(organization, Membership.Role.VIEWER)


def refresh(client: Client, place: str, query: str = "") -> Any:
    response = client.get(f"/integrations/logs/?{query}&after={place}", headers=FRAGMENT)
    assert response.status_code == 200
    return response.context


def shown(context: Any) -> list[Any]:
    return [call.pk for call in context["calls"]]


def test_a_slow_call_is_not_missed_by_a_refresh(client: Client, own: Connection) -> None:
    """It began before calls that are shown by now, and is written down after them."""
    quick = write_call(own, "v1/quick", minutes_ago=0)
    first = client.get("/integrations/logs/")
    assert shown(first.context) == [quick.pk]
    slow = write_call(own, "v1/slow", minutes_ago=0.5)
    then = refresh(client, first.context["newest"])
    assert shown(then) == [slow.pk]
    assert shown(refresh(client, then["newest"])) == []


def test_a_refresh_keeps_to_the_filters(client: Client, own: Connection) -> None:
    place = client.get("/integrations/logs/?status=5xx&q=refunds").context["newest"]
    write_call(own, "v1/refunds")
    write_call(own, "v1/charges", status=503)
    meant = write_call(own, "v1/refunds", status=503)
    assert shown(refresh(client, place, "status=5xx&q=refunds")) == [meant.pk]


def test_more_than_a_refresh_shows_is_told(client: Client, own: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_of_logs, "NEWER_AT_MOST", 2)
    place = client.get("/integrations/logs/").context["newest"]
    for n in range(3):
        write_call(own, minutes_ago=n / 10)
    then = refresh(client, place)
    assert (len(then["calls"]), then["is_cut"]) == (2, True)


@pytest.mark.parametrize(
    ("query", "is_live"), [("", True), ("since=01/11/2026", True), ("since=01/11/2026&until=02/11/2026", False)]
)
def test_only_what_can_grow_is_asked_for_again(query: str, is_live: bool, client: Client, own: Connection) -> None:
    text = client.get(f"/integrations/logs/?{query}").content.decode()
    assert ("every 10s" in text) == is_live


def test_a_search_that_takes_too_long_says_so(client: Client, own: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    write_call(own)
    read_slowly("integration_logs")
    monkeypatch.setattr(page_of_logs, "SECONDS", 0.1)
    response = client.get("/integrations/logs/?q=charges")
    assert response.status_code == 200
    assert "The search took too long" in response.content.decode()


def test_many_short_statements_are_bounded_together() -> None:
    def read() -> None:
        with reading_within(0.3), database.cursor() as cursor:
            for _ in range(200):
                cursor.execute("SELECT pg_sleep(0.05)")

    started = time.monotonic()
    with pytest.raises(TookTooLong):
        read()
    assert time.monotonic() - started < 5
    with database.cursor() as cursor:  # and what comes after it is bounded no more
        cursor.execute("SELECT current_setting('statement_timeout')")
        assert cursor.fetchone() == ("0",)


def test_the_page_costs_few_queries(
    client: Client, own: Connection, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(60):
        write_call(own, minutes_ago=n / 10)
    with django_assert_max_num_queries(23):
        client.get("/integrations/logs/")
    with django_assert_max_num_queries(18):
        client.get("/integrations/logs/", headers=FRAGMENT)


def figures(client: Client, query: str) -> dict[str, tuple[str, str]]:
    response = client.get(f"/integrations/logs/statistics/?{query}", headers=FRAGMENT)
    assert response.status_code == 200
    return {stat["label"]: (stat["value"], str(stat["hint"])) for stat in response.context["strip"]}


def test_the_strip_adds_up_what_the_filters_show(client: Client, own: Connection) -> None:
    for n in range(1, 21):
        write_call(own, "v1/charges", response_time_ms=n * 10, status=200 if n <= 18 else 503)
    write_call(own, "v1/refunds", status=None, response_time_ms=None)
    write_call(ConnectionFactory(), "v1/charges", response_time_ms=9000)
    everything = figures(client, "period=24h")
    assert [value for value, _hint in everything.values()] == ["21", "18", "3", "105 ms", "190 ms"]
    assert {hint for _value, hint in everything.values()} == {""}
    assert figures(client, "q=refunds")["Calls"] == ("1", "")
    assert figures(client, "status=5xx")["Failed"] == ("2", "")


def test_beyond_a_bound_the_strip_says_what_it_is_of(
    client: Client, own: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.log_statistics.READ_AT_MOST", 10)
    for n in range(12):
        write_call(own, response_time_ms=10 if n else 500, minutes_ago=n + 1, status=503 if n == 11 else 200)
    told = figures(client, "method=GET")
    assert told["Calls"] == ("10", "at least")
    assert told["Failed"] == ("0", "of the newest 10")
    assert told["95 % answer within"] == ("500 ms", "of the newest 10")


def test_what_hours_add_up_to_is_whole_however_many_calls(
    client: Client, own: Connection, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.log_statistics.READ_AT_MOST", 5)
    other = ConnectionFactory(organization=organization, slug="tap")
    for n in range(40):
        write_call(own if n % 4 else other, minutes_ago=n * 30 + 1, status=200 if n % 5 else 503, response_time_ms=n)
    rollup(timezone.now() - timedelta(days=2))
    rollup()
    write_call(own, minutes_ago=0)  # after the rollup
    everything = figures(client, "period=24h")
    assert everything["Calls"] == ("41", "")
    assert (everything["Succeeded"][0], everything["Failed"][0]) == ("33", "8")
    assert everything["95 % answer within"][1] == "of the newest 5"
    assert figures(client, "provider=tap")["Calls"] == ("10", "")
    assert figures(client, f"connection={own.pk}")["Calls"] == ("31", "")


def test_a_call_is_shown_with_its_neighbours_within_the_filters(client: Client, own: Connection) -> None:
    failed = [write_call(own, f"v1/f{n}", minutes_ago=n, status=503) for n in (1, 3, 5)]
    write_call(own, "v1/good", minutes_ago=2)
    shown = client.get(f"/integrations/logs/{failed[1].pk}/?status=5xx&period=24h").context
    assert (shown["newer"], shown["older"]) == (failed[0], failed[2])
    assert client.get(f"/integrations/logs/{failed[1].pk}/").context["newer"].endpoint.endswith("good")
    alone = client.get(f"/integrations/logs/{failed[0].pk}/?status=5xx&q=f1").context
    assert (alone["newer"], alone["older"]) == (None, None)


def test_a_calls_bodies_unfold_and_its_other_attempts_are_listed(client: Client, own: Connection) -> None:
    first = write_call(own, "v1/a", request_id="req-1", minutes_ago=2, status=503, attempt=1)
    call = write_call(
        own, "v1/a", request_id="req-1", attempt=2, method="POST", request_body="amount=10&card%5Bname%5D=A",
        response_body='{"id":"pi_1","items":[{"sku":"عباءة"}]}', request_headers={"Authorization": "[redacted]"},
    )  # fmt: skip
    response = client.get(f"/integrations/logs/{call.pk}/")
    text = response.content.decode()
    assert [call.pk for call in response.context["siblings"]] == [first.pk]
    assert [branch.name for branch in response.context["answered"].branches] == ["id", "items"]
    assert [branch.name for branch in response.context["sent"].branches] == ["amount", "card[name]"]
    assert "عباءة" in text
    assert "$AUTHORIZATION" in text
