"""What follows from checks in a row: nothing is asked, so each case is a line."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.health_rules import (
    FLAPS,
    INTERVAL_UNWELL,
    REMEMBERED,
    Outcome,
    Rule,
    Seen,
    Status,
    conclude,
    pause_after,
    usual_ms,
    worst,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
_MET = {"w": Outcome.ANSWERED, "f": Outcome.FAILED, "r": Outcome.REFUSED, "s": Outcome.SKIPPED}
_STATE = {Status.HEALTHY: "H", Status.DEGRADED: "g", Status.DOWN: "D"}


def states(
    story: str, rule: Rule | None = None, *, minutes: float = 60, took_ms: int = 100, maintenance: str = ""
) -> str:
    """The state after each check of a story (w well, f failed, r refused, s skipped), a letter each: H, g or D.
    Under an `m` in `maintenance` work was announced."""
    before: list[Seen] = []
    told = ""
    for place, letter in enumerate(story):
        at = NOW + place * timedelta(minutes=minutes)
        in_window = maintenance[place : place + 1] == "m"
        newest = Seen(at, _MET[letter], took_ms, in_maintenance=in_window)
        verdict = conclude(newest, before, rule or Rule())
        told += _STATE[verdict.status]
        before = [Seen(at, newest.outcome, took_ms, verdict.status, in_window), *before][:REMEMBERED]
    return told


@pytest.mark.parametrize(
    ("story", "expected", "rule"),
    [
        ("w", "H", Rule()),
        ("f", "g", Rule()),
        ("ff", "gD", Rule()),
        ("fwf", "gHg", Rule()),
        ("ffww", "gDDH", Rule()),
        ("ffwfww", "gDDDDH", Rule()),
        ("rf", "gD", Rule()),
        ("f", "D", Rule(failures_until_down=1)),
        ("ffff", "gggD", Rule(failures_until_down=4)),
        ("ffw", "gDH", Rule(successes_until_recovery=1)),
        ("ffwww", "gDDDH", Rule(successes_until_recovery=3)),
        ("s", "H", Rule()),
        ("fsf", "ggD", Rule()),
        ("ffsww", "gDDDH", Rule()),
    ],
)
def test_failures_and_successes_in_a_row_decide(story: str, expected: str, rule: Rule) -> None:
    assert states(story, rule) == expected


@pytest.mark.parametrize(
    ("story", "maintenance", "expected"),
    [
        ("wffff", " mmmm", "HHHHH"),
        ("wffff", " mm  ", "HHHgD"),
        ("ffffw", "  mm ", "gDDDD"),
        ("ffww", "  mm", "gDDH"),
        ("fff", "m  ", "HgD"),
    ],
    ids=["all of it", "what was in it does not count", "down stays down", "an answer is an answer", "at first"],
)
def test_a_failure_in_a_window_says_nothing(story: str, maintenance: str, expected: str) -> None:
    assert states(story, maintenance=maintenance) == expected


def test_turning_to_and_fro_is_degraded_until_it_has_been_quiet_for_half_an_hour() -> None:
    told = states("wfwfw" + "w" * 30, Rule(failures_until_down=3), minutes=1)
    assert told[:5] == "HgHgg"
    assert told[5:30] == "g" * 25
    assert told[-1] == "H"
    assert states("wfwfw", Rule(failures_until_down=3), minutes=20)[-1] == "H"


def well(took_ms: int, status: Status = Status.HEALTHY, count: int = 1) -> list[Seen]:
    return [Seen(NOW - timedelta(minutes=place), Outcome.ANSWERED, took_ms, status) for place in range(1, count + 1)]


@pytest.mark.parametrize(
    ("took", "before", "rule", "expected"),
    [
        (2001, [], Rule(), Status.DEGRADED),
        (2000, [], Rule(), Status.HEALTHY),
        (600, well(100, count=10), Rule(), Status.DEGRADED),
        (300, well(100, count=10), Rule(), Status.HEALTHY),
        (600, well(100, count=4), Rule(), Status.HEALTHY),
        (150, well(10, count=10), Rule(), Status.HEALTHY),
        (600, [], Rule(baseline_ms=150), Status.DEGRADED),
        (600, well(100, count=10), Rule(baseline_ms=500), Status.HEALTHY),
        (400, well(100, count=10), Rule(slow_times=5), Status.HEALTHY),
        (400, [], Rule(slow_ms=300), Status.DEGRADED),
        (600, well(600, Status.DEGRADED, 20) + well(100, count=3), Rule(), Status.HEALTHY),
    ],
    ids=[
        "slow whatever is usual", "just not", "slower than usual", "not three times", "too few to tell",
        "too fast to notice", "by its own baseline", "which stands above the median", "by its own factor",
        "by its own bound", "long slow is usual",
    ],
)  # fmt: skip
def test_slow_is_against_what_is_usual(took: int, before: list[Seen], rule: Rule, expected: Status) -> None:
    assert conclude(Seen(NOW, Outcome.ANSWERED, took), before, rule).status == expected


def test_what_is_usual_is_the_median_of_the_good_checks_alone() -> None:
    before = [*well(900, Status.DEGRADED, 6), *well(100, count=3), *well(120, count=3)]
    assert usual_ms(before, Rule()) == 110


def test_only_refusals_in_a_row_are_a_refusal() -> None:
    refused = Seen(NOW, Outcome.REFUSED)
    assert conclude(refused, [Seen(NOW, Outcome.REFUSED, status=Status.DEGRADED)], Rule()).is_refused
    assert not conclude(refused, [Seen(NOW, Outcome.FAILED, status=Status.DEGRADED)], Rule()).is_refused
    assert not conclude(refused, [], Rule()).is_refused


def test_a_connection_is_as_well_as_the_least_well_of_its_kinds() -> None:
    assert worst([Status.HEALTHY, Status.DOWN, Status.DEGRADED]) == Status.DOWN


def test_one_that_is_not_well_is_looked_at_each_minute_and_none_at_the_same_time() -> None:
    rule = Rule(interval_seconds=300)
    assert pause_after(Status.HEALTHY, rule, 0) == timedelta(seconds=240)
    assert pause_after(Status.HEALTHY, rule, 1) == timedelta(seconds=360)
    assert pause_after(Status.DOWN, rule, 0.5) == INTERVAL_UNWELL
    assert pause_after(Status.DOWN, Rule(interval_seconds=30), 0.5) == timedelta(seconds=30)


stories = st.text("wfrs", min_size=1, max_size=60)
rules = st.builds(
    Rule, failures_until_down=st.integers(1, 20), successes_until_recovery=st.integers(1, 20), slow_ms=st.just(2000)
)


@given(stories, rules)
def test_it_is_down_after_so_many_failures_whatever_was_before(story: str, rule: Rule) -> None:
    assert states(story + "f" * rule.failures_until_down, rule)[-1] == "D"


@given(stories, rules)
def test_it_is_not_down_after_so_many_successes_whatever_was_before(story: str, rule: Rule) -> None:
    assert states(story + "w" * rule.successes_until_recovery, rule)[-1] != "D"


@given(stories, rules)
def test_it_goes_down_by_no_fewer_failures_and_comes_back_by_no_fewer_successes(story: str, rule: Rule) -> None:
    told = states(story, rule)
    counted = [(letter, state) for letter, state in zip(story, told, strict=True) if letter != "s"]
    for place, ((_, before), (_, after)) in enumerate(itertools.pairwise(counted), start=1):
        letters = "".join(letter for letter, _ in counted[: place + 1])
        if before != "D" and after == "D":
            assert len(letters) - len(letters.rstrip("fr")) >= rule.failures_until_down
        if before == "D" and after != "D":
            assert len(letters) - len(letters.rstrip("w")) >= rule.successes_until_recovery


@given(stories, rules)
def test_skipped_checks_change_nothing(story: str, rule: Rule) -> None:
    assert states(story + "sss", rule)[-1] == states(story, rule)[-1]


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_a_quiet_connection_is_healthy_and_a_restless_one_is_not(turns: list[bool]) -> None:
    """Of a rule that never finds it down, in a minute each: what is told follows from the last half hour alone."""
    story = "".join("w" if is_well else "f" for is_well in turns)
    told = states(story, Rule(failures_until_down=20, successes_until_recovery=1), minutes=1)[-1]
    recent = story[-31:]
    changes = sum(one != other for one, other in itertools.pairwise(recent))
    if story.endswith("w") and "D" not in states(story, Rule(failures_until_down=20), minutes=1):
        assert (told == "g") == (changes >= FLAPS)
