"""Many connections at once: each bounded, none lost, and no sweep beside another."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.utils import timezone

from integrations import connection_state, egress
from integrations.admission import admit
from integrations.admission_ahead import read_ahead
from integrations.models import Connection, RateLimit
from integrations.operations.locks import AdvisoryLock
from monitoring.health import check_due
from monitoring.models import CallLog, HealthCheck
from tests.factories import OrganizationFactory, RateLimitFactory
from tests.wire import WireAnswer, WireServer

from .health_wire import BROKEN, WELL, check, connect

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_hangs_holds_up_nothing_and_is_given_up_after_ten_seconds(provider: WireServer) -> None:
    connections = [connect(provider) for _ in range(12)]
    hanging = {str(one.pk) for one in connections[:3]}
    slow = WireAnswer(200, {"object": "balance"}, delay_seconds=30)
    provider.answer = lambda request: slow if request.path.split("/")[1] in hanging else WELL
    told: list[str] = []
    started = time.monotonic()
    assert check_due(lambda judged: told.append(str(judged.connection.pk))) == 12
    assert 10 <= time.monotonic() - started < 14
    assert set(told[-3:]) == hanging  # the others did not wait for them
    failed = HealthCheck.objects.filter(outcome="failed")
    assert {str(key) for key in failed.values_list("connection", flat=True)} == hanging
    assert all(check.response_time_ms <= 10_600 for check in failed)


def test_a_name_that_is_looked_up_for_ever_is_given_up_as_well(
    provider: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No time-out of ours reaches into the system's resolver: the thread is left to it."""
    released = threading.Event()

    def hang(host: str, *args: object, **options: object) -> list[Any]:
        released.wait(60)
        raise OSError

    connection, other = connect(provider), connect(provider)
    connection.configuration = {"base_url": "https://hanging.example.com"}
    connection.save()
    resolve = egress.socket.getaddrinfo
    monkeypatch.setattr(
        egress.socket, "getaddrinfo", lambda host, *a, **k: (hang if "hanging" in host else resolve)(host, *a, **k)
    )
    started = time.monotonic()
    try:
        assert check_due() == 2
        assert time.monotonic() - started < 13
    finally:
        released.set()
    assert HealthCheck.objects.get(connection=connection).error_message == "The check did not end in time."
    assert HealthCheck.objects.filter(connection=other, outcome="answered").exists()


def test_two_sweeps_do_not_overlap(provider: WireServer) -> None:
    """A second worker's sweep ends at once, and a program's that insists is told."""
    connect(provider)
    provider.answer = lambda request: WireAnswer(200, {"object": "balance"}, delay_seconds=1)
    with ThreadPoolExecutor(1) as other_worker:
        first = other_worker.submit(_in_own_session, check_due)
        time.sleep(0.5)
        assert check_due() == 0
        with pytest.raises(CommandError, match="at work already"):
            call_command("check_health", "--all", stdout=StringIO())
        assert first.result() == 1
    assert HealthCheck.objects.filter(check_type="authentication").count() == 1


def _in_own_session(work: Any) -> Any:
    try:
        return work()
    finally:
        database.close()


def test_what_a_killed_sweep_had_claimed_comes_back(provider: WireServer) -> None:
    """The process is killed while its checks hang: nothing of it is written, and its lock is free again."""
    connections = [connect(provider) for _ in range(3)]
    provider.answer = lambda request: WireAnswer(200, {"object": "balance"}, delay_seconds=20)
    program = (
        "import django; django.setup(); from django.conf import settings; settings.EGRESS_ALLOW = ['127.0.0.1'];"
        f"settings.DATABASES['default']['NAME'] = {database.settings_dict['NAME']!r};"
        "from monitoring.health import check_due; check_due()"
    )
    import os

    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    sweeping = subprocess.Popen([sys.executable, "-c", program], env=environment)
    give_up = time.monotonic() + 30
    while len(provider.requests) < 3 and time.monotonic() < give_up:
        time.sleep(0.05)
    sweeping.kill()
    sweeping.wait()
    assert len(provider.requests) == 3
    assert HealthCheck.objects.count() == 0
    claimed = Connection.objects.values_list("next_health_check", flat=True)
    assert all(moment is not None and moment > timezone.now() for moment in claimed)

    Connection.objects.update(next_health_check=timezone.now())  # the minute of the claim is over
    provider.answer = lambda request: WELL
    for _ in range(50):
        if checked := check_due():
            break
        time.sleep(0.1)  # until PostgreSQL has noticed that its client is gone
    assert checked == len(connections)


