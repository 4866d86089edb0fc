"""Uptime by time: beside a reckoning of the same checks in Python, minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck as Tolerated
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.models import Connection
from monitoring.models import HealthCheck, MaintenanceWindow, UptimeDay
from monitoring.rollup import rollup
from monitoring.uptime import Uptime, uptime_between, uptime_of_days, write_days
from tests.factories import ConnectionFactory, OrganizationFactory

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 10, 20, tzinfo=UTC)  # midnight in Dubai
MINUTE = timedelta(minutes=1)
_WORDS = {"u": "healthy", "g": "degraded", "d": "down"}


def checked(connection: Connection, story: list[tuple[int, str]], kind: str = "authentication") -> None:
    """At a minute after the start, a state: u up, g degraded, d down."""
    HealthCheck.objects.bulk_create(
        HealthCheck(
            organization_id=connection.organization_id,
            connection=connection,
            check_timestamp=START + minute * MINUTE,
            status=_WORDS[state],
            check_type=kind,
        )
        for minute, state in story
    )


def in_window(connection: Connection, first: int, last: int, /, **scope: object) -> None:
    MaintenanceWindow.objects.create(
        organization_id=connection.organization_id,
        starts_at=START + first * MINUTE,
        ends_at=START + last * MINUTE,
        reason="r",
        **scope,
    )


def minutes(connection: Connection, first: int, last: int) -> tuple[float, float]:
    """Up and down between two minutes."""
    now = START + 10_000 * MINUTE
    found = uptime_between([connection.pk], START + first * MINUTE, START + last * MINUTE, now)
    uptime = found.get(connection.pk, Uptime(0, 0))
    return uptime.up_seconds / 60, uptime.down_seconds / 60


def test_a_state_holds_until_the_next_check_however_many_there_are() -> None:
    connection = ConnectionFactory()
    checked(connection, [(0, "u"), (60, "d"), (61, "d"), (62, "d"), (90, "u")])
    assert minutes(connection, 0, 120) == (90, 30)


def test_the_last_state_before_the_range_is_carried_in() -> None:
    connection = ConnectionFactory()
    checked(connection, [(-50, "u"), (-30, "d"), (60, "u")])
    assert minutes(connection, 0, 120) == (60, 60)


def test_what_was_found_holds_for_a_day_at_most() -> None:
    connection = ConnectionFactory()
    checked(connection, [(0, "u")])
    assert minutes(connection, 0, 3 * 1440) == (1440, 0)
    assert minutes(connection, 1441, 2000) == (0, 0)
    assert Uptime(0, 0).percent is None


def test_degraded_is_up_and_webhooks_say_nothing() -> None:
    connection = ConnectionFactory()
    checked(connection, [(0, "g")])
    checked(connection, [(10, "d")], kind="webhook")
    assert minutes(connection, 0, 60) == (60, 0)


def test_it_is_down_while_one_kind_of_check_finds_it_down() -> None:
    connection = ConnectionFactory()
    checked(connection, [(0, "u"), (10, "u"), (20, "u"), (30, "u")])
    checked(connection, [(0, "u"), (10, "d"), (25, "u")], kind="api_call")
    assert minutes(connection, 0, 40) == (25, 15)


def test_a_maintenance_window_counts_neither_way() -> None:
    connection = ConnectionFactory()
    other = ConnectionFactory(organization=connection.organization)
    for one in (connection, other):
        checked(one, [(0, "u"), (30, "d"), (60, "u")])
    in_window(connection, 40, 70, connection=connection)
    in_window(connection, 100, 110)  # of all
    assert minutes(connection, 0, 120) == (30 + 30 + 10, 10)
    assert minutes(other, 0, 120) == (30 + 40 + 10, 30)


def test_full_means_always() -> None:
    assert str(Uptime(999_999, 1).percent) == "99.99"
    assert str(Uptime(1, 0).percent) == "100.00"


def test_days_are_those_of_the_organizations_calendar_and_reach_into_the_night() -> None:
    """The last check of a day is an hour before midnight, the first of the next two hours after it."""
    connection = ConnectionFactory()
    now = START + 1440 * 3 * MINUTE
    checked(connection, [(0, "u"), (1440 - 60, "d")])
    write_days(START, START + 1440 * MINUTE, now=START + (1440 - 50) * MINUTE)
    assert day_of(connection, date(2026, 11, 11)) == (1440 - 60, 10)
    checked(connection, [(1440 + 120, "u")])
    write_days(START + 1440 * MINUTE, START + 2880 * MINUTE, now)
    assert day_of(connection, date(2026, 11, 11)) == (1440 - 60, 60)
    assert day_of(connection, date(2026, 11, 12)) == (1440 - 120, 120)


def test_a_day_without_any_check_has_what_was_found_before() -> None:
    connection = ConnectionFactory()
    checked(connection, [(1440 - 240, "u"), (2 * 1440 + 600, "u")])
    write_days(START, START + 4 * 1440 * MINUTE, now=START + 3 * 1440 * MINUTE)
    assert [day_of(connection, date(2026, 11, day)) for day in (11, 12, 13)] == [(240, 0), (1200, 0), (840, 0)]


def day_of(connection: Connection, day: date) -> tuple[float, float]:
    row = UptimeDay.objects.get(connection=connection, date=day)
    return row.up_seconds / 60, row.down_seconds / 60


def test_ranges_add_up_seconds_not_percentages() -> None:
    connection, stranger = ConnectionFactory(), ConnectionFactory()
    for day, (up, down) in {11: (100, 0), 12: (1000, 1000), 13: (0, 50)}.items():
        UptimeDay.objects.create(
            organization=connection.organization, connection=connection, date=date(2026, 11, day), up_seconds=up,
            down_seconds=down,
        )  # fmt: skip
    firsts = [date(2026, 11, 13), date(2026, 11, 12), date(2026, 11, 1)]
    found = uptime_of_days([connection.pk, stranger.pk], firsts, date(2026, 11, 13))
    assert found[connection.pk] == [Uptime(0, 50), Uptime(1000, 1050), Uptime(1100, 1050)]
    assert found[stranger.pk] == [Uptime(0, 0)] * 3


def test_the_rollup_keeps_days_of_connections_that_made_no_call() -> None:
    connection = ConnectionFactory(organization=OrganizationFactory(timezone="Pacific/Auckland"))
    checked(connection, [(0, "u"), (30, "d")])
    for _ in range(2):
        rollup(START, START + timedelta(days=2))
    local = START.astimezone(ZoneInfo("Pacific/Auckland")).date()
    assert UptimeDay.objects.filter(connection=connection, date=local, up_seconds=1800).count() == 1


stories = st.lists(st.tuples(st.integers(-300, 600), st.sampled_from("ugd")), max_size=25, unique_by=lambda one: one[0])
windows = st.lists(st.tuples(st.integers(-100, 600), st.integers(1, 120)), max_size=3)


@settings(max_examples=40, deadline=None, suppress_health_check=[Tolerated.function_scoped_fixture])
@given(stories, stories, windows)
def test_it_is_what_a_reckoning_minute_by_minute_says(
    authentication: list[tuple[int, str]], api_call: list[tuple[int, str]], work: list[tuple[int, int]]
) -> None:
    connection = ConnectionFactory()
    checked(connection, authentication)
    checked(connection, api_call, kind="api_call")
    for first, length in work:
        in_window(connection, first, first + length, connection=connection)
    up = down = 0
    for minute in range(500):
        states = [state for story in (authentication, api_call) if (state := _state_at(story, minute))]
        if states and not any(first <= minute < first + length for first, length in work):
            down += "d" in states
            up += "d" not in states
    assert minutes(connection, 0, 500) == (up, down)


def _state_at(story: list[tuple[int, str]], minute: int) -> str:
    return max((one for one in story if one[0] <= minute), default=(0, ""))[1]
