"""Health, by what a provider on the wire answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from integrations.models import Connection
from monitoring.health import check_connection, check_due
from monitoring.models import HealthCheck
from tests.factories import ConnectionFactory, RateLimitFactory
from tests.wire import WireAnswer, WireServer

WELL = WireAnswer(200, {"object": "balance"})


@pytest.fixture
def provider(settings: Settings) -> Iterator[WireServer]:
    settings.EGRESS_ALLOW = ["127.0.0.1"]
    with WireServer(lambda request: WELL) as server:
        yield server


def connect(provider: WireServer, **fields: object) -> Connection:
    return ConnectionFactory(
        configuration={"base_url": provider.url}, credentials={"api_key": "sk_test_sample_not_a_key"}, **fields
    )


def checked(connection: Connection, *answers: WireAnswer, provider: WireServer) -> list[str]:
    statuses = []
    for answer in answers:
        provider.answer = lambda request, answer=answer: answer
        statuses.append(str(check_connection(connection).status))
    return statuses


REFUSED = WireAnswer(401, {"error": {"message": "no such key"}})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([WELL], ["healthy"]),
        ([REFUSED], ["degraded"]),
        ([REFUSED, REFUSED], ["degraded", "down"]),
        ([REFUSED, WELL, REFUSED], ["degraded", "healthy", "degraded"]),
        ([REFUSED, REFUSED, REFUSED, WELL, WELL], ["degraded", "down", "down", "down", "healthy"]),
        ([WireAnswer(200, {"object": "balance"}, delay_seconds=2.1)], ["degraded"]),
    ],
    ids=["well", "one failure", "two failures", "apart", "recovery", "slow"],
)
def test_the_state_follows_the_answers(answers: list[WireAnswer], expected: list[str], provider: WireServer) -> None:
    connection = connect(provider)
    assert checked(connection, *answers, provider=provider) == expected
    connection.refresh_from_db()
    assert connection.health_status == expected[-1]
    assert connection.next_health_check is not None


@pytest.mark.django_db
def test_our_own_limit_concludes_nothing(provider: WireServer) -> None:
    connection = connect(provider)
    RateLimitFactory(connection=connection, max_requests=1)
    assert checked(connection, WELL, WELL, WELL, provider=provider) == ["healthy"] * 3
    assert len(provider.requests) == 1
    assert HealthCheck.objects.filter(metadata__skipped="rate limited").count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_sweep_checks_what_is_due_and_active_once(provider: WireServer) -> None:
    due = [connect(provider) for _ in range(5)]
    connect(provider, status=Connection.Status.INACTIVE)
    assert check_due() == 5
    assert check_due() == 0
    assert {check.connection_id for check in HealthCheck.objects.all()} == {connection.pk for connection in due}