def test_what_falls_due_while_a_sweep_is_at_work_is_the_next_ones(provider: WireServer) -> None:
    first, late = connect(provider), connect(provider)
    Connection.objects.filter(pk=late.pk).update(next_health_check=timezone.now() + timezone.timedelta(seconds=0.6))
    provider.answer = lambda request: WireAnswer(200, {"object": "balance"}, delay_seconds=1)
    assert check_due() == 1
    assert set(HealthCheck.objects.values_list("connection", flat=True)) == {first.pk}


def test_more_connections_than_there_are_threads_and_sessions_are_all_checked(provider: WireServer) -> None:
    for _ in range(130):
        connect(provider)
    RateLimit.objects.all().delete()  # the rows of their provider's limit have to be made, which takes a session
    provider.answer = lambda request: WireAnswer(200, {"object": "balance"}, delay_seconds=0.5)
    assert check_due() == 130
    assert set(HealthCheck.objects.values_list("outcome", flat=True)) == {"answered"}
    assert CallLog.objects.filter(operation="health").count() == 260


def test_without_redis_health_is_checked_all_the_same(provider: WireServer, settings: Any) -> None:
    connections = [connect(provider) for _ in range(40)]
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert check_due() == len(connections)
    assert set(HealthCheck.objects.values_list("outcome", flat=True)) == {"answered"}


def test_inactive_connections_organizations_and_providers_are_let_be(provider: WireServer) -> None:
    connect(provider, status=Connection.Status.INACTIVE)
    connect(provider, organization=OrganizationFactory(is_active=False))
    switched_off = connect(provider, slug="sandbox")
    switched_off.provider.is_active = False
    switched_off.provider.save()
    assert check_due() == 0


def test_calls_that_were_given_out_ahead_are_the_windows_own(provider: WireServer) -> None:
    """As many calls go out as the limit allows, whether a lot was had ahead or for the call itself."""
    connection = connect(provider)
    limit = RateLimitFactory(connection=connection, max_requests=3)
    read_ahead([connection])
    limit.refresh_from_db()
    assert limit.reserved == 1
    for _ in range(3):
        admit(connection)
    with pytest.raises(Exception, match="is used up"):
        admit(connection)
    read_ahead([connection])
    limit.refresh_from_db()
    assert (limit.reserved, limit.is_exceeded) == (3, True)


def test_threads_may_come_and_go_without_end(provider: WireServer) -> None:
    connection = connect(provider)
    admit(connection)
    for _ in range(120):
        with ThreadPoolExecutor(1) as short_lived:
            short_lived.submit(connection_state.read, [connection.pk], ("run",)).result()
            short_lived.submit(connection_state.run_script, "return 1", [], []).result()


def test_the_command_checks_tells_and_exits_by_what_it_found(provider: WireServer) -> None:
    ours, theirs = connect(provider), connect(provider)
    out = StringIO()
    call_command("check_health", "--connection", str(ours.pk), stdout=out, stderr=StringIO())
    assert out.getvalue().startswith("healthy")
    assert "1 connections checked, 0 down." in out.getvalue()

    check(theirs, BROKEN, BROKEN, provider=provider)
    out = StringIO()
    with pytest.raises(SystemExit) as down:
        call_command("check_health", "--all", stdout=out, stderr=StringIO())
    assert down.value.code == 1
    assert "2 connections checked, 2 down." in out.getvalue() or "1 down." in out.getvalue()
    assert "something broke" in out.getvalue()
    for wrong in (["--organization", "nobody"], ["--provider", "nobody"], ["--connection", "nobody"]):
        with pytest.raises(CommandError) as error:
            call_command("check_health", *wrong, stdout=StringIO())
        assert error.value.returncode == 2


def test_the_lock_is_given_back(provider: WireServer) -> None:
    connect(provider)
    check_due()
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE objid = %s", [int(AdvisoryLock.HEALTH_SWEEP)])
        assert cursor.fetchone() == (0,)
