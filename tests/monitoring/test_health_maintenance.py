"""Work that was announced: checks go on and are noted, nobody is alarmed, and the time does not count."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from integrations.errors import Conflict, InvalidRequest
from integrations.models import Connection
from monitoring.maintenance import change_window, end_window, is_in_maintenance, schedule_window
from monitoring.models import AuditLog, HealthCheck, MaintenanceWindow
from tests.factories import ConnectionFactory, OrganizationFactory, catalogue_row
from tests.wire import WireServer

from .health_wire import BROKEN, REFUSED, WELL, check, connect

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def announce(connection: Connection, /, **fields: Any) -> MaintenanceWindow:
    now = timezone.now()
    scope = {} if fields else {"connection": connection}
    given = {"starts_at": now - HOUR, "ends_at": now + HOUR, "reason": "New keys", **scope, **fields}
    return schedule_window(connection.organization, **given)


@pytest.mark.parametrize("answer", [BROKEN, REFUSED], ids=["an outage", "refused credentials"])
def test_in_a_window_nothing_goes_down_and_afterwards_it_does(answer: Any, provider: WireServer) -> None:
    connection = connect(provider)
    check(connection, WELL, provider=provider)
    window = announce(connection)
    found = check(connection, answer, answer, answer, provider=provider)
    assert (found.status, found.health_status) == ("active", "healthy")
    assert HealthCheck.objects.filter(in_maintenance=True, outcome__in=["failed", "refused"]).count() == 3
    end_window(window)
    assert check(connection, answer, provider=provider).health_status == "degraded"
    assert check(connection, answer, provider=provider).health_status == "down"


@pytest.mark.parametrize("scope", ["connection", "provider", "organization"])
def test_a_window_holds_for_what_it_names_and_for_nothing_else(scope: str) -> None:
    ours = ConnectionFactory()
    other = ConnectionFactory(organization=ours.organization)
    elsewhere = ConnectionFactory(organization=ours.organization, slug="sandbox")
    theirs = ConnectionFactory()
    given = {"connection": ours, "provider": ours.provider}
    announce(ours, **({scope: given[scope]} if scope in given else {"reason": "All of it"}))
    held = [is_in_maintenance(one) for one in (ours, other, elsewhere, theirs)]
    assert held == {
        "connection": [True, False, False, False],
        "provider": [True, True, False, False],
        "organization": [True, True, True, False],
    }[scope]  # fmt: skip


def test_a_window_holds_from_its_beginning_until_its_end() -> None:
    connection = ConnectionFactory()
    window = announce(connection)
    second = timedelta(seconds=1)
    moments = (window.starts_at - second, window.starts_at, window.ends_at - second, window.ends_at)
    assert [is_in_maintenance(connection, moment) for moment in moments] == [False, True, True, False]


def test_one_that_has_not_begun_is_taken_back_and_one_that_has_ends_now() -> None:
    connection = ConnectionFactory()
    now = timezone.now()
    ahead = announce(connection, connection=connection, starts_at=now + HOUR, ends_at=now + 2 * HOUR)
    end_window(ahead)
    assert not MaintenanceWindow.objects.filter(pk=ahead.pk).exists()
    running = announce(connection)
    for _ in range(2):
        end_window(running)
    assert not is_in_maintenance(connection)
    with pytest.raises(Conflict):
        change_window(running, reason="Too late")
    actions = list(AuditLog.objects.order_by("id").values_list("action", flat=True))
    assert actions == [
        "maintenance_window.created", "maintenance_window.cancelled",
        "maintenance_window.created", "maintenance_window.ended",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"hours": (2, 1)}, "ends_at"),
        ({"hours": (-3, -2)}, "ends_at"),
        ({"hours": (0, 24 * 32)}, "ends_at"),
        ({"provider": "sandbox"}, "provider"),
        ({"connection": "theirs"}, "connection"),
        ({"connection": "ours", "provider": "stripe"}, "provider"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(wrong: dict[str, Any], field: str) -> None:
    ours, theirs = ConnectionFactory(), ConnectionFactory(organization=OrganizationFactory())
    first, last = wrong.get("hours", (0, 1))
    now = timezone.now()
    given: dict[str, Any] = {"starts_at": now + first * HOUR, "ends_at": now + last * HOUR}
    if "provider" in wrong:
        given["provider"] = catalogue_row(wrong["provider"])
    if "connection" in wrong:
        given["connection"] = ours if wrong["connection"] == "ours" else theirs
    with pytest.raises(InvalidRequest) as refused, transaction.atomic():
        schedule_window(ours.organization, reason=wrong.get("reason", "New keys"), **given)
    assert refused.value.field == field
    assert not MaintenanceWindow.objects.exists()
